/** Real programs, run as hooks are. */

import { chmod, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { type HookEnd, type HookRun, runHook } from "../../../src/daemon/host/hook-process.ts";
import { eventually } from "../../support/process.ts";
import { SkippingClock } from "../../support/skipping-clock.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const never = new AbortController().signal;
const PATH = "/usr/local/bin:/usr/bin:/bin";

interface Script {
  readonly dir: string;
  readonly run: HookRun;
}

/** A shell script in a directory of its own, which is also where it runs. */
async function script(text: string, change: Partial<HookRun> = {}): Promise<Script> {
  const dir = await directory();
  const file = path.join(dir, "hook");
  await writeFile(file, `#!/bin/sh\n${text}\n`);
  await chmod(file, 0o755);
  return { dir, run: { command: [file], cwd: dir, env: { PATH }, timeoutMs: 30_000, ...change } };
}

const stderrOf = (end: HookEnd) => (end.is === "not-started" ? "" : Buffer.from(end.stderr).toString());

async function isAlive(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return state !== "" && !/\) Z /.test(state); // a zombie waits for whoever adopted it
}

/** The process ids that a script has written to a file, a line each. */
async function pids(dir: string, name: string, count: number): Promise<number[]> {
  return eventually(`${count} processes`, async () => {
    const lines = (await readFile(path.join(dir, name), "utf8").catch(() => "")).split("\n").slice(0, -1);
    return lines.length >= count ? lines.map(Number) : undefined;
  });
}

