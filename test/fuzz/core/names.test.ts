import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { localName, MAX_NAME_BYTES, numberedName, portableName } from "../../../src/core/names.ts";

const INBOX = "/home/ada/LanInbox";

/** Strings that a naive program stumbles over, put together at random, among ordinary and arbitrary ones. */
const nasty = fc
  .array(
    fc.constantFrom(
      ..."/\\.:~ -_*?\"'|<>%$;&\0\n\r\t\u001b\u007f\u009b",
      ...["..", "../", "..\\", "C:", "con", "nul", ".tar", ".gz", ".", "é", "e\u0301", "漢", "😀", "\u202e", "\u200d"],
      ...["\ud800", "\udc00", "a".repeat(120), " ".repeat(300), ".".repeat(250), "x".repeat(254)],
    ),
    { minLength: 0, maxLength: 8 },
  )
  .map((parts) => parts.join(""));
const anyName = fc.oneof(nasty, fc.string({ unit: "binary", maxLength: 300 }), fc.string({ unit: "grapheme" }));

function landed(raw: string, top: boolean): string | undefined {
  try {
    return localName(raw, top);
  } catch (error) {
    if (error instanceof LanxferError && error.code === "E_NAME") return undefined;
    throw error;
  }
}

/** What must be so of every name that we create. */
function expectHarmless(name: string): void {
  expect(path.dirname(path.join(INBOX, name))).toBe(INBOX);
  expect(path.basename(path.join(INBOX, name))).toBe(name);
  expect(name).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\\]/u);
  expect(name.isWellFormed()).toBe(true);
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(MAX_NAME_BYTES);
}

describe("100,000 random names", () => {
  it("are refused, or stay in the folder they are put into, and are changed once at most", () => {
    let kept = 0;
    fc.assert(
      fc.property(anyName, fc.boolean(), (raw, top) => {
        const name = landed(raw, top);
        if (name === undefined) return;
        kept++;
        expectHarmless(name);
        expect(localName(name, top)).toBe(name);
        if (top) expect(name).toMatch(/^[^.]/);
        if (top) expect(name.trim()).not.toBe("");
      }),
      { numRuns: 100_000 },
    );
    expect(kept).toBeGreaterThan(20_000);
  });
});

describe("names derived from a name that was kept", () => {
  it("are as harmless as it, and number and portable form are stable", () => {
    fc.assert(
      fc.property(anyName, fc.nat(100_000), fc.boolean(), (raw, n, folder) => {
        const name = landed(raw, true);
        if (name === undefined) return;
        const numbered = numberedName(name, n, folder);
        expectHarmless(numbered);
        expect(numbered === name).toBe(n === 0);
        const portable = portableName(numbered);
        expectHarmless(portable);
        expect(portable).toMatch(/^[^<>:"|?*]*[^<>:"|?*. ]$/s);
        expect(portableName(portable)).toBe(portable);
      }),
      { numRuns: 10_000 },
    );
  });
});
