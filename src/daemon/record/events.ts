/**
 * The event stream of the control API: a snapshot, then deltas, for any number
 * of watchers. A transfer is told as it is when the watcher reads, so that
 * progress never piles up; a watcher that still falls too far behind is told so and closed.
 */

import type { ControlEvent, TransferView } from "../../control/schema.ts";

type WithoutSeq<E> = E extends unknown ? Omit<E, "seq"> : never;

/** Something to watch that changes often: read only when a watcher is ready for it. */
export interface Changing {
  readonly view: TransferView;
}

export type Delta =
  | WithoutSeq<Extract<ControlEvent, { type: "peer" | "offer" | "hook" }>>
  | { readonly type: "transfer"; readonly transfer: Changing };
export type Snapshot = WithoutSeq<Extract<ControlEvent, { type: "snapshot" }>>;

/** Unread events a watcher may have. */
const MAX_BEHIND = 256;

export class Events {
  readonly #snapshot: () => Snapshot;
  readonly #watchers = new Set<Watcher>();

  constructor(snapshot: () => Snapshot) {
    this.#snapshot = snapshot;
  }

  publish(delta: Delta): void {
    for (const watcher of this.#watchers) watcher.push(delta);
  }

  /** Ends when `signal` aborts, after `overrun`, or when the consumer stops. */
  async *watch(signal: AbortSignal): AsyncGenerator<ControlEvent> {
    const watcher = new Watcher();
    const wake = () => watcher.wake();
    signal.addEventListener("abort", wake, { once: true });
    this.#watchers.add(watcher);
    let seq = 0;
    try {
      yield { ...this.#snapshot(), seq: seq++ };
      while (!signal.aborted) {
        const delta = watcher.shift();
        if (delta?.type === "transfer") yield { type: "transfer", transfer: delta.transfer.view, seq: seq++ };
        else if (delta !== undefined) yield { ...delta, seq: seq++ };
        else if (watcher.overrun) {
          yield { type: "overrun", seq: seq++ };
          return;
        } else await watcher.pushed();
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#watchers.delete(watcher);
    }
  }
}

class Watcher {
  readonly #queue: Delta[] = [];
  #overrun = false;
  #wake: () => void = () => {};

  get overrun(): boolean {
    return this.#overrun;
  }

  push(delta: Delta): void {
    if (this.#overrun) return;
    // One unread event per transfer is enough: it is read as it is then.
    const waits = delta.type === "transfer" && this.#queue.some((queued) => isSame(queued, delta));
    if (!waits && this.#queue.length < MAX_BEHIND) this.#queue.push(delta);
    else if (!waits) this.#overrun = true;
    this.wake();
  }

  shift(): Delta | undefined {
    return this.#queue.shift();
  }

  pushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake();
  }
}

function isSame(queued: Delta, delta: Extract<Delta, { type: "transfer" }>): boolean {
  return queued.type === "transfer" && queued.transfer === delta.transfer;
}
