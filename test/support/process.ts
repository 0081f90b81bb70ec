/**
 * Runs programs for tests: whole output kept, exit code or signal reported, and
 * never a child that outlives the test process.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export interface Finished {
  /** Exit code; null when a signal ended the program. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the start to the end of the program, milliseconds. */
  readonly ms: number;
}

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment. @default that of the test process */
  readonly env?: NodeJS.ProcessEnv;
  /** @default nothing: standard input is empty */
  readonly stdin?: string | Uint8Array;
}

/** A program that runs, or ran. */
export class Running {
  readonly pid: number;
  /** Resolves when the program has ended and all of its output is here. Never rejects. */
  readonly finished: Promise<Finished>;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #output = new Set<() => void>();

  constructor(child: ChildProcess, started: number) {
    if (child.pid === undefined) throw new Error(`cannot start ${child.spawnfile}`);
    this.pid = child.pid;
    this.#child = child;
    const collect = (stream: "stdout" | "stderr") => {
      child[stream]?.setEncoding("utf8").on("data", (text: string) => {
        this[stream] += text;
        for (const look of this.#output) look();
      });
    };
    collect("stdout");
    collect("stderr");
    this.finished = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr, ms: performance.now() - started });
      });
    });
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Does nothing when the program has ended, so that its pid cannot hit another one. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks the program to end, insists after `graceMs`, and resolves when it is gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM", graceMs = 10_000): Promise<Finished> {
    this.kill(signal);
    const insist = setTimeout(() => this.kill("SIGKILL"), graceMs);
    try {
      return await this.finished;
    } finally {
      clearTimeout(insist);
    }
  }

  /**
   * The first line of standard output, past or future, that `wanted` accepts.
   * Rejects with all output when the program ends or `timeoutMs` pass without it.
   */
  line(wanted: (line: string) => boolean, timeoutMs: number): Promise<string> {
    const scan = () => this.stdout.split("\n").slice(0, -1).find(wanted);
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        this.#output.delete(look);
        clearTimeout(timer);
        finish();
      };
      const fail = (why: string) =>
        settle(() => reject(new Error(`${why} before the awaited line\n${this.stdout}${this.stderr}`)));
      const look = () => {
        const found = scan();
        if (found !== undefined) settle(() => resolve(found));
      };
      const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
      this.#output.add(look);
      void this.finished.then(() => fail("the program ended"));
      look();
    });
  }
}

/** Starts `command`, which the kernel kills when the test process dies (Linux; elsewhere it is left to close()). */
export function start(command: readonly string[], options: RunOptions = {}): Running {
  const started = performance.now();
  const [program, ...args] = process.platform === "linux" ? ["setpriv", "--pdeathsig", "KILL", ...command] : command;
  if (program === undefined) throw new Error("no command");
  const child = spawn(program, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: "pipe" });
  child.on("error", () => {}); // told by the missing pid, or by the exit
  child.stdin.on("error", () => {}); // a program need not read what it was given
  child.stdin.end(options.stdin);
  return new Running(child, started);
}

/** Runs `command` to its end; after `timeoutMs` (default 60 s) it is killed, which `signal` then says. */
export async function run(
  command: readonly string[],
  options: RunOptions & { readonly timeoutMs?: number } = {},
): Promise<Finished> {
  const running = start(command, options);
  const limit = setTimeout(() => running.kill("SIGKILL"), options.timeoutMs ?? 60_000);
  try {
    return await running.finished;
  } finally {
    clearTimeout(limit);
  }
}

/** Runs a tool that must succeed; its standard output. */
export async function must(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await run(command, options);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${signal ?? `exit ${code}`}: ${stderr}`);
  return stdout;
}

/** Resolves with the first defined answer of `ask`, asked every `everyMs`; rejects after `timeoutMs`, naming `what`. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 10_000, everyMs = 50 } = {},
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(everyMs);
  }
}

/** Whether there is a process of this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
