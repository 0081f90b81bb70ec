/** A token bucket: so many at once, then so many a second. What was taken for nothing can be given back. */

import type { Clock } from "../core/clock.ts";

export interface Budget {
  /** What may be taken at once after a rest. */
  readonly burst: number;
  /** What comes back a second. */
  readonly rate: number;
}

export class Allowance {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #budget: Budget;
  #left: number;
  #at: number;

  constructor(clock: Pick<Clock, "monotonic">, budget: Budget) {
    this.#clock = clock;
    this.#budget = budget;
    this.#left = budget.burst;
    this.#at = clock.monotonic();
  }

  /** Until there is one to take (milliseconds); 0 when there is. */
  get wait(): number {
    this.#refill();
    return this.#left >= 1 ? 0 : ((1 - this.#left) / this.#budget.rate) * 1_000;
  }

  /** To be called only when `wait` is 0. */
  take(): void {
    this.#refill();
    this.#left -= 1;
  }

  giveBack(): void {
    this.#left = Math.min(this.#budget.burst, this.#left + 1);
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    this.#left = Math.min(this.#budget.burst, this.#left + ((now - this.#at) * this.#budget.rate) / 1_000);
    this.#at = now;
  }
}
