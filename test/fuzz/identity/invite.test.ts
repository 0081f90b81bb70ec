import { createSecretKey } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { deviceIdFromHash } from "../../../src/core/ids.ts";
import { decodeInvite, encodeInvite, type Invite } from "../../../src/identity/invite.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constantFrom("nas", "fe80::1%eth0"));
const invite: fc.Arbitrary<Invite> = fc.record({
  id: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(deviceIdFromHash),
  secret: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => createSecretKey(bytes)),
  expiresAt: fc.nat(0xffff_ffff).map((seconds) => seconds * 1000),
  address: fc.option(fc.record({ host, port: fc.integer({ min: 1, max: 65_535 }) }), { nil: undefined }),
});

/** Spacing, dashes and case as a mail program or a person might change them. */
const worn = (text: string, wear: readonly number[]) =>
  [...text]
    .map((char, at) => {
      const how = wear[at % wear.length] ?? 0;
      return `${how & 1 ? char.toUpperCase() : char}${["", "", " ", "-", "\n", "\t"][how >> 1] ?? ""}`;
    })
    .join("");

function isRefused(text: string): boolean {
  try {
    decodeInvite(text);
    return false;
  } catch (error) {
    if (error instanceof LanxferError && error.code === "E_INVITE") return true;
    throw error;
  }
}

describe("an invite", () => {
  it("arrives whole, however it was spaced and whatever case it was written in", () => {
    fc.assert(
      fc.property(invite, fc.array(fc.nat(11), { minLength: 1, maxLength: 20 }), (made, wear) => {
        const { secret, ...rest } = decodeInvite(worn(encodeInvite(made), wear));
        expect(secret.equals(made.secret)).toBe(true);
        expect(rest).toEqual({ id: made.id, expiresAt: made.expiresAt, address: made.address });
      }),
      { numRuns: 2_000 },
    );
  });

  it("is refused with any one character changed, and cut at any place", () => {
    fc.assert(
      fc.property(invite, fc.nat(), fc.nat(31), (made, where, digit) => {
        const text = encodeInvite(made);
        const at = where % text.length;
        const other = ALPHABET[digit];
        if (other !== text[at]) expect(isRefused(text.slice(0, at) + other + text.slice(at + 1))).toBe(true);
        expect(isRefused(text.slice(0, at))).toBe(true);
      }),
      { numRuns: 10_000 },
    );
  });

  it("is not found in anything else", () => {
    const noise = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 300 }).map((text) => `lanxfer-${text}`),
    );
    fc.assert(fc.property(noise, isRefused), { numRuns: 20_000 });
  });
});
