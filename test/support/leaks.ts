/**
 * What a test may not leave behind in its process: open sockets, files of its
 * own directory, timers that still run, rejections that nobody handled.
 * Sockets and files are counted by descriptor, which only Linux shows.
 *
 * For one test at a time: what runs beside it would be counted too.
 */

import { readdirSync, readlinkSync } from "node:fs";
import type { Cancel, Clock } from "../../src/core/clock.ts";
import { eventually } from "./process.ts";

/** A watch over this process from the moment it is made. */
export class LeakCheck {
  readonly #directory: string;
  readonly #socketsBefore = new Set(descriptors().filter(isSocket));
  readonly #rejections: unknown[] = [];
  readonly #onRejection = (reason: unknown) => void this.#rejections.push(reason);

  /** @param directory where the test keeps its files */
  constructor(directory: string) {
    this.#directory = directory;
    process.on("unhandledRejection", this.#onRejection);
  }

  /**
   * Resolves when nothing is left, after `settleMs` in any case, to what is left,
   * in words: ends of connections and last timers take a moment to go.
   */
  async finish(clock: CountedClock, settleMs: number): Promise<string[]> {
    const clean = () => (this.#left(clock).length === 0 ? true : undefined);
    await eventually("nothing left", clean, { timeoutMs: settleMs, everyMs: 5 }).catch(() => {});
    process.removeListener("unhandledRejection", this.#onRejection);
    return this.#left(clock);
  }

  #left(clock: CountedClock): string[] {
    const sockets = descriptors().filter((target) => isSocket(target) && !this.#socketsBefore.has(target));
    return [
      ...sockets.map((target) => `open: ${target}`),
      ...openFilesBelow(this.#directory).map((target) => `open: ${target}`),
      ...clock.running().map((origin) => `timer started ${origin}`),
      ...this.#rejections.map((reason) => `unhandled: ${reason instanceof Error ? reason.stack : String(reason)}`),
    ];
  }
}

/** Descriptors that lead to `directory` or below it. */
export function openFilesBelow(directory: string): string[] {
  return descriptors().filter((target) => target === directory || target.startsWith(`${directory}/`));
}

/** What the descriptors of this process lead to. */
function descriptors(): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`).replace(/ \(deleted\)$/, "")];
    } catch {
      return []; // the descriptor that listed the others
    }
  });
}

function isSocket(target: string): boolean {
  return target.startsWith("socket:");
}

/** Any clock, with a count of what was started and has neither run nor been cancelled. */
export class CountedClock implements Clock {
  readonly #clock: Clock;
  readonly #running = new Map<symbol, Error>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Where each timer that runs now was started. */
  running(): string[] {
    return [...this.#running.values()].map(({ stack = "" }) => stack.split("\n").slice(3, 6).join("\n").trim());
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const forget = this.#remember();
    try {
      await this.#clock.sleep(ms, signal);
    } finally {
      forget();
    }
  }

  after(ms: number, run: () => void): Cancel {
    const forget = this.#remember();
    const cancel = this.#clock.after(ms, () => {
      forget();
      run();
    });
    return () => {
      forget();
      cancel();
    };
  }

  every(ms: number, run: () => void): Cancel {
    const forget = this.#remember();
    const cancel = this.#clock.every(ms, run);
    return () => {
      forget();
      cancel();
    };
  }

  #remember(): () => void {
    const timer = Symbol("timer");
    this.#running.set(timer, new Error("started"));
    return () => void this.#running.delete(timer);
  }
}