describe("a hook", () => {
  it("gets its arguments as they are, its directory and its environment, and nothing else", async () => {
    const { dir, run } = await script('pwd > out; printf "%s\\n" "$@" >> out; env | sort >> out; cat >> out');
    const env = { PATH, A: "x y", B: "$(id)" };
    const command = [...run.command, "a b", "$(touch evil)", "*", ""];
    expect(await runHook({ ...run, command, env }, systemClock, never)).toMatchObject({ is: "ended", exit: 0 });
    const out = (await readFile(path.join(dir, "out"), "utf8")).split("\n");
    expect(out.slice(0, 5)).toEqual([dir, "a b", "$(touch evil)", "*", ""]);
    expect(out.slice(5).filter((line) => !/^(PWD|SHLVL|_|OLDPWD)=/.test(line))).toEqual([
      "A=x y",
      "B=$(id)",
      `PATH=${PATH}`,
      "",
    ]);
  });

  it("is told apart by its exit status, with the first of what it wrote to standard error", async () => {
    const { run } = await script("echo hidden; echo no such album >&2; exit 3");
    const end = await runHook(run, systemClock, never);
    expect(end).toMatchObject({ is: "ended", exit: 3, signal: null });
    expect(stderrOf(end)).toBe("no such album\n");
  });

  it("may end by a signal of its own", async () => {
    const { run } = await script("kill -9 $$");
    expect(await runHook(run, systemClock, never)).toMatchObject({ is: "ended", exit: null, signal: "SIGKILL" });
  });

  it("that kills its process group hits only itself", async () => {
    const { run } = await script("sleep 100 & kill -9 0");
    expect(await runHook(run, systemClock, never)).toMatchObject({ is: "ended", signal: "SIGKILL" });
    const asked = await script('kill -s KILL -- "-$(ps -o pgid= -p $$ | tr -d " ")"');
    expect(await runHook(asked.run, systemClock, never)).toMatchObject({ is: "ended", signal: "SIGKILL" });
  });

  it("that takes too long is ended, and all that it started with it", async () => {
    const clock = new SkippingClock();
    const { dir, run } = await script(
      "echo $$ >> pids; for i in 1 2; do sh -c 'echo $$ >> pids; sleep 100 & wait' & done; wait",
    );
    const ending = runHook(run, clock, never);
    const alive = await pids(dir, "pids", 3);
    clock.skip(29_000);
    expect(await Promise.all(alive.map(isAlive))).toEqual([true, true, true]);
    clock.skip(1_100);
    expect(await ending).toMatchObject({ is: "timed-out", exit: null, signal: "SIGTERM" });
    expect(await Promise.all(alive.map(isAlive))).toEqual([false, false, false]);
  });

  it("that does not want to end is killed 5 s later, with children that do not want to, either", async () => {
    const clock = new SkippingClock();
    const { dir, run } = await script(
      'trap "" TERM; echo $$ >> pids; sh -c \'trap "" TERM; echo $$ >> pids; while :; do sleep 1; done\' & while :; do sleep 1; done',
    );
    const ending = runHook(run, clock, never);
    const alive = await pids(dir, "pids", 2);
    clock.skip(30_000);
    await eventually("SIGTERM was ignored", async () => (await isAlive(alive[0] ?? 0)) || undefined);
    clock.skip(4_000);
    expect(await Promise.all(alive.map(isAlive))).toEqual([true, true]);
    clock.skip(1_100);
    expect(await ending).toMatchObject({ is: "timed-out", signal: "SIGKILL" });
    await eventually("both are gone", async () => !(await Promise.all(alive.map(isAlive))).includes(true) || undefined);
  });

  it("that ends on SIGTERM leaves no child that does not", async () => {
    const clock = new SkippingClock();
    const { dir, run } = await script(
      "sh -c 'trap \"\" TERM; echo $$ >> pids; while :; do sleep 1; done' & echo $$ >> pids; wait",
    );
    const ending = runHook(run, clock, never);
    const alive = await pids(dir, "pids", 2);
    clock.skip(30_000);
    await eventually("the hook has ended", async () => {
      const states = await Promise.all(alive.map(isAlive));
      return states.filter((is) => is).length === 1 || undefined;
    });
    clock.skip(5_100);
    expect(await ending).toMatchObject({ is: "timed-out", signal: "SIGTERM" });
    await eventually(
      "its child is gone",
      async () => !(await Promise.all(alive.map(isAlive))).includes(true) || undefined,
    );
  });

  it("may leave something running, for which nobody waits", async () => {
    const { dir, run } = await script("sleep 100 & echo $! > pids; echo done >&2");
    const end = await runHook(run, systemClock, never);
    expect(end).toMatchObject({ is: "ended", exit: 0 });
    expect(stderrOf(end)).toBe("done\n");
    const [left = 0] = await pids(dir, "pids", 1);
    expect(await isAlive(left)).toBe(true);
    process.kill(left, "SIGKILL");
  });

  it("may flood standard output with a gigabyte: it costs nothing", async () => {
    const { run } = await script("head -c 500000000 /dev/zero");
    const before = process.memoryUsage().rss;
    expect(await runHook(run, systemClock, never)).toMatchObject({ is: "ended", exit: 0 });
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });

  it("may flood standard error: the beginning is kept, and memory stays flat", async () => {
    const { run } = await script("printf beginning >&2; head -c 1000000000 /dev/zero >&2");
    const before = process.memoryUsage().rss;
    let most = before;
    const sampling = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 20);
    const end = await runHook(run, systemClock, never);
    clearInterval(sampling);
    expect(end).toMatchObject({ is: "ended", exit: 0 });
    expect(stderrOf(end).slice(0, 10)).toBe("beginning\0");
    expect(stderrOf(end)).toHaveLength(1_024);
    // Half of it: what is read and dropped lies about until Node collects it.
    expect(most - before).toBeLessThan(250_000_000);
  });

  it.each([
    ["is missing", "ENOENT", async (dir: string) => ({ command: [path.join(dir, "nothing")] })],
    ["is not executable", "EACCES", async (dir: string) => ({ command: [await plainFile(dir, "#!/bin/sh\n", 0o644)] })],
    ["is a directory", "EACCES", async (dir: string) => ({ command: [dir] })],
    ["has no directory to run in", "ENOENT", async (dir: string) => ({ cwd: path.join(dir, "gone") })],
    ["has an argument that is too long", "E2BIG", async () => ({ command: ["/bin/true", "x".repeat(200_000)] })],
    ["has a NUL in its environment", "ERR_INVALID_ARG_VALUE", async () => ({ env: { A: "a\0b" } })],
  ] as const)("that %s is not started, and says so", async (_, code, change) => {
    const { dir, run } = await script("exit 0");
    expect(await runHook({ ...run, ...(await change(dir)) }, systemClock, never)).toEqual({ is: "not-started", code });
  });

  it("is made to end when we end, within two seconds", async () => {
    const stop = new AbortController();
    const { dir, run } = await script('trap "" TERM; echo $$ > pids; while :; do sleep 0.1; done');
    const ending = runHook(run, systemClock, stop.signal);
    await pids(dir, "pids", 1);
    const before = performance.now();
    stop.abort();
    expect(await ending).toMatchObject({ is: "stopped", signal: "SIGKILL" });
    expect(performance.now() - before).toBeLessThan(6_000);
    const already = await script("sleep 100");
    expect(await runHook(already.run, systemClock, stop.signal)).toMatchObject({ is: "stopped" });
  });
});

async function plainFile(dir: string, content: string, mode: number): Promise<string> {
  const file = path.join(dir, "plain");
  await writeFile(file, content);
  await chmod(file, mode);
  return file;
}
