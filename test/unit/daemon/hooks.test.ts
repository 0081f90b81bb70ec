import { describe, expect, it } from "vitest";
import type { HistoryView, HookView } from "../../../src/control/schema.ts";
import { systemClock } from "../../../src/core/clock.ts";
import type { HookEnd, HookRun } from "../../../src/daemon/host/hook-process.ts";
import { type Hooked, Hooks } from "../../../src/daemon/incoming/hooks.ts";
import { LogLines } from "../../support/log-lines.ts";

const ENDED = { is: "ended", exit: 0, signal: null, ms: 5, stderr: new Uint8Array() } as const;

/** Hooks whose programs end when the test says so. */
class Stage {
  readonly log = new LogLines();
  readonly told: { readonly id: string; readonly hook: HookView }[] = [];
  readonly runs: { readonly run: HookRun; readonly end: (end: HookEnd) => void; readonly stop: AbortSignal }[] = [];
  command: readonly string[] = ["/bin/hook", "now"];
  readonly hooks = new Hooks({
    log: this.log,
    command: () => this.command,
    timeoutMs: () => 1_000,
    inbox: () => "/inbox",
    environment: { PATH: "/bin" },
    run: (run, stop) =>
      new Promise((end) => {
        this.runs.push({ run, end, stop });
      }),
    sleep: async (ms, signal) => systemClock.sleep(ms / 50, signal),
    changed: async ({ id }: Hooked, hook) => void this.told.push({ id, hook }),
  });

  arrived(n: number, hook: Partial<HookView> = {}, change: Partial<HistoryView> = {}): HistoryView {
    this.command = ["/bin/hook", "now"];
    const planned = this.hooks.planned();
    if (planned === null) throw new Error("no hook is set");
    return {
      v: 1,
      at: "2026-05-01T12:00:00.000Z",
      id: `t${n}`,
      direction: "in",
      peer: { id: "anna-id", name: "anna" },
      result: "done",
      items: [{ name: "a", type: "file", as: "a", path: `/inbox/${n}`, root: null, there: false }],
      count: 1,
      entries: 1,
      bytes: 5,
      already: { entries: 0, bytes: 0 },
      ms: 12,
      error: null,
      note: null,
      sourceChanged: false,
      hook: { ...planned, ...hook },
      ...change,
    };
  }

  /** The program that was started as the n-th, when it has been. */
  async started(n: number): Promise<(typeof this.runs)[number]> {
    await expect.poll(() => this.runs.length).toBeGreaterThan(n);
    const run = this.runs[n];
    if (run === undefined) throw new Error("not started");
    return run;
  }

  states(): string[] {
    return this.told.map(({ id, hook }) => `${id} ${hook.state}`);
  }
}

