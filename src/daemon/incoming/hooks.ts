/**
 * Runs the user's hook for each transfer that has arrived, one at a time, in the
 * order of their arrival. Which ones wait is in the history, written with the line
 * of the transfer itself, so that a daemon that ends, in whatever way, goes on
 * with them at its next start.
 *
 * The promise is: at least once. A hook that ran when the daemon ended may have
 * done its work or not, and nobody could tell, so it is run again; how often that
 * is goes into its environment. One that has never been started is run once.
 */

import type { HistoryView, HookView } from "../../control/schema.ts";
import { assertNever } from "../../core/assert.ts";
import type { Log } from "../../core/log.ts";
import { safe } from "../../core/text.ts";
import type { HookEnd, HookRun } from "../host/hook-process.ts";
import { toldOf } from "./hook-environment.ts";

/** Memory for hooks that wait (bytes), about twenty thousand of a file each. */
const MAX_WAITING = 32 * 1024 * 1024;
/** What one costs besides its texts (bytes). */
const OVERHEAD = 512;
/** A hook that ends the daemon each time, by a reboot, say, must not do so for ever. */
const MAX_ATTEMPTS = 3;
/** How long the one that runs may go on after a stop was asked for (milliseconds). */
const DRAIN_MS = 5_000;
/** Of each line of what it wrote (characters). */
const MAX_LINE = 1_024;

export interface HooksDeps {
  readonly log: Log;
  /** The program and its arguments as they are set now; none when empty. */
  readonly command: () => readonly string[];
  readonly timeoutMs: () => number;
  readonly inbox: () => string;
  /** What every hook has in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly run: (run: HookRun, stop: AbortSignal) => Promise<HookEnd>;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Writes down what has become of one, and tells it. Never rejects. */
  readonly changed: (transfer: Hooked, hook: HookView) => Promise<void>;
}

/** The transfer that a hook is for. */
export type Hooked = Pick<HistoryView, "id" | "peer" | "at">;

interface Waiting {
  readonly transfer: Hooked;
  readonly env: Readonly<Record<string, string>>;
  readonly attempts: number;
  /** Bytes. */
  readonly size: number;
}

const UNTOUCHED: HookView = {
  state: "waiting",
  attempts: 0,
  exit: null,
  signal: null,
  ms: null,
  problem: null,
  stderr: "",
};

export class Hooks {
  readonly #deps: HooksDeps;
  readonly #waiting: Waiting[] = [];
  #size = 0;
  readonly #closing = new AbortController();
  readonly #stop = new AbortController();
  /** Settles when nothing runs; undefined when nothing does. */
  #running: Promise<void> | undefined;

  constructor(deps: HooksDeps) {
    this.#deps = deps;
  }

  /** What the line of a transfer that has just arrived says of its hook; null when none is to be run. */
  planned(): HookView | null {
    return this.#deps.command().length > 0 ? UNTOUCHED : null;
  }

  /** A transfer has arrived, and its line is written. Returns at once. */
  add(line: HistoryView): void {
    if (line.hook?.state !== "waiting" && line.hook?.state !== "running") return;
    const { id, peer, at } = line;
    const env = toldOf(line);
    const size = OVERHEAD + Object.values(env).reduce((sum, text) => sum + text.length, 0);
    const waiting = { transfer: { id, peer, at }, env, attempts: line.hook.attempts, size };
    if (this.#size + size > MAX_WAITING) {
      void this.#failed(waiting, "too many hooks were waiting");
      return;
    }
    this.#waiting.push(waiting);
    this.#size += size;
    this.#runAll();
  }

  /** Takes up what earlier runs have left; `arrived` are lines of the history, the newest first. */
  restore(arrived: readonly HistoryView[]): void {
    for (const line of arrived.toReversed()) this.add(line);
  }

  /** How many wait or run. */
  get pending(): number {
    return this.#waiting.length + (this.#running === undefined ? 0 : 1);
  }

  /** Starts no more. The one that runs has a moment to end, then it is made to. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#running === undefined) return;
    const over = new AbortController();
    const ended = this.#running.then(() => over.abort());
    await this.#deps.sleep(DRAIN_MS, over.signal).catch(() => {});
    this.#stop.abort();
    await ended;
  }

  #runAll(): void {
    if (this.#running !== undefined) return;
    const next = this.#next();
    if (next === undefined) return;
    this.#running = this.#runOne(next).then(() => {
      this.#running = undefined;
      this.#runAll();
    });
  }

  #next(): Waiting | undefined {
    if (this.#closing.signal.aborted) return undefined;
    const next = this.#waiting.shift();
    this.#size -= next?.size ?? 0;
    return next;
  }

  async #runOne(waiting: Waiting): Promise<void> {
    const { command, timeoutMs, inbox, environment, run, changed, log } = this.#deps;
    const { transfer } = waiting;
    const attempts = waiting.attempts + 1;
    const program = command();
    if (program.length === 0) return this.#failed(waiting, "no program is set any more");
    if (attempts > MAX_ATTEMPTS) return this.#failed(waiting, `lanxferd ended ${MAX_ATTEMPTS} times while it ran`);
    // Before it starts: what is not written down was never tried.
    await changed(transfer, { ...UNTOUCHED, state: "running", attempts });
    const env = { ...environment, ...waiting.env, LANXFER_ATTEMPT: String(attempts) };
    const end = await run({ command: program, cwd: inbox(), env, timeoutMs: timeoutMs() }, this.#stop.signal);
    if (end.is === "stopped") {
      log.info({ transfer: transfer.id, ms: end.ms }, "hook ended early, it is run again at the next start");
      return;
    }
    const hook = resultOf(end, attempts);
    const { state, exit, signal, ms, problem } = hook;
    const fields = { transfer: transfer.id, peer: transfer.peer.id, exit, signal, ms, problem, attempts };
    if (state === "done") log.info(fields, "hook done");
    else log.warn({ ...fields, stderr: hook.stderr }, "hook failed");
    await changed(transfer, hook);
  }

  async #failed({ transfer, attempts }: Waiting, problem: string): Promise<void> {
    this.#deps.log.warn({ transfer: transfer.id, peer: transfer.peer.id, problem }, "hook not run");
    await this.#deps.changed(transfer, { ...UNTOUCHED, state: "failed", attempts, problem });
  }
}

/** What is written down of how a hook ended. */
function resultOf(end: HookEnd, attempts: number): HookView {
  switch (end.is) {
    case "not-started":
      return { ...UNTOUCHED, state: "failed", attempts, problem: `cannot be started: ${WORDS[end.code] ?? end.code}` };
    case "ended":
    case "timed-out":
    case "stopped": {
      const { exit, signal, ms } = end;
      const problem = end.is === "ended" ? null : "took too long";
      const state = exit === 0 && problem === null ? "done" : "failed";
      return { state, attempts, exit, signal, ms, problem, stderr: readable(end.stderr) };
    }
    default:
      return assertNever(end);
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such program, or no inbox",
  EACCES: "permission denied",
  ENOTDIR: "something on its path is not a directory",
  E2BIG: "its arguments are too long",
};

/** Line by line, so that a line feed stays one. */
function readable(bytes: Uint8Array): string {
  // As a stream, of which the end is missing: half a character is left out.
  const text = new TextDecoder().decode(bytes, { stream: true });
  return text
    .trimEnd()
    .split("\n")
    .map((line) => safe(line, MAX_LINE))
    .join("\n");
}
