/**
 * The real clock, over which a test can skip: what would have happened in the
 * time that was skipped happens at once, in its order. Between two skips time
 * runs as always, so that sockets and files need no special care.
 */

import { type Cancel, type Clock, systemClock } from "../../src/core/clock.ts";

interface Timer {
  due: number;
  readonly period: number | undefined;
  readonly run: () => void;
  cancel: Cancel;
}

export class SkippingClock implements Clock {
  #skipped = 0;
  readonly #timers = new Set<Timer>();

  /** Lets `ms` pass in no time. */
  skip(ms: number): void {
    const end = this.monotonic() + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#skipped += Math.max(0, next.due - this.monotonic());
      this.#fire(next);
    }
    this.#skipped += Math.max(0, end - this.monotonic());
    for (const timer of this.#timers) this.#arm(timer);
  }

  now(): number {
    return systemClock.now() + this.#skipped;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#skipped;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const stop = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      });
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  after(ms: number, run: () => void): Cancel {
    return this.#start(ms, undefined, run);
  }

  every(ms: number, run: () => void): Cancel {
    return this.#start(ms, ms, run);
  }

  #start(ms: number, period: number | undefined, run: () => void): Cancel {
    const timer: Timer = { due: this.monotonic() + ms, period, run, cancel: () => {} };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      timer.cancel();
      this.#timers.delete(timer);
    };
  }

  #arm(timer: Timer): void {
    timer.cancel();
    timer.cancel = systemClock.after(Math.max(0, timer.due - this.monotonic()), () => this.#fire(timer));
  }

  #fire(timer: Timer): void {
    timer.cancel();
    if (timer.period === undefined) this.#timers.delete(timer);
    else {
      timer.due += timer.period;
      this.#arm(timer);
    }
    timer.run();
  }

  #next(end: number): Timer | undefined {
    const due = [...this.#timers].filter((timer) => timer.due <= end);
    return due.sort((a, b) => a.due - b.due)[0];
  }
}
