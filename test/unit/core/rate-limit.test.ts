import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RateLimit } from "../../../src/core/rate-limit.ts";
import { ManualClock } from "../discovery/support/clock.ts";

/** Uses `limit` as somebody with work without end does, in amounts of `bytes`, for `ms`. */
async function use(clock: ManualClock, limit: RateLimit, bytes: number, ms: number): Promise<number> {
  const end = clock.monotonic() + ms;
  let used = 0;
  for (;;) {
    const wait = limit.reserve(bytes);
    if (clock.monotonic() + wait >= end) break;
    if (wait > 0) await clock.pass(wait);
    used += bytes;
  }
  await clock.pass(end - clock.monotonic());
  return used;
}

describe("A rate limit", () => {
  it("lets everything through while there is none", () => {
    const limit = new RateLimit(new ManualClock(), () => 0);
    for (let i = 0; i < 1_000; i++) expect(limit.reserve(1e9)).toBe(0);
    expect(limit.rate).toBe(Number.POSITIVE_INFINITY);
  });

  it("is kept within 5 % over 5 s, whatever the amounts and the rate", async () => {
    const amounts = fc.integer({ min: 1_024, max: 65_536 });
    await fc.assert(
      fc.asyncProperty(amounts, fc.integer({ min: 20, max: 2_000 }), async (bytes, aSecond) => {
        const clock = new ManualClock();
        const rate = bytes * aSecond;
        const used = await use(clock, new RateLimit(clock, () => rate), bytes, 5_000);
        expect(used / (rate * 5)).toBeGreaterThan(0.95);
        expect(used / (rate * 5)).toBeLessThan(1.05);
      }),
      { numRuns: 20 },
    );
  });

  it("gives those who ask in turn equal shares", async () => {
    const clock = new ManualClock();
    const limit = new RateLimit(clock, () => 1_000_000);
    const shares = [0, 0, 0];
    const askers = shares.map(async (_, asker) => {
      while (clock.monotonic() < 15_000) {
        const wait = limit.reserve(10_000);
        await clock.sleep(wait + 0.001);
        shares[asker] = (shares[asker] ?? 0) + 10_000;
      }
    });
    await clock.pass(20_000);
    await Promise.all(askers);
    expect(Math.max(...shares) / Math.min(...shares)).toBeLessThan(1.05);
  });

  it("saves up no more than a tenth of a second of what was not used", async () => {
    const clock = new ManualClock();
    const limit = new RateLimit(clock, () => 1_000_000);
    await clock.pass(3_600_000);
    expect(limit.reserve(100_000)).toBe(0);
    expect(limit.reserve(50_000)).toBe(0);
    expect(limit.reserve(1)).toBe(50);
  });

  it("follows a change of the rate at once", async () => {
    const clock = new ManualClock();
    let rate = 1_000;
    const limit = new RateLimit(clock, () => rate);
    await clock.pass(1_000);
    limit.reserve(1_100);
    rate = 0;
    await clock.pass(1_000);
    expect(limit.reserve(1e9)).toBe(0);
    rate = 1_000;
    limit.reserve(600);
    expect(limit.reserve(1)).toBeCloseTo(600);
  });
});
