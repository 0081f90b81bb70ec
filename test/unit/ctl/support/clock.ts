/** A clock that stands until a test moves it. */

import type { Cancel, Clock } from "../../../../src/core/clock.ts";

interface Timer {
  due: number;
  readonly every: number | undefined;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  after(ms: number, run: () => void): Cancel {
    return this.#add({ due: this.#now + ms, every: undefined, run });
  }

  every(ms: number, run: () => void): Cancel {
    return this.#add({ due: this.#now + ms, every: ms, run });
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Moves on by `ms`, running what falls due, in order. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > end) break;
      this.#now = next.due;
      if (next.every === undefined) this.#timers.delete(next);
      else next.due += next.every;
      next.run();
    }
    this.#now = end;
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
}
