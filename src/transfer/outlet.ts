/**
 * What leaves a link, in order and no faster than the limits that it is under.
 * Without a limit it adds nothing. It knows neither frames nor sockets.
 */

import type { Clock } from "../core/clock.ts";
import type { RateLimit } from "../core/rate-limit.ts";

/**
 * At most so many bytes go at once: fine enough to be even within a tenth of a
 * second, and for other transfers to get their turn.
 */
const MOST = 64 * 1024;
const LEAST = 1024;
const PARTS_A_SECOND = 20;

interface Waiting {
  /** What has not left yet. */
  rest: Buffer;
  /** Called when all of it has left. */
  readonly left: () => void;
}

export class Outlet {
  readonly #clock: Clock;
  readonly #put: (bytes: Buffer, left: () => void) => void;
  #limits: readonly RateLimit[] = [];
  #waiting: Waiting[] = [];
  #hurry = new AbortController();

  /** `put` takes what may leave now, and says when it has left. */
  constructor(clock: Clock, put: (bytes: Buffer, left: () => void) => void) {
    this.#clock = clock;
    this.#put = put;
  }

  slowTo(limits: readonly RateLimit[]): void {
    this.#limits = limits;
  }

  write(bytes: Buffer, left: () => void): void {
    if (this.#waiting.length === 0 && this.#rate() === Number.POSITIVE_INFINITY) {
      this.#put(bytes, left);
      return;
    }
    this.#waiting.push({ rest: bytes, left });
    if (this.#waiting.length === 1) void this.#drain();
  }

  /** Lets go at once of what waits, and of all that comes later: the link is about to be closed. */
  hurry(): void {
    this.#limits = [];
    this.#hurry.abort();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { rest, left } of waiting) this.#put(rest, left);
  }

  async #drain(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const part = next.rest.subarray(0, this.#partSize());
      for (const limit of this.#limits) await this.#turn(limit.reserve(part.length));
      if (this.#waiting[0] !== next) return; // it has left in a hurry
      next.rest = next.rest.subarray(part.length);
      if (next.rest.length === 0) this.#waiting.shift();
      this.#put(part, next.rest.length === 0 ? next.left : () => {});
    }
  }

  async #turn(wait: number): Promise<void> {
    if (wait > 0) await this.#clock.sleep(wait, this.#hurry.signal).catch(() => {});
  }

  #partSize(): number {
    const share = this.#rate() / PARTS_A_SECOND;
    return Math.round(Math.min(MOST, Math.max(LEAST, share)));
  }

  #rate(): number {
    return Math.min(...this.#limits.map(({ rate }) => rate));
  }
}
