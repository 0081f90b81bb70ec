import { describe, expect, it } from "vitest";
import { SendReport } from "../../../src/ctl/send-report.ts";
import { screen } from "./support/terminal.ts";
import { item, transfer } from "./support/views.ts";

describe("The report of a transfer, to a log,", () => {
  it("has a line at the start, one each ten seconds at most, and one at the end", async () => {
    const { ui, clock, stdout, stderr } = screen(false);
    const report = await SendReport.begin(transfer({ state: "preparing", items: [], bytes: 0 }), ui);
    for (let second = 0; second <= 25; second++) {
      report.update(transfer({ bytes: 3_000_000, moved: second * 100_000 }));
      clock.pass(1_000);
    }
    report.update(transfer({ bytes: 3_000_000, moved: 3_000_000, state: "done" }));
    expect(report.end(false)).toBe(0);
    expect(stderr.text.split("\n")).toEqual([
      "sending report.pdf to alice",
      "report.pdf: 33% of 3.0 MB, 100.0 kB/s, 20 s left",
      "report.pdf: 66% of 3.0 MB, 100.0 kB/s, 10 s left",
      "",
    ]);
    expect(stdout.text).toBe("sent report.pdf to alice (3.0 MB in 26 s, 115.4 kB/s)\n");
    expect(clock.timers).toBe(0);
  });

  it("says once that the other side has to accept, also when it had to from the start", async () => {
    const { ui, stderr } = screen(false);
    const asking = transfer({ state: "asking" });
    const report = await SendReport.begin(asking, ui);
    report.update(asking);
    report.update(asking);
    expect(stderr.text).toBe("sending report.pdf to alice\nwaiting for alice to accept report.pdf (1.0 MB)\n");
    report.close();
  });

  it("lists a few of the many names that changed and sources that were left out", async () => {
    const { ui, stdout, stderr } = screen(false);
    const report = await SendReport.begin(transfer(), ui);
    const many = Array.from({ length: 100 }, (_, n) => n);
    report.update(
      transfer({
        state: "done",
        items: [item("a", "a"), item("b", "b (1)")],
        renamed: many.map((n) => ({ path: `a/${n}:`, as: `${n}_` })),
        skipped: many.map((n) => ({ path: `l${n}`, reason: "symbolic link" })),
        skippedCount: 5_000,
      }),
    );
    expect(report.end(false)).toBe(0);
    const [, ...names] = stdout.text.split("\n");
    expect(names.slice(0, 2)).toEqual(['b saved as "b (1)"', 'a/0: saved as "0_"']);
    expect(names.slice(-2)).toEqual(["  and 90 more", ""]);
    const [, skipped, ...sources] = stderr.text.split("\n");
    expect(skipped).toBe("not sent, skipped: 5000");
    expect(sources).toHaveLength(12);
    expect(sources.slice(-2)).toEqual(["  and 4990 more", ""]);
  });
});

describe("The report of a transfer, on a terminal,", () => {
  it("is drawn at most ten times a second, however fast the news come", async () => {
    const { ui, clock, stderr } = screen(true);
    const report = await SendReport.begin(transfer(), ui);
    for (let ms = 0; ms < 1_000; ms++) {
      report.update(transfer({ moved: ms * 100 }));
      clock.pass(1);
    }
    expect(stderr.text.split("\r").length - 1).toBe(10);
    report.close();
    expect(stderr.text.endsWith("\r\x1b[K")).toBe(true);
    expect(clock.timers).toBe(0);
  });

  it("goes on while nothing comes, so that a standstill can be seen", async () => {
    const { ui, clock, stderr } = screen(true);
    const report = await SendReport.begin(transfer(), ui);
    report.update(transfer({ moved: 500_000 }));
    clock.pass(1_000);
    const soon = stderr.text.split("\r").at(-1);
    clock.pass(20_000);
    expect(stderr.text.split("\r").at(-1)).not.toBe(soon);
    expect(stderr.text.split("\r").at(-1)).toContain("  0 B/s");
    report.close();
  });
});

describe("The report of a transfer, to a program,", () => {
  it("has every state and a view each half second", async () => {
    const { ui, clock, stdout, stderr } = screen(false, { json: true });
    const report = await SendReport.begin(transfer({ state: "connecting" }), ui);
    report.update(transfer({ state: "connecting" }));
    for (let ms = 0; ms < 1_000; ms += 10) {
      report.update(transfer({ moved: ms }));
      clock.pass(10);
    }
    report.update(transfer({ state: "finishing", moved: 1_000 }));
    report.update(transfer({ state: "done", moved: 1_000 }));
    expect(report.end(false)).toBe(0);
    const told = stdout.text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    expect(told.map(({ state, moved }) => [state, moved])).toEqual([
      ["connecting", 0],
      ["running", 0],
      ["running", 500],
      ["finishing", 1_000],
      ["done", 1_000],
    ]);
    expect(stderr.text).toBe("");
  });
});

describe("The report of a transfer that did not arrive", () => {
  const error = { code: "E_NO_SPACE" as const, message: "no space left at alice", exit: 9, retryable: true };

  it("ends with the exit status of the error, whatever it is", async () => {
    const { ui, stderr } = screen(false);
    const report = await SendReport.begin(transfer(), ui);
    report.update(transfer({ state: "failed", error: { ...error, exit: 77, hint: "wait" } }));
    expect(report.end(false)).toBe(77);
    expect(stderr.text).toMatch(/\nlanxferctl: error: no space left at alice\nlanxferctl: hint: wait\n$/);
  });

  it("is no error when the user wanted it to end", async () => {
    const { ui, stderr } = screen(false);
    const report = await SendReport.begin(transfer(), ui);
    report.update(transfer({ state: "failed", error }));
    expect(report.end(true)).toBe(130);
    expect(stderr.text).toMatch(/\ncancelled: report.pdf to alice\n$/);
  });

  it("names what arrived before", async () => {
    const { ui, stderr } = screen(false);
    const report = await SendReport.begin(transfer(), ui);
    report.update(transfer({ state: "failed", error, items: [item("a", "a (1)"), item("b")] }));
    expect(report.end(false)).toBe(9);
    expect(stderr.text).toContain("\narrived before that:\n  a (1)\nlanxferctl: error:");
  });

  it("is a cancellation when it was cancelled without a reason", async () => {
    const { ui } = screen(false);
    const report = await SendReport.begin(transfer(), ui);
    report.update(transfer({ state: "cancelled" }));
    expect(report.end(false)).toBe(130);
  });
});
