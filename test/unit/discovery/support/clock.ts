/** Clocks of which a test decides how fast they run. */

import { type Cancel, type Clock, systemClock } from "../../../../src/core/clock.ts";

interface Timer {
  due: number;
  readonly every: number | undefined;
  readonly run: () => void;
}

/** Stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>();
  #steady = 5_000;
  #wall = 1_700_000_000_000;

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#steady;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    let cancel: Cancel = () => {};
    let stop = () => {};
    await new Promise<void>((resolve) => {
      stop = resolve;
      cancel = this.after(ms, resolve);
      signal?.addEventListener("abort", stop, { once: true });
    });
    cancel();
    signal?.removeEventListener("abort", stop);
    signal?.throwIfAborted();
  }

  after(ms: number, run: () => void): Cancel {
    return this.#add({ due: this.#steady + ms, every: undefined, run });
  }

  every(ms: number, run: () => void): Cancel {
    return this.#add({ due: this.#steady + ms, every: ms, run });
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Moves on by `ms`. What falls due runs in order, and promises settle in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#steady + ms;
    for (;;) {
      await settled();
      const next = [...this.#timers].sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > end) break;
      this.#moveTo(next.due);
      if (next.every === undefined) this.#timers.delete(next);
      else next.due += next.every;
      next.run();
    }
    this.#moveTo(end);
  }

  /** As when the machine was suspended: the wall clock goes on by `ms`, nothing else does. */
  suspend(ms: number): void {
    this.#wall += ms;
  }

  #moveTo(steady: number): void {
    this.#wall += steady - this.#steady;
    this.#steady = steady;
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
}

/** The real clock, `factor` times as fast. */
export function hurried(factor: number): Clock {
  const started = systemClock.now();
  return {
    now: () => started + systemClock.monotonic() * factor,
    monotonic: () => systemClock.monotonic() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    after: (ms, run) => systemClock.after(ms / factor, run),
    every: (ms, run) => systemClock.every(ms / factor, run),
  };
}

/** Resolves when promises that could settle without time passing have done so. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
