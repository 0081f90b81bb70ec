/** Offers that wait for the local user's answer: bounded, and none waits for ever. */

import type { OfferView } from "../../control/schema.ts";
import type { Cancel, Clock } from "../../core/clock.ts";
import { LanxferError } from "../../core/errors.ts";

/** Per device and in all: one device cannot take every place. */
const MAX_PER_DEVICE = 16;
const MAX_IN_ALL = 64;
/** How long an offer waits for an answer (milliseconds). */
const EXPIRY_MS = 10 * 60_000;

interface Waiting {
  readonly view: OfferView;
  readonly answer: (error?: LanxferError) => void;
}

export class Offers {
  readonly #clock: Clock;
  readonly #changed: (change: "new" | "gone", offer: OfferView) => void;
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Clock, changed: (change: "new" | "gone", offer: OfferView) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Oldest first. */
  list(): OfferView[] {
    return [...this.#waiting.values()].map((waiting) => waiting.view);
  }

  /**
   * Resolves when the user accepts. Rejects with E_DECLINED, E_TIMEOUT when nobody
   * answers for 10 minutes, E_BUSY when too many wait, or the reason of `gone`.
   * `asked` is called once the offer is waiting.
   */
  async wait(view: OfferView, asked: () => void, gone: AbortSignal): Promise<void> {
    const ofDevice = this.list().filter((offer) => offer.from.id === view.from.id).length;
    if (ofDevice >= MAX_PER_DEVICE || this.#waiting.size >= MAX_IN_ALL) {
      throw new LanxferError("E_BUSY", { text: "too many offers wait for an answer" });
    }
    gone.throwIfAborted();
    const key = `${view.from.id}:${view.id}`;
    let expire: Cancel = () => {};
    const hungUp = () => this.#waiting.get(key)?.answer(gone.reason);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.set(key, { view, answer: (error) => (error === undefined ? resolve() : reject(error)) });
        expire = this.#clock.after(EXPIRY_MS, () => reject(new LanxferError("E_TIMEOUT", { text: "nobody answered" })));
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

  /** By id or unambiguous prefix. Throws E_NOT_FOUND. */
  answer(id: string, accept: boolean): OfferView {
    const found = [...this.#waiting.values()].filter((waiting) => id !== "" && waiting.view.id.startsWith(id));
    const [first, ...others] = found;
    if (first === undefined || others.length > 0) throw new LanxferError("E_NOT_FOUND", { kind: "offer", name: id });
    first.answer(accept ? undefined : new LanxferError("E_DECLINED"));
    return first.view;
  }
}
