/**
 * A token bucket (as in RFC 2697 section 3, with one rate): how long each use of
 * a shared rate has to wait. Who asks first goes first, so those who ask for small
 * amounts in turn get equal shares. It keeps no timer and no queue.
 */

import type { Clock } from "./clock.ts";

/** What was not used for so long may be made up for (milliseconds): timers are late, and the average counts. */
const BURST_MS = 100;
/** A shorter wait is not worth a timer; it is added to the next one (milliseconds). */
const WORTH_MS = 4;

export class RateLimit {
  readonly #clock: Clock;
  readonly #rate: () => number;
  /** When all that was granted has passed at the rate (monotonic milliseconds). */
  #free = 0;

  /** `rate` is bytes a second, 0 for no limit; it is asked each time, so that it may change. */
  constructor(clock: Clock, rate: () => number) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** Bytes a second; Infinity when there is no limit now. */
  get rate(): number {
    const rate = this.#rate();
    return rate > 0 ? rate : Number.POSITIVE_INFINITY;
  }

  /** Counts `bytes` as used, and returns how many milliseconds to wait before using them; 0 for none. */
  reserve(bytes: number): number {
    const now = this.#clock.monotonic();
    const begin = Math.max(this.#free, now - BURST_MS);
    this.#free = begin + (bytes * 1_000) / this.rate;
    const wait = begin - now;
    return wait < WORTH_MS ? 0 : wait;
  }
}
