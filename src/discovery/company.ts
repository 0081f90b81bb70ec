/** Who was heard lately on one link: a memory of bounded size, whatever is invented there. */

import type { Clock } from "../core/clock.ts";

const LASTS = 30_000; // ms: some rounds of questions
const MAX = 512; // twice the peers that are kept

export class Company {
  readonly #clock: Clock;
  /** The one that was heard last is the last. */
  readonly #heardAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hear(who: string): void {
    this.#heardAt.delete(who);
    this.#heardAt.set(who, this.#clock.monotonic());
    for (const oldest of this.#heardAt.keys()) {
      if (this.#heardAt.size <= MAX) break;
      this.#heardAt.delete(oldest);
    }
  }

  has(who: string): boolean {
    const at = this.#heardAt.get(who);
    return at !== undefined && this.#clock.monotonic() - at <= LASTS;
  }

  /** Everybody who is here. */
  all(): string[] {
    return [...this.#heardAt.keys()].filter((who) => this.has(who));
  }
}
