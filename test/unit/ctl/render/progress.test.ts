import { describe, expect, it } from "vitest";
import type { TransferState, TransferView } from "../../../../src/control/schema.ts";
import { advance, type Progress, percentOf, rateOf, startProgress, timeLeft } from "../../../../src/core/progress.ts";
import { plainLine, statusLine, summary } from "../../../../src/ctl/render/progress.ts";
import { fullMeasure, plainMeasure } from "../../../../src/ctl/render/width.ts";
import { item, transfer } from "../support/views.ts";

/** Progress through `[time, bytes moved]`, running from the first on. */
function through(bytes: number, ...steps: readonly (readonly [at: number, moved: number])[]): Progress<TransferView> {
  const [[at, moved] = [0, 0], ...rest] = steps;
  const first = startProgress(transfer({ bytes, moved }), at);
  return rest.reduce((progress, [then, now]) => advance(progress, transfer({ bytes, moved: now }), then), first);
}

describe("The rate of a transfer", () => {
  it("is what was moved in the last five seconds", () => {
    const progress = through(1e6, [0, 0], [1_000, 100_000], [6_000, 100_000], [7_000, 300_000]);
    // Five seconds before 7000 it stood at 100,000: the quick first second no longer counts.
    expect(rateOf(progress, 7_000)).toBeCloseTo(200_000 / 6, 6);
    expect(rateOf(through(1e6, [0, 0], [2_000, 500_000]), 2_000)).toBe(250_000);
  });

  it("sinks while nothing comes", () => {
    const progress = through(1e6, [0, 0], [1_000, 400_000]);
    expect(rateOf(progress, 1_000)).toBe(400_000);
    expect(rateOf(progress, 2_000)).toBe(200_000);
    expect(rateOf(progress, 60_000)).toBe(0);
    expect(timeLeft(progress, 60_000)).toBeUndefined();
  });

  it("is not told before there is something to tell", () => {
    expect(rateOf(startProgress(transfer(), 0), 0)).toBeUndefined();
    expect(rateOf(through(1e6, [0, 0], [100, 50_000]), 100)).toBeUndefined();
  });

  it("does not count the time that the receiver's user took to answer", () => {
    let progress = startProgress(transfer({ state: "asking" }), 0);
    progress = advance(progress, transfer({ state: "running", moved: 0 }), 60_000);
    progress = advance(progress, transfer({ state: "running", moved: 500_000 }), 61_000);
    expect(rateOf(progress, 61_000)).toBe(500_000);
    expect(summary(advance(progress, transfer({ state: "done", moved: 1_000_000 }), 62_000), 62_000)).toBe(
      "sent report.pdf to alice (1.0 MB in 2.0 s, 500.0 kB/s)",
    );
  });

  it("begins anew when an entry does, and is never negative", () => {
    const progress = through(1e6, [0, 0], [2_000, 900_000], [3_000, 100_000], [4_000, 200_000]);
    expect(rateOf(progress, 4_000)).toBe(100_000);
  });

  it("keeps few samples, however many views there are", () => {
    let progress = startProgress(transfer(), 0);
    for (let at = 0; at < 100_000; at += 10) progress = advance(progress, transfer({ moved: at }), at);
    expect(progress.samples.length).toBeLessThanOrEqual(502);
  });

  it("does not count what was there before, when a transfer goes on", () => {
    let progress = startProgress(transfer({ state: "running", moved: 900_000 }), 0);
    progress = advance(progress, transfer({ state: "done", moved: 1_000_000 }), 1_000);
    expect(summary(progress, 1_000)).toContain("100.0 kB/s");
  });
});

describe("The time left", () => {
  it("is what the rest takes at the present rate", () => {
    expect(timeLeft(through(1e6, [0, 0], [1_000, 250_000]), 1_000)).toBe(3_000);
    expect(timeLeft(through(1e6, [0, 0], [1_000, 1_000_000]), 1_000)).toBe(0);
  });
});

describe("The share that is done", () => {
  it("is whole, never over 100, and of nothing all only when it is done", () => {
    expect(percentOf(transfer({ bytes: 3, moved: 2 }))).toBe(66);
    expect(percentOf(transfer({ bytes: 1_000, moved: 999 }))).toBe(99);
    expect(percentOf(transfer({ bytes: 0 }))).toBe(0);
    expect(percentOf(transfer({ bytes: 0, state: "done" }))).toBe(100);
    expect(percentOf(transfer({ bytes: 1, moved: 2 }))).toBe(100);
  });
});

describe("The status line", () => {
  const half = through(3_100_000_000, [0, 0], [1_000, 775_000_000], [2_000, 1_550_000_000]);

  it("leaves out what does not fit, the least wanted first", () => {
    const lines = [120, 80, 60, 45, 34, 20, 12, 5, 1, 0].map((columns) =>
      statusLine(half, 2_000, columns, plainMeasure),
    );
    expect(lines).toEqual([
      `report.pdf  50% [${"=".repeat(20)}${" ".repeat(20)}]  775.0 MB/s  2.0 s left`,
      `report.pdf  50% [${"=".repeat(19)}${" ".repeat(19)}]  775.0 MB/s  2.0 s left`,
      `report.pdf  50% [${"=".repeat(9)}${" ".repeat(9)}]  775.0 MB/s  2.0 s left`,
      "report.pdf  50%  775.0 MB/s  2.0 s left",
      "report.pdf  50%  775.0 MB/s",
      "report.pdf  50%",
      "report…  50%",
      "  50%",
      "…",
      "",
    ]);
  });

  it.each<[TransferState, string]>([
    ["preparing", "preparing report.pdf"],
    ["connecting", "connecting to alice"],
    ["asking", "waiting for alice to accept report.pdf (1.0 MB)"],
    ["finishing", "report.pdf 100%, alice is writing it to disk"],
    ["done", "report.pdf done"],
    ["failed", "report.pdf failed"],
    ["cancelled", "report.pdf cancelled"],
  ])("says in state %s what is going on", (state, line) => {
    expect(statusLine(startProgress(transfer({ state }), 0), 0, 79, plainMeasure)).toBe(line);
    expect(statusLine(startProgress(transfer({ state }), 0), 0, 8, plainMeasure)).toHaveLength(8);
  });

  it("is right for wide names", async () => {
    const measure = await fullMeasure();
    const wide = startProgress(transfer({ items: [item("写真".repeat(20)), item("x")] }), 0);
    for (const columns of [10, 20, 40, 79]) {
      expect(measure(statusLine(wide, 0, columns, measure))).toBeLessThanOrEqual(columns);
    }
  });
});

describe("The line for a log", () => {
  it("says how far, how fast and how long", () => {
    expect(plainLine(through(3_100_000_000, [0, 0], [2_000, 1_550_000_000]), 2_000)).toBe(
      "report.pdf: 50% of 3.1 GB, 775.0 MB/s, 2.0 s left",
    );
    expect(plainLine(startProgress(transfer(), 0), 0)).toBe("report.pdf: 0% of 1.0 MB");
  });
});

describe("The summary", () => {
  it("has no rate where nothing was moved or hardly any time passed", () => {
    expect(summary(startProgress(transfer({ state: "done", bytes: 0 }), 0), 900)).toBe(
      "sent report.pdf to alice (0 B in 0.9 s)",
    );
    expect(summary(startProgress(transfer({ state: "done", moved: 1_000_000 }), 0), 0)).toBe(
      "sent report.pdf to alice (1.0 MB in 0.0 s)",
    );
  });
});
