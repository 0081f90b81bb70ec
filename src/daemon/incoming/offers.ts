/**
 * Offers that wait for the local user's answer: bounded, and none waits for
 * ever. Those of devices that are not paired have places of their own, so that
 * they never take one from a device that is.
 */

import type { OfferView } from "../../control/schema.ts";
import { subnetOf } from "../../core/address.ts";
import type { Cancel, Clock } from "../../core/clock.ts";
import { LanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";

interface Places {
  readonly ofDevice: number;
  readonly ofSource: number;
  readonly inAll: number;
}

/** One device cannot take every place. */
const PAIRED: Places = { ofDevice: 16, ofSource: Number.POSITIVE_INFINITY, inAll: 64 };
/** Keys cost nothing, so the address counts as well, as the gate counts it. */
const UNPAIRED: Places = { ofDevice: 4, ofSource: 8, inAll: 16 };
/** How long an offer waits for an answer (milliseconds). */
const EXPIRY_MS = 10 * 60_000;

export interface Asking {
  readonly view: OfferView;
  readonly from: DeviceId;
  /** Where it comes from, as a socket shows it. */
  readonly address: string;
}

export interface WaitingOffer extends Asking {
  /** The user's answer: yes, or why not. False when nobody waits for it any more. */
  readonly answer: (error?: LanxferError) => boolean;
}

export class Offers {
  readonly #clock: Clock;
  readonly #changed: (change: "new" | "gone", offer: OfferView) => void;
  readonly #waiting = new Map<string, WaitingOffer>();

  constructor(clock: Clock, changed: (change: "new" | "gone", offer: OfferView) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Those of paired devices first; the oldest of each first. */
  list(): OfferView[] {
    const views = [...this.#waiting.values()].map(({ view }) => view);
    return [...views.filter(isOfPaired), ...views.filter((view) => !isOfPaired(view))];
  }

  /**
   * Resolves when the user accepts. Rejects with E_DECLINED, E_TIMEOUT when nobody
   * answers for 10 minutes, E_BUSY when too many wait, or the reason of `gone`.
   * `asked` is called once the offer is waiting.
   */
  async wait(asking: Asking, asked: () => void, gone: AbortSignal): Promise<void> {
    if (!this.#hasPlaceFor(asking)) throw new LanxferError("E_BUSY", { text: "too many offers wait for an answer" });
    gone.throwIfAborted();
    const { view, from } = asking;
    const key = `${from}:${view.id}`;
    let expire: Cancel = () => {};
    const hungUp = () => this.#waiting.get(key)?.answer(gone.reason);
    try {
      await new Promise<void>((resolve, reject) => {
        const answer = (error?: LanxferError) => {
          if (error === undefined) resolve();
          else reject(error);
          return this.#waiting.delete(key);
        };
        this.#waiting.set(key, { ...asking, answer });
        expire = this.#clock.after(EXPIRY_MS, () => answer(new LanxferError("E_TIMEOUT", { text: "nobody answered" })));
        gone.addEventListener("abort", hungUp, { once: true });
        asked();
        this.#changed("new", view);
      });
    } finally {
      expire();
      gone.removeEventListener("abort", hungUp);
      this.#waiting.delete(key);
      this.#changed("gone", view);
    }
  }

  /** By id or unambiguous prefix. No stranger's id can blur that of a paired device. Throws E_NOT_FOUND. */
  find(id: string): WaitingOffer {
    const found = [...this.#waiting.values()].filter(({ view }) => id !== "" && view.id.startsWith(id));
    const ofPaired = found.filter(({ view }) => isOfPaired(view));
    const [first, ...others] = ofPaired.length > 0 ? ofPaired : found;
    if (first === undefined || others.length > 0) throw new LanxferError("E_NOT_FOUND", { kind: "offer", name: id });
    return first;
  }

  /** Takes away what waits of a device. */
  withdraw(from: DeviceId, reason: LanxferError): void {
    for (const offer of this.#waiting.values()) if (offer.from === from) offer.answer(reason);
  }

  #hasPlaceFor({ view, from, address }: Asking): boolean {
    const paired = isOfPaired(view);
    const { ofDevice, ofSource, inAll } = paired ? PAIRED : UNPAIRED;
    const alike = [...this.#waiting.values()].filter((offer) => isOfPaired(offer.view) === paired);
    const source = subnetOf(address);
    return (
      alike.length < inAll &&
      alike.filter((offer) => offer.from === from).length < ofDevice &&
      alike.filter((offer) => subnetOf(offer.address) === source).length < ofSource
    );
  }
}

function isOfPaired({ from }: OfferView): boolean {
  return from.unpaired === undefined;
}
