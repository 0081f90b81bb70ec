/**
 * Faults in the system calls of a program that runs: errors, delays and death
 * at the call that a test chooses, by strace.
 *
 * strace counts the calls of each thread for itself. A program of Node's does
 * its work on files in a pool of threads, so for a count that means something
 * it is run with UV_THREADPOOL_SIZE=1, and only that one thread is watched.
 */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Device } from "./device.ts";
import { eventually, type Running, start } from "./process.ts";

/** For the environment of a daemon that is to be watched by `onFileThread`. */
export const ONE_FILE_THREAD = { UV_THREADPOOL_SIZE: "1" };

export class Injection implements AsyncDisposable {
  readonly #strace: Running;
  readonly #directory: string;

  private constructor(strace: Running, directory: string) {
    this.#strace = strace;
    this.#directory = directory;
  }

  /** Takes effect at once and until disposed of. `rule` is strace's, such as `fsync:error=EIO:when=2`. */
  static async begin(rule: string, threads: readonly string[]): Promise<Injection> {
    const directory = await mkdtemp(path.join(tmpdir(), "lanxfer-strace-"));
    const [calls = ""] = rule.split(":");
    const options = ["-I", "anywhere", "-o", path.join(directory, "trace"), "-e", `trace=${calls}`];
    const strace = start(["strace", ...options, "-e", `inject=${rule}`, ...threads]);
    const injection = new Injection(strace, directory);
    const attached = () => {
      if (strace.ended) throw new Error(`strace ended: ${strace.stderr}`);
      return strace.stderr.includes("attached") || undefined;
    };
    await eventually("strace is attached", attached, { everyMs: 2 }).catch(async (error) => {
      await injection[Symbol.asyncDispose]();
      throw error;
    });
    return injection;
  }

  /**
   * Lets the program go on undisturbed. Resolves to how many calls got an error or
   * a delay; a program that was killed shows that itself. Idempotent.
   */
  async end(): Promise<number> {
    await this.#strace.stop();
    const trace = await readFile(path.join(this.#directory, "trace"), "utf8");
    return trace.split("\n").filter((line) => /\((INJECTED|DELAYED)\)/.test(line)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#strace.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Injects into every thread of a device's daemon. */
export function onAllThreads(device: Device, rule: string): Promise<Injection> {
  return Injection.begin(rule, ["-f", "-p", String(device.daemon.pid)]);
}

/**
 * Injects into the thread that does the daemon's work on files; it is to be run
 * with ONE_FILE_THREAD. With `file` only into calls that are about this one, which
 * is necessary for errors of write(2): threads also wake each other with it.
 */
export async function onFileThread(device: Device, rule: string, file?: string): Promise<Injection> {
  const only = file === undefined ? [] : ["-P", file];
  return Injection.begin(rule, [...only, "-p", await fileThread(device)]);
}

/** The thread that looks how much room there is when a status is asked for. */
async function fileThread(device: Device): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), "lanxfer-strace-"));
  const trace = path.join(directory, "trace");
  const strace = start([
    "strace",
    "-f",
    "-I",
    "anywhere",
    "-o",
    trace,
    "-e",
    "trace=statfs",
    "-p",
    String(device.daemon.pid),
  ]);
  try {
    await eventually("strace is attached", () => strace.stderr.includes("attached") || undefined, { everyMs: 2 });
    await device.control.call("get", "/v1/status", {});
    await strace.stop();
    const [, thread] = /^(\d+) +statfs\(/m.exec(await readFile(trace, "utf8")) ?? [];
    if (thread === undefined) throw new Error(`no thread of ${device.name} looked at the inbox`);
    return thread;
  } finally {
    await strace.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
