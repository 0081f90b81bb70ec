/**
 * Which transfers have landed here lately, and under which names: a sender that
 * missed our acknowledgement asks again, and must not leave a second copy.
 */

import type { HistoryView, TransferView } from "../../control/schema.ts";
import type { Clock } from "../../core/clock.ts";
import { MAX_LISTED_ITEMS } from "../../transfer/wire.ts";
import { KEPT_FOR_MS } from "./interrupted.ts";

/** About 1 MB of memory; who delivers more than that in a week does not wait a week for an answer. */
const MAX_KNOWN = 10_000;

type Names = readonly { readonly item: number; readonly as: string; readonly there?: boolean }[];

export class LandedTransfers {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #known = new Map<string, { readonly at: number; readonly names: Names }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of what earlier runs have recorded of what arrived, the newest first. */
  load(arrived: readonly HistoryView[]): void {
    for (const line of arrived.toReversed()) this.#add(line, Date.parse(line.at));
  }

  add(transfer: TransferView): void {
    this.#add(transfer, this.#clock.now());
  }

  /** The names that its top-level items got, as far as they are known; undefined when it is not known to have landed. */
  find(peer: string, id: string): Names | undefined {
    return this.#known.get(`${peer}:${id}`)?.names;
  }

  #add({ peer, id, items }: Pick<TransferView, "peer" | "id" | "items">, at: number): void {
    // Behind those that the offer listed, items are in the order of their publication.
    const names = items
      .slice(0, MAX_LISTED_ITEMS)
      .flatMap(({ as, there }, item) => (as === null ? [] : [{ item, as, ...(there && { there }) }]));
    this.#known.set(`${peer.id}:${id}`, { at, names });
    for (const [key, known] of this.#known) {
      if (this.#known.size <= MAX_KNOWN && this.#clock.now() - known.at <= KEPT_FOR_MS) break;
      this.#known.delete(key);
    }
  }
}
