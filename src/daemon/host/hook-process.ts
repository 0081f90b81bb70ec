/**
 * Runs the user's own program for what was received: no shell, a process group of
 * its own, an environment that is given, nothing to read, and an end. What it
 * writes to standard output goes nowhere; of standard error the beginning is kept
 * and the rest thrown away as it comes. When it is run, and what its end means,
 * is incoming/hooks.ts.
 */

import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../../core/clock.ts";
import { systemCode } from "../../core/errors.ts";

export interface HookRun {
  /** The program, by its full path, and its arguments. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** All of it. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export type HookEnd =
  | { readonly is: "not-started"; readonly code: string }
  | {
      /** `stopped`: made to end because this program ends. */
      readonly is: "ended" | "timed-out" | "stopped";
      readonly exit: number | null;
      readonly signal: string | null;
      readonly ms: number;
      /** The first bytes of standard error, as they came. */
      readonly stderr: Uint8Array;
    };

/** Of standard error (bytes). */
const KEPT = 1_024;
/** From SIGTERM to SIGKILL (milliseconds). */
const GRACE_MS = { "timed-out": 5_000, stopped: 2_000 } as const;
/** How often a group that was told to end is looked at (milliseconds). */
const LOOK_MS = 100;
/** What it left running may hold its standard error open; its own last words are there by then (milliseconds). */
const LAST_WORDS_MS = 200;

/**
 * Resolves when the program has ended, and where we had to end it, all of its
 * group. What it leaves running otherwise is its own affair. Never rejects.
 */
export async function runHook(run: HookRun, clock: Clock, stop: AbortSignal): Promise<HookEnd> {
  const started = clock.monotonic();
  const [program = "", ...args] = run.command;
  let child: ChildProcess;
  try {
    // Detached is setsid(2): signals to our group or terminal do not reach it, nor its own to its group us.
    child = spawn(program, args, { cwd: run.cwd, env: run.env, detached: true, stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    return { is: "not-started", code: systemCode(error) ?? String(error) }; // arguments that are too long, say
  }
  const stderr = new Head(KEPT);
  child.stderr?.on("data", (chunk: Buffer) => stderr.add(chunk)).on("error", () => {});
  const givenUp = new AbortController();
  const exited = endOf(child, givenUp.signal);
  const { pid } = child;
  if (pid === undefined) return { is: "not-started", code: (await exited).code };

  let why: keyof typeof GRACE_MS | undefined;
  let killing: Promise<void> | undefined;
  const end = (reason: keyof typeof GRACE_MS) => {
    why ??= reason;
    killing ??= endGroup(pid, GRACE_MS[why], clock).then(() => givenUp.abort());
  };
  const cancel = clock.after(run.timeoutMs, () => end("timed-out"));
  const onStop = () => end("stopped");
  stop.addEventListener("abort", onStop, { once: true });
  if (stop.aborted) onStop();
  const { exit, signal } = await exited;
  cancel();
  stop.removeEventListener("abort", onStop);
  await killing;
  await lastWords(child, clock);
  const ms = Math.round(clock.monotonic() - started);
  return { is: why ?? "ended", exit, signal, ms, stderr: stderr.bytes };
}

interface Exit {
  readonly exit: number | null;
  readonly signal: string | null;
  /** Why it could not be started; empty otherwise. */
  readonly code: string;
}

/** Whoever runs as somebody else, by sudo, say, cannot be killed: `givenUp` ends the wait for it. */
function endOf(child: ChildProcess, givenUp: AbortSignal): Promise<Exit> {
  return new Promise((resolve) => {
    givenUp.addEventListener("abort", () => resolve({ exit: null, signal: null, code: "" }), { once: true });
    child.on("error", (error) => resolve({ exit: null, signal: null, code: systemCode(error) ?? error.message }));
    child.once("exit", (exit, signal) => resolve({ exit, signal, code: "" }));
  });
}

/** Resolves when nothing of the group is left, or nothing more can be done. */
async function endGroup(pid: number, graceMs: number, clock: Clock): Promise<void> {
  for (const [signal, patience] of [
    ["SIGTERM", graceMs],
    ["SIGKILL", LAST_WORDS_MS],
  ] as const) {
    signalGroup(pid, signal);
    const deadline = clock.monotonic() + patience;
    while (signalGroup(pid, 0)) {
      if (clock.monotonic() >= deadline) break;
      await clock.sleep(LOOK_MS);
    }
  }
  await clock.sleep(LOOK_MS); // for the news of its end
}

/** False when there is no such group any more. Its number is not given to others as long as one of it lives. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

async function lastWords({ stderr }: ChildProcess, clock: Clock): Promise<void> {
  if (stderr === null) return;
  const over = new AbortController();
  stderr.once("close", () => over.abort());
  if (!stderr.closed) await clock.sleep(LAST_WORDS_MS, over.signal).catch(() => {});
  stderr.destroy();
}

/** The first bytes of a stream. */
class Head {
  readonly #most: number;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(chunk: Buffer): void {
    const piece = chunk.subarray(0, this.#most - this.#length);
    if (piece.length === 0) return;
    this.#length += piece.length;
    this.#chunks.push(Buffer.from(piece)); // not a view: that would hold on to the whole chunk
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}
