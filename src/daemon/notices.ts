/**
 * What the desktop is told: that an offer waits for an answer, that something
 * has arrived. The first of a burst is told at once, the rest as a number, since
 * others decide how many there are. Showing it is host/notify.ts.
 */

import type { OfferView, TransferView } from "../control/schema.ts";
import type { Cancel, Clock } from "../core/clock.ts";
import { formatSize, safe } from "../core/text.ts";
import type { Notice } from "./host/notify.ts";

/** How long more of the same is only counted (milliseconds). */
const BURST_MS = 10_000;
/** Of a name, in UTF-16 units: notifications are small. */
const MAX_NAME = 48;

export class Notices {
  readonly #offers: Burst;
  readonly #arrivals: Burst;

  constructor(clock: Clock, show: (notice: Notice) => void) {
    this.#offers = new Burst(clock, show, (count) => ({
      title: `lanxfer: ${count} more ${count === 1 ? "offer waits" : "offers wait"} for your answer`,
      body: "lanxferctl offers",
    }));
    this.#arrivals = new Burst(clock, show, (count) => ({
      title: `lanxfer: ${count} more ${count === 1 ? "transfer has" : "transfers have"} arrived`,
      body: "lanxferctl inbox",
    }));
  }

  offered(offer: OfferView): void {
    const what = `${items(offer)} (${formatSize(offer.bytes)}) from ${name(offer.from.name)}`;
    this.#offers.tell(keyOf(offer), {
      title: "lanxfer: an offer waits for your answer",
      body: `${what}; take it with: lanxferctl accept ${offer.id}`,
    });
  }

  /** An offer was answered, or is gone: there is nothing to tell any more. */
  settled(offer: OfferView): void {
    this.#offers.forget(keyOf(offer));
  }

  arrived(transfer: TransferView): void {
    const body = `${items(transfer)} (${formatSize(transfer.bytes)}) from ${name(transfer.peer.name)}`;
    this.#arrivals.tell(`${transfer.peer.id}:${transfer.id}`, { title: "lanxfer: something has arrived", body });
  }

  /** Tells nothing more. */
  close(): void {
    this.#offers.close();
    this.#arrivals.close();
  }
}

class Burst {
  readonly #clock: Clock;
  readonly #show: (notice: Notice) => void;
  readonly #more: (count: number) => Notice;
  /** What came since the last notice; undefined when there was none for a while. */
  #held: Set<string> | undefined;
  #cancel: Cancel = () => {};

  constructor(clock: Clock, show: (notice: Notice) => void, more: (count: number) => Notice) {
    this.#clock = clock;
    this.#show = show;
    this.#more = more;
  }

  tell(key: string, notice: Notice): void {
    if (this.#held !== undefined) this.#held.add(key);
    else this.#say(notice);
  }

  forget(key: string): void {
    this.#held?.delete(key);
  }

  close(): void {
    this.#cancel();
  }

  #say(notice: Notice): void {
    const held = new Set<string>();
    this.#held = held;
    this.#show(notice);
    this.#cancel = this.#clock.after(BURST_MS, () => {
      this.#held = undefined;
      if (held.size > 0) this.#say(this.#more(held.size));
    });
  }
}

interface Named {
  readonly name: string;
  /** The name it got here. */
  readonly as?: string | null;
}

function items({ items: [first, ...rest] }: { readonly items: readonly Named[] }): string {
  const shown = name(first?.as ?? first?.name ?? "");
  return rest.length === 0 ? shown : `${shown} and ${rest.length} more`;
}

function name(text: string): string {
  return safe(text, MAX_NAME);
}

function keyOf({ id, from }: OfferView): string {
  return `${from.id}:${id}`;
}
