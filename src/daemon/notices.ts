/**
 * What the desktop is told: that an offer waits for an answer, that something
 * has arrived. The first of a burst is told at once, the rest as a number, since
 * others decide how many there are. Showing it is host/notify.ts.
 */

import type { OfferView, PartyView, TransferView } from "../control/schema.ts";
import type { Cancel, Clock } from "../core/clock.ts";
import { formatSize, quoted, safe } from "../core/text.ts";
import type { Notice } from "./host/notify.ts";

/** How long more of the same is only counted (milliseconds). */
const BURST_MS = 10_000;
/** The same for those whom nobody has asked to come. */
const UNPAIRED_BURST_MS = 60_000;
/** Of a name, in UTF-16 units: notifications are small. */
const MAX_NAME = 48;

export class Notices {
  readonly #offers: Burst;
  /** Of devices that are not paired: they must not drown those of others. */
  readonly #unpaired: Burst;
  readonly #arrivals: Burst;

  constructor(clock: Clock, show: (notice: Notice) => void) {
    const moreOffers = (whose: string) => (count: number) => ({
      title: `lanxfer: ${count} more ${count === 1 ? "offer" : "offers"}${whose} ${count === 1 ? "waits" : "wait"} for your answer`,
      body: "lanxferctl offers",
    });
    this.#offers = new Burst(clock, BURST_MS, show, moreOffers(""));
    this.#unpaired = new Burst(clock, UNPAIRED_BURST_MS, show, moreOffers(" of unpaired devices"));
    this.#arrivals = new Burst(clock, BURST_MS, show, (count) => ({
      title: `lanxfer: ${count} more ${count === 1 ? "transfer has" : "transfers have"} arrived`,
      body: "lanxferctl inbox",
    }));
  }

  offered(offer: OfferView): void {
    const { id, from, bytes } = offer;
    const what = `${items(offer)} (${formatSize(bytes)})`;
    const whose = from.unpaired === undefined ? "an offer" : "an offer of an unpaired device";
    this.#burstOf(offer).tell(keyOf(offer), {
      title: `lanxfer: ${whose} waits for your answer`,
      body: `${what} from ${sender(from)}; take it with: lanxferctl accept ${id}`,
    });
  }

  /** An offer was answered, or is gone: there is nothing to tell any more. */
  settled(offer: OfferView): void {
    this.#burstOf(offer).forget(keyOf(offer));
  }

  arrived(transfer: TransferView): void {
    const body = `${items(transfer)} (${formatSize(transfer.bytes)}) from ${sender(transfer.peer)}`;
    this.#arrivals.tell(`${transfer.peer.id}:${transfer.id}`, { title: "lanxfer: something has arrived", body });
  }

  /** Tells nothing more. */
  close(): void {
    for (const burst of [this.#offers, this.#unpaired, this.#arrivals]) burst.close();
  }

  #burstOf({ from }: OfferView): Burst {
    return from.unpaired === undefined ? this.#offers : this.#unpaired;
  }
}

class Burst {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #show: (notice: Notice) => void;
  readonly #more: (count: number) => Notice;
  /** What came since the last notice; undefined when there was none for a while. */
  #held: Set<string> | undefined;
  #cancel: Cancel = () => {};

  /** `ms` is how long what comes after the first is only counted. */
  constructor(clock: Clock, ms: number, show: (notice: Notice) => void, more: (count: number) => Notice) {
    this.#clock = clock;
    this.#ms = ms;
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
    this.#cancel = this.#clock.after(this.#ms, () => {
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

function sender({ name: label, unpaired }: PartyView): string {
  if (unpaired === undefined) return name(label);
  const { short, claims, namesake } = unpaired;
  const other = namesake === null ? "" : `, not your ${name(namesake)}`;
  return `unpaired ${short}, calls itself ${quoted(claims, MAX_NAME)} (not checked${other})`;
}

function name(text: string): string {
  return safe(text, MAX_NAME);
}

function keyOf({ id, from }: OfferView): string {
  return `${from.id}:${id}`;
}
