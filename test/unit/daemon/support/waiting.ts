/** Offers that wait, and the senders that wait with them. */

import type { OfferView } from "../../../../src/control/schema.ts";
import { LanxferError } from "../../../../src/core/errors.ts";
import { transferIdFrom } from "../../../../src/core/ids.ts";
import { Offers } from "../../../../src/daemon/incoming/offers.ts";
import type { Party } from "../../../../src/daemon/views.ts";
import { ManualClock } from "../../discovery/support/clock.ts";

export class Waiting {
  readonly clock = new ManualClock();
  readonly changes: string[] = [];
  readonly offers = new Offers(this.clock, (change, { id }) => this.changes.push(`${change} ${id}`));
  readonly #gone = new Map<string, AbortController>();
  #ids = 0;

  /** Offers; resolves to how it ended. `id` is that of the transfer. */
  offer(from: Party, address = "192.0.2.1", id = this.newId()): { id: string; ended: Promise<unknown> } {
    const { clock } = this;
    const since = new Date(clock.now()).toISOString();
    const view: OfferView = { id, from, items: [], entries: 1, bytes: 1, note: null, since };
    const gone = new AbortController();
    this.#gone.set(id, gone);
    const wait = this.offers.wait({ view, from: from.id, address }, () => {}, gone.signal);
    return {
      id,
      ended: wait.then(
        () => "accepted",
        (error: LanxferError) => error.code,
      ),
    };
  }

  newId(): string {
    const bytes = Buffer.alloc(10);
    bytes.writeUInt32BE(++this.#ids);
    return transferIdFrom(bytes);
  }

  hangUp(id: string): void {
    this.#gone.get(id)?.abort(new LanxferError("E_LOST"));
  }

  get ids(): string[] {
    return this.offers.list().map(({ id }) => id);
  }
}
