import { describe, expect, it } from "vitest";
import { ERRORS, type ErrorCode } from "../../../src/core/errors.ts";
import {
  type Circumstances,
  failedAgain,
  patience as patienceOf,
  startTrail,
  type Trail,
} from "../../../src/daemon/outgoing/retry.ts";

const START = Date.UTC(2026, 0, 1);
const DAY = 24 * 60 * 60 * 1_000;

const AT_ONCE: Circumstances = { queued: false, present: true };
const patience = (trail: Trail, code: ErrorCode, now: number, chance: number, circumstances = AT_ONCE) =>
  patienceOf(trail, code, now, chance, circumstances);

/** What is waited after each failure in turn; `moved` says how far each attempt got. */
function waits(
  codes: readonly ErrorCode[],
  moved: readonly number[] = [],
  chance = 0.5,
  circumstances = AT_ONCE,
): (number | undefined)[] {
  let trail: Trail = startTrail(START);
  return codes.map((code, i) => {
    trail = failedAgain(trail, code, moved[i] ?? 0, START);
    return patience(trail, code, START, chance, circumstances);
  });
}

const lost = (times: number) => Array.from({ length: times }, () => "E_LOST" as const);

describe("the wait before the next attempt", () => {
  it("doubles from half a second to half a minute", () => {
    expect(waits(lost(9))).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("is a quarter more or less, by chance", () => {
    expect(waits(lost(1), [], 0)).toEqual([375]);
    expect(waits(lost(1), [], 0.999)).toEqual([625]);
  });

  it("starts over when the receiver had confirmed more than ever before", () => {
    expect(waits(lost(5), [0, 0, 7, 7, 8])).toEqual([500, 1_000, 500, 1_000, 500]);
  });

  it("is not shorter for getting as far as before", () => {
    expect(waits(lost(4), [9, 9, 3, 9])).toEqual([500, 1_000, 2_000, 4_000]);
  });

  it.each(["E_LOST", "E_UNREACHABLE", "E_STOPPING", "E_TIMEOUT", "E_BUSY", "E_IDENTITY"] as const)(
    "is there after %s",
    (code) => {
      expect(waits([code])).toEqual([500]);
    },
  );

  it("is there after nothing else that can go wrong", () => {
    const passing = ["E_LOST", "E_UNREACHABLE", "E_STOPPING", "E_TIMEOUT", "E_BUSY", "E_IDENTITY", "E_INTEGRITY"];
    const others = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => !passing.includes(code));
    expect(others.filter((code) => waits([code])[0] !== undefined)).toEqual([]);
  });

  it("is there for damaged data, but not a third time in a row without progress", () => {
    expect(waits(["E_INTEGRITY", "E_INTEGRITY", "E_INTEGRITY"])).toEqual([500, 1_000, undefined]);
    expect(waits(["E_INTEGRITY", "E_INTEGRITY", "E_LOST", "E_INTEGRITY"]).at(-1)).toBeDefined();
    expect(waits(["E_INTEGRITY", "E_INTEGRITY", "E_INTEGRITY"], [0, 0, 5]).at(-1)).toBeDefined();
  });

  it("is there for 7 days after the last progress", () => {
    const trail = failedAgain(startTrail(START), "E_LOST", 5, START + DAY);
    expect(trail.progressAt).toBe(START + DAY);
    expect(patience(trail, "E_LOST", START + 8 * DAY, 0.5)).toBeDefined();
    expect(patience(trail, "E_LOST", START + 8 * DAY + 1, 0.5)).toBeUndefined();
  });

  it("is there for a transfer that an earlier run got on with, however long ago that was, as soon as it gets on", () => {
    const trail = failedAgain(startTrail(START), "E_LOST", 5, START + 30 * DAY);
    expect(patience(trail, "E_LOST", START + 30 * DAY, 0.5)).toBe(500);
  });

  it("never grows beyond bounds", () => {
    const trail = { ...startTrail(START), failures: 100_000 };
    expect(patience(trail, "E_LOST", START, 0.5)).toBe(30_000);
  });
});

describe("the wait of a queued transfer", () => {
  const away: Circumstances = { queued: true, present: false };
  const there: Circumstances = { queued: true, present: true };

  it("grows to five minutes while its device is away, and to half a minute while it is there", () => {
    expect(waits(lost(12), [], 0.5, away).at(-1)).toBe(300_000);
    expect(waits(lost(12), [], 0.5, there).at(-1)).toBe(30_000);
  });

  it.each(["E_NO_SPACE", "E_INBOX"] as const)("is there after %s, as long as it may be", (code) => {
    const codes = Array.from({ length: 12 }, () => code);
    expect(waits(codes, [], 0.5, there)).toEqual([
      ...[500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000],
      ...[300_000, 300_000],
    ]);
  });

  it("is there when the source changes while it is sent, but not a third time in a row", () => {
    const changed = (times: number) => Array.from({ length: times }, () => "E_SOURCE_CHANGED" as const);
    expect(waits(changed(3), [], 0.5, there)).toEqual([500, 1_000, undefined]);
    expect(waits(["E_SOURCE_CHANGED", "E_INTEGRITY", "E_SOURCE_CHANGED"], [], 0.5, there).at(-1)).toBeUndefined();
    expect(waits(changed(1))).toEqual([undefined]);
  });

  it("has no other end than its user's as long as it has not begun", () => {
    const trail = failedAgain(startTrail(Number.POSITIVE_INFINITY), "E_UNREACHABLE", 0, START + 90 * DAY);
    expect(patience(trail, "E_UNREACHABLE", START + 90 * DAY, 0.5, away)).toBe(500);
  });
});
