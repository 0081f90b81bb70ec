import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cut, cutToBytes, formatDuration, formatSize, safe } from "../../../src/core/text.ts";

// Listed here once more, code by code, so that a slip in the product's own
// pattern shows: controls (ECMA-48), line separators, and the characters with
// the property Bidi_Control (Unicode Standard Annex 9).
const FORBIDDEN = new Set<number>([
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, code) => 0x7f + code),
  0x061c,
  0x200e,
  0x200f,
  0x2028,
  0x2029,
  ...[0x202a, 0x202b, 0x202c, 0x202d, 0x202e],
  ...[0x2066, 0x2067, 0x2068, 0x2069],
  0xfeff,
]);

const forbidden = fc.constantFrom(...[...FORBIDDEN].map((code) => String.fromCodePoint(code)));
const loneSurrogate = fc.integer({ min: 0xd800, max: 0xdfff }).map((code) => String.fromCharCode(code));
const hostile = fc
  .array(fc.oneof(forbidden, loneSurrogate, fc.string({ unit: "binary", maxLength: 5 })), { maxLength: 100 })
  .map((parts) => parts.join(""));

describe("text made safe", () => {
  it("holds no control character, no bidirectional control and no half of a character, whatever went in", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 300 }), (text, max) => {
        const shown = safe(text, max);
        expect(shown.isWellFormed()).toBe(true);
        for (const char of shown) expect(FORBIDDEN.has(char.codePointAt(0) ?? 0)).toBe(false);
      }),
      { numRuns: 20_000 },
    );
  });

  it("needs no second pass, and never grows beyond what one escape a character takes", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = safe(text, 1_000);
        expect(safe(shown, 100_000)).toBe(shown);
        expect(shown.length).toBeLessThanOrEqual(1_000 * "\\u{feff}".length);
      }),
      { numRuns: 5_000 },
    );
  });

  it("is the text itself where there is nothing to escape", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 100 }), (text) => {
        if (![...text].some((char) => FORBIDDEN.has(char.codePointAt(0) ?? 0))) expect(safe(text)).toBe(text);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("cutting", () => {
  it("gives the longest start that fits and stays whole", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.nat(90), (text, max) => {
        const units = cut(text, max);
        expect(text.startsWith(units)).toBe(true);
        expect(units.length).toBeLessThanOrEqual(max);
        expect(units.isWellFormed()).toBe(true);
        expect(units.length).toBeGreaterThanOrEqual(Math.min(text.length, max) - 1);

        const bytes = cutToBytes(text, max);
        expect(text.startsWith(bytes)).toBe(true);
        expect(Buffer.byteLength(bytes)).toBeLessThanOrEqual(max);
        expect(bytes.isWellFormed()).toBe(true);
        if (bytes !== text) expect(Buffer.byteLength(bytes)).toBeGreaterThan(max - 4);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("quantities for people", () => {
  it("are short for every quantity there is", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (n) => {
        expect(formatSize(n)).toMatch(/^(\d{1,3}|\d{1,3}\.\d) ([kMGTP]?B)$/);
        expect(formatDuration(n)).toMatch(/^(\d\.\d s|\d\d s|\d{1,2} min \d\d s|\d+ h \d\d min)$/);
      }),
      { numRuns: 10_000 },
    );
  });
});