describe("the hooks of what arrives", () => {
  it("run one at a time, in order, each written down before it starts and when it has ended", async () => {
    const stage = new Stage();
    for (const n of [1, 2]) stage.hooks.add(stage.arrived(n));
    const first = await stage.started(0);
    expect(first.run).toMatchObject({ command: ["/bin/hook", "now"], cwd: "/inbox", timeoutMs: 1_000 });
    expect(first.run.env).toMatchObject({ PATH: "/bin", LANXFER_PATH: "/inbox/1", LANXFER_ATTEMPT: "1" });
    expect(stage.states()).toEqual(["t1 running"]);
    expect(stage.hooks.pending).toBe(2);
    first.end({ ...ENDED, exit: 3, stderr: Buffer.from("\x1b[2Jno\nalbum\n\xe9", "latin1") });
    (await stage.started(1)).end(ENDED);
    await expect.poll(() => stage.states()).toEqual(["t1 running", "t1 failed", "t2 running", "t2 done"]);
    expect(stage.told[1]?.hook).toEqual({
      state: "failed",
      attempts: 1,
      exit: 3,
      signal: null,
      ms: 5,
      problem: null,
      stderr: "\\x1b[2Jno\nalbum",
    });
    expect(stage.hooks.pending).toBe(0);
    stage.hooks.add(stage.arrived(3));
    (await stage.started(2)).end(ENDED);
    await expect.poll(() => stage.states().at(-1)).toBe("t3 done");
    await stage.hooks.close();
  });

  it.each([
    [
      { ...ENDED, is: "timed-out", exit: null, signal: "SIGKILL" },
      { signal: "SIGKILL", problem: "took too long" },
    ],
    [
      { ...ENDED, is: "timed-out" },
      { exit: 0, problem: "took too long" },
    ],
    [
      { ...ENDED, exit: null, signal: "SIGSEGV" },
      { signal: "SIGSEGV", problem: null },
    ],
    [
      { is: "not-started", code: "EACCES" },
      { problem: "cannot be started: permission denied", ms: null },
    ],
    [{ is: "not-started", code: "EAGAIN" }, { problem: "cannot be started: EAGAIN" }],
  ] as const)("fail when they end with %j", async (end, hook) => {
    const stage = new Stage();
    stage.hooks.add(stage.arrived(1));
    (await stage.started(0)).end(end);
    await expect.poll(() => stage.told.at(-1)?.hook).toMatchObject({ state: "failed", ...hook });
    expect(stage.log.at("warn")).toHaveLength(1);
  });

  it("are those of the setting when a transfer arrives, and none without it", () => {
    const stage = new Stage();
    stage.command = [];
    expect(stage.hooks.planned()).toBeNull();
    const line = { ...stage.arrived(1), hook: null };
    stage.hooks.add(line);
    expect(stage.hooks.pending).toBe(0);
  });

  it("are not run when the program is not set any more, which is written down", async () => {
    const stage = new Stage();
    stage.hooks.add(stage.arrived(1));
    stage.hooks.add(stage.arrived(2));
    const first = await stage.started(0);
    stage.command = [];
    first.end(ENDED);
    await expect
      .poll(() => stage.told.at(-1))
      .toMatchObject({ id: "t2", hook: { problem: "no program is set any more" } });
    expect(stage.runs).toHaveLength(1);
  });

  it("that had not ended with an earlier run are taken up, the oldest first, and told how often they were tried", async () => {
    const stage = new Stage();
    stage.hooks.restore([
      stage.arrived(4, { state: "waiting" }),
      stage.arrived(3, { state: "running", attempts: 1 }),
      stage.arrived(2, { state: "failed", attempts: 1 }),
      stage.arrived(1, { state: "done", attempts: 1 }),
    ]);
    const first = await stage.started(0);
    expect(first.run.env).toMatchObject({ LANXFER_TRANSFER: "t3", LANXFER_ATTEMPT: "2" });
    first.end(ENDED);
    expect((await stage.started(1)).run.env).toMatchObject({ LANXFER_TRANSFER: "t4", LANXFER_ATTEMPT: "1" });
  });

  it("that ended the daemon three times are not tried a fourth time", async () => {
    const stage = new Stage();
    stage.hooks.restore([stage.arrived(1, { state: "running", attempts: 3 })]);
    await expect.poll(() => stage.told).toHaveLength(1);
    expect(stage.told[0]?.hook).toMatchObject({
      state: "failed",
      attempts: 3,
      problem: "lanxferd ended 3 times while it ran",
    });
    expect(stage.runs).toEqual([]);
  });

  it("that are too many to wait are not run, which is written down, and memory stays bounded", async () => {
    const stage = new Stage();
    const items = Array.from({ length: 1_000 }, (_, n) => ({
      name: `${n}`,
      type: "file" as const,
      as: `${n}`,
      path: `/inbox/${"x".repeat(80)}${n}`,
      root: null,
      there: false,
    }));
    for (let n = 0; n < 1_000; n++) stage.hooks.add(stage.arrived(n, {}, { items, count: 1_000 }));
    await expect.poll(() => stage.told.length).toBeGreaterThan(500);
    const refused = stage.told.filter(({ hook }) => hook.problem === "too many hooks were waiting");
    expect(refused.length).toBeGreaterThan(500);
    expect(stage.hooks.pending + refused.length).toBe(1_000);
  });

  it("wait for the next run once this one ends; the one that runs has a moment, then it is made to end", async () => {
    const stage = new Stage();
    for (const n of [1, 2]) stage.hooks.add(stage.arrived(n));
    const first = await stage.started(0);
    const closing = stage.hooks.close();
    expect(first.stop.aborted).toBe(false);
    await expect.poll(() => first.stop.aborted).toBe(true);
    first.end({ ...ENDED, is: "stopped", exit: null, signal: "SIGTERM" });
    await closing;
    stage.hooks.add(stage.arrived(3));
    expect(stage.states()).toEqual(["t1 running"]);
    expect(stage.runs).toHaveLength(1);
  });

  it("that end in the moment they have are done", async () => {
    const stage = new Stage();
    stage.hooks.add(stage.arrived(1));
    const first = await stage.started(0);
    const closing = stage.hooks.close();
    first.end(ENDED);
    await closing;
    expect(stage.states()).toEqual(["t1 running", "t1 done"]);
  });
});
