/** Transfers from this device: what a user's `send` begins, what an earlier run left, what is tried again. */

import type { SendRequest, TransferView } from "../../control/schema.ts";
import { LanxferError } from "../../core/errors.ts";
import { type DeviceId, transferIdFrom } from "../../core/ids.ts";
import type { TransferRecord, TransferStart, Transfers } from "../record/transfers.ts";
import { Delivery, type DeliveryDeps, type Order, type Recipient } from "./delivery.ts";
import type { Job } from "./outbox.ts";

export interface OutgoingDeps extends DeliveryDeps {
  readonly transfers: Transfers;
  /** A device with our present name for it; undefined when it is not trusted any more. */
  readonly recipient: (device: DeviceId) => Recipient | undefined;
}

export class Outgoing {
  readonly #deps: OutgoingDeps;
  readonly #closing = new AbortController();
  readonly #running = new Map<TransferRecord, { readonly to: DeviceId; readonly done: Promise<void> }>();

  constructor(deps: OutgoingDeps) {
    this.#deps = deps;
  }

  /** Begins at once and returns what there is to watch. */
  start(recipient: Recipient, request: SendRequest): TransferView {
    const id = transferIdFrom(this.#deps.random(10));
    const { paths, exclude = [], note = null, rate } = request;
    const order: Order = { id, recipient, paths, exclude, note, rate, createdAt: this.#deps.clock.now() };
    return this.#run(order, { items: [], entries: 0, bytes: 0, state: "preparing" }).view;
  }

  /** Goes on with what earlier runs began, and shows what failed in them. */
  restore(): void {
    for (const job of this.#deps.outbox.jobs()) {
      const { id, createdAt, state } = job;
      const trusted = this.#deps.recipient(job.recipient.id);
      const recipient = trusted ?? job.recipient;
      const what = { items: job.items, entries: job.entries, bytes: job.bytes, startedAt: createdAt };
      if (state.is === "failed") {
        const start = { ...what, id, note: job.note, direction: "out", peer: recipient, state: "failed" } as const;
        this.#deps.transfers.start(start, () => {}).failedBefore(state);
        continue;
      }
      const order = { ...orderOf(job, recipient), begunAt: state.progressAt };
      const record = this.#run(order, { ...what, state: "waiting" });
      if (trusted === undefined) record.cancel(new LanxferError("E_NOT_PAIRED", { peer: recipient.name }));
    }
  }

  /**
   * Begins a failed transfer again, with the same id, by id or unambiguous prefix.
   * Throws E_NOT_FOUND, E_NOT_PAIRED, and E_USAGE for one that cannot be tried again.
   */
  retry(prefix: string): TransferView {
    const { transfers, outbox, clock } = this.#deps;
    const { id, direction, state, endedAt } = transfers.find(prefix).view;
    const refused = (text: string) => new LanxferError("E_USAGE", { text: `${id} cannot be tried again: ${text}` });
    if (direction === "in") throw refused("only its sender can do that");
    if (endedAt === null) throw refused("it has not ended");
    if (state !== "failed") throw refused(`it is ${state}`);
    const job = outbox.jobs().find((each) => each.id === id);
    if (job === undefined) throw refused("nothing is kept of it, send it anew");
    const recipient = this.#deps.recipient(job.recipient.id);
    if (recipient === undefined) throw new LanxferError("E_NOT_PAIRED", { peer: job.recipient.name });
    const begunAt = clock.now();
    void outbox.put({ ...job, state: { is: "begun", progressAt: begunAt } });
    const { items, entries, bytes } = job;
    return this.#run({ ...orderOf(job, recipient), begunAt }, { items, entries, bytes, state: "preparing" }).view;
  }

  /** Ends every transfer to a device, or to all when none is given. Resolves when they have ended. */
  async cancelAll(reason: LanxferError, to?: DeviceId): Promise<void> {
    const affected = [...this.#running].filter(([, running]) => to === undefined || running.to === to);
    for (const [record] of affected) record.cancel(reason);
    await Promise.all(affected.map(([, running]) => running.done));
  }

  /**
   * From now on nothing waits for a further attempt: what does is left to the next
   * run, with `reason`. Resolves when nothing is being sent any more.
   */
  async finish(reason: LanxferError): Promise<void> {
    this.#closing.abort(reason);
    for (const [record] of this.#running) if (record.waiting) record.cancel(reason);
    await Promise.all([...this.#running.values()].map((running) => running.done));
  }

  #run(order: Order, what: Pick<TransferStart, "items" | "entries" | "bytes" | "state" | "startedAt">): TransferRecord {
    const cancel = new AbortController();
    const record = this.#deps.transfers.start(
      { ...what, id: order.id, note: order.note, direction: "out", peer: order.recipient },
      (reason) => cancel.abort(reason),
    );
    const done = new Delivery(order, record, this.#deps, this.#closing.signal).run(cancel.signal);
    this.#running.set(record, { to: order.recipient.id, done });
    void done.then(() => this.#running.delete(record));
    return record;
  }
}

function orderOf({ id, paths, exclude, note, rate, createdAt }: Job, recipient: Recipient): Order {
  return { id, recipient, paths, exclude, note, rate, createdAt };
}
