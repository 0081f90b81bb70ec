/**
 * Connections that were turned away before they were anybody: counted by reason,
 * and told in the log once a burst, because whoever knocks decides how often.
 */

import type { Cancel, Clock } from "../../core/clock.ts";
import type { Log } from "../../core/log.ts";

/** How long more of the same is only counted (milliseconds). */
const BURST_MS = 60_000;

export class Refusals {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #counts = new Map<string, number>();
  /** Since the last line; undefined when there was none for a while. */
  #burst: Map<string, number> | undefined;
  #cancel: Cancel = () => {};

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Since the start. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  add(reason: string): void {
    count(this.#counts, reason);
    if (this.#burst === undefined) {
      this.#log.info({ reason }, "connection refused");
      this.#listen();
    } else {
      count(this.#burst, reason);
    }
  }

  /** Writes no more lines. */
  close(): void {
    this.#cancel();
  }

  #listen(): void {
    const burst = new Map<string, number>();
    this.#burst = burst;
    this.#cancel = this.#clock.after(BURST_MS, () => {
      this.#burst = undefined;
      if (burst.size === 0) return;
      this.#log.info({ ...Object.fromEntries(burst), seconds: BURST_MS / 1_000 }, "more connections refused");
      this.#listen();
    });
  }
}

function count(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}
