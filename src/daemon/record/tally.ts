/**
 * Counts of what has happened since the start, kept whether or not anybody ever
 * asks: cheap enough to be told of every change.
 */

import type { HookView } from "../../control/schema.ts";

/** What is counted of a transfer. */
export interface Moving {
  readonly direction: "out" | "in";
  readonly moved: number;
  readonly resumed: number;
  /** Bytes of `moved`, now or soon, that the receiver had from earlier transfers. */
  readonly already: number;
}

export type Result = "done" | "failed" | "cancelled";

export class Tally {
  /** Bytes of content that a receiver has confirmed. */
  readonly bytes = { in: 0, out: 0 };
  readonly transfers = {
    in: { done: 0, failed: 0, cancelled: 0 },
    out: { done: 0, failed: 0, cancelled: 0 },
  };
  readonly hooks = { done: 0, failed: 0 };
  /** How far each transfer has been counted. */
  readonly #counted = new WeakMap<Moving, number>();

  /** A transfer has changed. What an earlier attempt had moved is not counted again, nor what did not travel. */
  changed(transfer: Moving): void {
    const { direction, resumed } = transfer;
    const moved = transfer.moved - transfer.already;
    const counted = this.#counted.get(transfer) ?? 0;
    this.bytes[direction] += Math.max(0, moved - Math.max(counted, resumed));
    this.#counted.set(transfer, Math.max(counted, moved));
  }

  ended(direction: "out" | "in", result: Result): void {
    this.transfers[direction][result]++;
  }

  hookChanged({ state }: HookView): void {
    if (state === "done" || state === "failed") this.hooks[state]++;
  }
}
