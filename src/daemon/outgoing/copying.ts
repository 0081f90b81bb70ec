/**
 * What is being copied before there is a transfer of it: given up when its
 * receiver is trusted no more, or the program ends.
 */

import type { LanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";

interface Running {
  readonly to: DeviceId;
  readonly stop: AbortController;
  readonly over: Promise<unknown>;
}

export class Copying {
  readonly #running = new Set<Running>();
  #closed: LanxferError | undefined;

  /** Calls `copy`, whose signal aborts with the reason of `stop` or `close`. Rejects as it does, and after `close`. */
  async run<T>(to: DeviceId, copy: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    const stop = new AbortController();
    const over = copy(stop.signal);
    const running = { to, stop, over };
    this.#running.add(running);
    return over.finally(() => this.#running.delete(running));
  }

  /** Gives up what is for that device, or all when none is given. Resolves when nobody works on it any more. */
  async stop(reason: LanxferError, to?: DeviceId): Promise<void> {
    const affected = [...this.#running].filter((running) => to === undefined || running.to === to);
    for (const { stop } of affected) stop.abort(reason);
    await Promise.allSettled(affected.map(({ over }) => over));
  }

  /** Gives up all, and what comes later. */
  async close(reason: LanxferError): Promise<void> {
    this.#closed = reason;
    await this.stop(reason);
  }
}
