import { createSecretKey } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { decodeInvite, encodeInvite, type Invite } from "../../../src/identity/invite.ts";
import { idOf } from "./support/ids.ts";

const secretBytes = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
const plain: Invite = {
  id: idOf("nas"),
  secret: createSecretKey(secretBytes),
  expiresAt: Date.UTC(2026, 0, 2, 3, 4, 5),
  address: undefined,
};
const text = encodeInvite(plain);

/** What decoding `wrong` throws; fails when it throws nothing. */
function refusal(wrong: string): LanxferError {
  try {
    decodeInvite(wrong);
  } catch (error) {
    if (error instanceof LanxferError) return error;
    throw error;
  }
  throw new Error(`accepted: ${wrong}`);
}

describe("the text of an invite", () => {
  it("is one word of about 100 letters and digits that says what it is", () => {
    expect(text).toMatch(/^lanxfer-[a-z2-7]{93}$/);
  });

  it("gives back what it was made of", () => {
    const { secret, ...rest } = decodeInvite(text);
    expect(secret.export().equals(secretBytes)).toBe(true);
    expect(rest).toEqual({ id: plain.id, expiresAt: plain.expiresAt, address: undefined });
  });

  it.each([
    ["192.0.2.7", 25_726],
    ["nas", 1],
    ["nas.example.org", 65_535],
    ["_under-score.local", 80],
    ["::1", 25_726],
    ["fe80::1%eth0", 25_726],
    ["2001:db8::192.0.2.1", 25_726],
    ["x".repeat(249), 25_726],
  ])("carries the address %s port %d", (host, port) => {
    expect(decodeInvite(encodeInvite({ ...plain, address: { host, port } })).address).toEqual({ host, port });
  });

  it.each([
    ["", 1],
    ["a b", 1],
    ["nas", 0],
    ["nas", 65_536],
    ["nas", 1.5],
    ["nas/x", 1],
    ["[::1]", 1],
    ["ü.local", 1],
    ["a\u0000", 1],
    ["x".repeat(250), 25_726],
  ])("is not made with the address %j port %d", (host, port) => {
    expect(() => encodeInvite({ ...plain, address: { host, port } })).toThrow(LanxferError);
  });

  it("rounds its expiry up to a second, and holds any clock", () => {
    const expiry = (expiresAt: number) => decodeInvite(encodeInvite({ ...plain, expiresAt })).expiresAt;
    expect(expiry(1_001)).toBe(2_000);
    expect(expiry(1e15)).toBe(0xffff_ffff * 1000);
  });
});

describe("an invite that a person passed on", () => {
  it.each([
    ["in upper case", text.toUpperCase()],
    ["with a line break at the end", `${text}\r\n`],
    ["broken over lines and indented", text.replace(/(.{20})/g, "$1\n  ")],
    ["in groups", text.replace(/(.{4})/g, "$1-")],
    ["without its dash", text.replace("-", "")],
    ["with tabs and no-break spaces", ` \t${text}\u00a0`],
  ])("is read %s", (_, passed) => {
    expect(decodeInvite(passed).id).toBe(plain.id);
  });

  it.each([
    ["nothing", ""],
    ["only the prefix", "lanxfer-"],
    ["without the prefix", text.slice("lanxfer-".length)],
    ["with another prefix", text.replace("lanxfer", "lanxfen")],
    ["with something behind it", `${text}a`],
    ["twice", `${text}${text}`],
    ["in quotes", `"${text}"`],
    ["with a letter of another script that lower-cases to k", text.replace(/k/, "\u212a")],
    ["an empty word of the right length", `lanxfer-${"a".repeat(93)}`],
    ["very long", `${text}${" ".repeat(1024)}`],
    ["binary", "lanxfer-\u0000\uffff"],
  ])("is refused when it is %s", (_, passed) => {
    expect(passed).not.toBe(text);
    expect(refusal(passed).code).toBe("E_INVITE");
  });

  it("is refused cut at any length, and with any one character lost", () => {
    for (let at = 0; at < text.length; at++) {
      expect(refusal(text.slice(0, at)).code).toBe("E_INVITE");
      if (text[at] !== "-") expect(refusal(text.slice(0, at) + text.slice(at + 1)).code).toBe("E_INVITE");
    }
  });

  it("is refused with any one character changed to any other", () => {
    for (let at = 0; at < text.length; at++) {
      for (const char of "abcdefghijklmnopqrstuvwxyz234567") {
        if (char !== text[at]) expect(refusal(text.slice(0, at) + char + text.slice(at + 1)).code).toBe("E_INVITE");
      }
    }
  });

  it("is refused with any two neighbours swapped", () => {
    for (let at = "lanxfer-".length; at + 1 < text.length; at++) {
      const swapped = text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2);
      if (swapped !== text) expect(refusal(swapped).code).toBe("E_INVITE");
    }
  });

  it("is always refused in the same words, which repeat nothing of it", () => {
    const words = new Set([refusal(""), refusal(text.slice(1)), refusal(`${text}a`)].map(({ message }) => message));
    expect(words.size).toBe(1);
    expect(refusal(`${text}a`).details).toEqual({});
  });
});

describe("the secret of an invite", () => {
  it("does not show when the invite is printed, logged or sent as JSON", () => {
    const invite = decodeInvite(text);
    for (const shown of [inspect(invite, { depth: 9, showHidden: true }), JSON.stringify(invite), String(invite)]) {
      expect(shown).not.toContain(secretBytes.toString("hex"));
      expect(shown).not.toContain(secretBytes.toString("base64"));
      expect(shown).not.toContain("12,13,14");
      expect(shown).not.toContain("0c 0d 0e");
    }
  });
});
