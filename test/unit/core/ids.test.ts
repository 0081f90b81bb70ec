import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import {
  base32Decode,
  base32Encode,
  deviceIdBytes,
  deviceIdFromHash,
  formatDeviceId,
  isDeviceId,
  isTransferId,
  parseDeviceId,
  shortId,
  transferIdFrom,
} from "../../../src/core/ids.ts";

const hash = createHash("sha256").update("a key").digest();
const id = deviceIdFromHash(hash);

describe("base32", () => {
  // RFC 4648 section 10, in lower case and without padding.
  it.each([
    ["", ""],
    ["f", "my"],
    ["fo", "mzxq"],
    ["foo", "mzxw6"],
    ["foob", "mzxw6yq"],
    ["fooba", "mzxw6ytb"],
    ["foobar", "mzxw6ytboi"],
  ])("of %j is %j", (text, encoded) => {
    expect(base32Encode(Buffer.from(text))).toBe(encoded);
    expect(base32Decode(encoded)).toEqual(new Uint8Array(Buffer.from(text)));
  });

  it.each([
    ["a length that no encoder writes", "m"],
    ["another such length", "mzx"],
    ["and another", "mzxw6y"],
    ["left-over bits that are set", "mz"],
    ["upper case", "MY"],
    ["padding", "my======"],
    ["a digit outside the alphabet", "m1"],
    ["a space", "my "],
    ["a character of two units", "😀a"],
  ])("refuses %s", (_, text) => {
    expect(base32Decode(text)).toBeUndefined();
  });
});

describe("a device id", () => {
  it("has 52 characters, the bytes of the hash and a short form", () => {
    expect(id).toHaveLength(52);
    expect(isDeviceId(id)).toBe(true);
    expect(deviceIdBytes(id)).toEqual(new Uint8Array(hash));
    expect(id.startsWith(shortId(id))).toBe(true);
    expect(shortId(id)).toHaveLength(8);
  });

  it("is not made from anything but 32 bytes", () => {
    expect(() => deviceIdFromHash(hash.subarray(0, 31))).toThrow(/invariant/);
    expect(() => deviceIdFromHash(new Uint8Array(0))).toThrow(/invariant/);
  });

  it("is shown in 13 groups of four and read back from them", () => {
    const shown = formatDeviceId(id);
    expect(shown).toMatch(/^([a-z2-7]{4}-){12}[a-z2-7]{4}$/);
    expect(parseDeviceId(shown)).toBe(id);
    expect(parseDeviceId(` ${shown.toUpperCase().replaceAll("-", " ")}\n`)).toBe(id);
  });

  it.each([
    ["nothing", ""],
    ["one character less", id.slice(1)],
    ["one character more", `${id}a`],
    ["a newline at the end", `${id}\n`],
    ["upper case", id.toUpperCase()],
    ["a last character with bits beyond the hash", `${id.slice(0, 51)}b`],
    ["a character outside the alphabet", `1${id.slice(1)}`],
  ])("is strict for what comes from the network: %s", (_, text) => {
    expect(isDeviceId(text)).toBe(false);
  });

  it("is a string", () => {
    for (const value of [undefined, null, 7, {}, [id]]) expect(isDeviceId(value)).toBe(false);
  });

  it("that a person mistyped is a usage error", () => {
    for (const text of ["", "alice", id.slice(1), `${id.slice(1)}1`]) {
      expect(() => parseDeviceId(text)).toThrow(LanxferError);
    }
  });
});

describe("a transfer id", () => {
  it("is 16 characters of 10 random bytes", () => {
    const transfer = transferIdFrom(Buffer.from("00112233445566778899", "hex"));
    expect(transfer).toBe("aaisem2ekvthpcez");
    expect(isTransferId(transfer)).toBe(true);
  });

  it("is not made from fewer bytes", () => {
    expect(() => transferIdFrom(Buffer.alloc(9))).toThrow(/invariant/);
  });

  it("is strict for what comes from the network", () => {
    for (const value of ["", "a".repeat(15), "a".repeat(17), "../../../etc/pas", `${"a".repeat(16)}\n`, 5, null]) {
      expect(isTransferId(value)).toBe(false);
    }
  });
});
