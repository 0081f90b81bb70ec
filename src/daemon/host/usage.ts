/** What this process uses, and how late its event loop is. One of the few places that ask. */

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { Cancel, Clock } from "../../core/clock.ts";

export interface Usage {
  /** Resident memory and used heap of V8, in bytes. */
  readonly resident: number;
  readonly heap: number;
  /** Of all threads, in seconds. */
  readonly cpu: number;
}

export function usage(): Usage {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return { resident: rss, heap: heapUsed, cpu: (user + system) / 1e6 };
}

export interface Delay {
  /** Seconds that the loop came too late. */
  readonly mean: number;
  readonly p99: number;
  readonly max: number;
}

/** How often the loop is looked at (milliseconds). Each look wakes the processor. */
const RESOLUTION_MS = 20;
/** Nobody asks any more: no looks are worth their power (milliseconds). */
const IDLE_MS = 10 * 60_000;
const NS = 1e-9;

/** Watches the event loop for as long as somebody asks for it now and then. */
export class LoopDelay {
  readonly #clock: Clock;
  #histogram: IntervalHistogram | undefined;
  #forget: Cancel = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Since the last time that it was asked; undefined the first time. */
  read(): Delay | undefined {
    this.#forget();
    this.#forget = this.#clock.after(IDLE_MS, () => this.close());
    if (this.#histogram === undefined) {
      this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.#histogram.enable();
      return undefined;
    }
    const { count, mean, max } = this.#histogram;
    const p99 = this.#histogram.percentile(99);
    this.#histogram.reset();
    // Node counts the wait itself as well.
    const late = (ns: number) => Math.max(0, ns * NS - RESOLUTION_MS / 1_000);
    return count === 0 ? { mean: 0, p99: 0, max: 0 } : { mean: late(mean), p99: late(p99), max: late(max) };
  }

  /** Watches no more. Idempotent. */
  close(): void {
    this.#forget();
    this.#histogram?.disable();
    this.#histogram = undefined;
  }
}
