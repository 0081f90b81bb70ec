/** Transfers from this device: what a user wants of them, and what earlier runs left. */

import type { BundleRequest, SendRequest, StreamRequest } from "../../control/requests.ts";
import type { TransferView } from "../../control/schema.ts";
import { LanxferError, toLanxferError } from "../../core/errors.ts";
import type { DeviceId, TransferId } from "../../core/ids.ts";
import { checkFileName } from "../../core/names.ts";
import { type SharedReader, SharedReads } from "../../transfer/shared-reads.ts";
import type { TransferRecord } from "../record/transfer-record.ts";
import type { Recipient } from "./attempt.ts";
import { Copying } from "./copying.ts";
import { Delivery, type DeliveryDeps, type Order, type Standing } from "./delivery.ts";
import type { Job } from "./job.ts";
import { Orders, type OrdersDeps, type Wanted } from "./orders.ts";
import { Scheduler } from "./scheduler.ts";
import type { Unpacked } from "./unpack.ts";

export interface OutgoingDeps extends DeliveryDeps, OrdersDeps {
  /** A device with our present name for it; undefined when it is not trusted any more. */
  readonly recipient: (device: DeviceId) => Recipient | undefined;
}

export class Outgoing {
  readonly #deps: OutgoingDeps;
  readonly #scheduler: Scheduler;
  readonly #orders: Orders;
  readonly #copying = new Copying();

  constructor(deps: OutgoingDeps) {
    this.#deps = deps;
    this.#scheduler = new Scheduler(deps);
    this.#orders = new Orders(deps);
  }

  /** Begins at once and returns what there is to watch. */
  start(recipient: Recipient, request: SendRequest, shared?: SharedReader): TransferView {
    return this.#start(this.#orders.from(request), { recipient, begunAt: null, ...(shared && { shared }) });
  }

  /** The same sources to several devices, read once where these keep up with each other. Never rejects: one result each. */
  async toAll(
    recipients: readonly Recipient[],
    request: SendRequest,
    signal: AbortSignal,
  ): Promise<(TransferView | LanxferError)[]> {
    const reads = new SharedReads(this.#deps.clock, recipients.length);
    const begin = async (recipient: Recipient): Promise<TransferView | LanxferError> => {
      // Each has a copy of its own.
      const shared = request.queue?.copy ? undefined : reads.join();
      try {
        if (request.queue === undefined) return this.start(recipient, request, shared);
        return await this.enqueue(recipient, request, signal, shared);
      } catch (error) {
        shared?.leave();
        return toLanxferError(error).with({ peer: recipient.name });
      }
    };
    return Promise.all(recipients.map(begin));
  }

  /**
   * Queues it. Resolves when that will survive a power cut. Throws what is wrong
   * with the sources, E_UNREACHABLE where the device has to answer, and E_QUEUE;
   * then nothing is left of it.
   */
  async enqueue(
    recipient: Recipient,
    request: SendRequest,
    gone: AbortSignal,
    shared?: SharedReader,
  ): Promise<TransferView> {
    const { outbox, sessions } = this.#deps;
    this.#orders.assertRoom();
    const order = this.#orders.from(request);
    const { ttl, copy, reachable } = request.queue ?? {};
    const skipped: [path: string, reason: string][] = [];
    const totals = await this.#orders.measure(order, gone, (...skip) => skipped.push(skip));
    if (reachable) await sessions.probe(recipient, gone);
    try {
      const copied = copy ? await this.#orders.copied(order, totals, gone) : { order, totals };
      gone.throwIfAborted();
      const job = await this.#orders.queued(copied.order, recipient, copied.totals, ttl);
      const delivery = this.#hold(job, { recipient, begunAt: null, ...(shared && { shared }) });
      delivery.record.measured(totals);
      for (const [path, reason] of skipped) delivery.record.skipped(path, reason);
      this.#scheduler.look();
      return delivery.record.view;
    } catch (error) {
      await outbox.remove(order.id);
      throw error;
    }
  }

  /**
   * Copies what comes; when all of it is here, begins to send it as a file, or
   * queues it. Throws E_NAME, what there is to say of a device that has to answer
   * and does not, and what Spool.receive throws; then nothing is left of it.
   */
  async stream(
    recipient: Recipient,
    request: StreamRequest,
    content: AsyncIterable<Uint8Array>,
  ): Promise<TransferView> {
    checkFileName(request.name);
    // The copy is as old as the transfer: nothing that came before can be the same.
    return this.#spooled(recipient, { ...request, always: true }, async (id, signal) => {
      const { path, bytes } = await this.#deps.spool.receive(id, request.name, content, signal);
      return { paths: [path], bytes };
    });
  }

  /** The same for files and folders, in one transfer. Throws what Spool.unpack throws. */
  async bundle(
    recipient: Recipient,
    request: BundleRequest,
    content: AsyncIterable<Uint8Array>,
  ): Promise<TransferView> {
    return this.#spooled(recipient, request, (id, signal) => this.#deps.spool.unpack(id, content, signal));
  }

  async #spooled(
    recipient: Recipient,
    request: BundleRequest & Pick<SendRequest, "always">,
    copy: (id: TransferId, signal: AbortSignal) => Promise<Unpacked>,
  ): Promise<TransferView> {
    const { outbox, sessions } = this.#deps;
    const { queue } = request;
    this.#orders.assertRoom();
    const wanted = this.#orders.from({ ...request, paths: [] });
    const standing = { recipient, begunAt: null };
    return this.#copying.run(recipient.id, async (signal) => {
      try {
        // Whoever pipes for an hour should not learn only then that nobody is there.
        if (queue === undefined || queue.reachable) await sessions.probe(recipient, signal);
        const { paths, bytes } = await copy(wanted.id, signal);
        const order = { ...wanted, paths, copied: bytes };
        if (queue === undefined) return this.#start(order, standing);
        const totals = await this.#orders.measure(order, signal);
        return this.#add(await this.#orders.queued(order, recipient, totals, queue.ttl), standing);
      } catch (error) {
        await outbox.remove(wanted.id);
        throw error;
      }
    });
  }

  /** Goes on with what earlier runs began or were to do, and shows what failed in them. */
  async restore(): Promise<void> {
    const { outbox, transfers, queueTime, recipient: known } = this.#deps;
    await outbox.trim(queueTime());
    const order = ({ queue, createdAt }: Job) => queue?.order ?? createdAt;
    for (const job of [...outbox.jobs()].sort((a, b) => order(a) - order(b))) {
      const { id, createdAt, state, queue } = job;
      if (queue !== null) this.#orders.behind(queue.order);
      const recipient = known(job.recipient.id) ?? job.recipient;
      if (state.is === "failed") {
        const { items, entries, bytes, note } = job;
        const what = { id, peer: recipient, items, entries, bytes, note, startedAt: createdAt };
        transfers.start({ ...what, direction: "out", state: "failed" }, () => {}).failedBefore(state);
        continue;
      }
      const begunAt = state.is === "begun" ? state.progressAt : null;
      this.#hold(job, { recipient, begunAt });
    }
    this.#scheduler.look();
  }

  /**
   * Begins a failed transfer again, with the same id, by id or unambiguous prefix;
   * one that was queued is queued again, behind the others. Throws E_NOT_FOUND,
   * E_NOT_PAIRED, and E_USAGE for one that cannot be tried again.
   */
  async retry(prefix: string): Promise<TransferView> {
    const { transfers, outbox, queueTime } = this.#deps;
    const { id, direction, state, endedAt } = transfers.find(prefix).view;
    const refused = (text: string) => new LanxferError("E_USAGE", { text: `${id} cannot be tried again: ${text}` });
    if (direction === "in") throw refused("only its sender can do that");
    if (endedAt === null) throw refused("it has not ended");
    if (state !== "failed") throw refused(`it is ${state}`);
    const job = outbox.get(id as TransferId); // it is one of ours
    if (job === undefined) throw refused("nothing is kept of it, send it anew");
    if (job.state.is !== "failed") throw refused("it is being tried again");
    const recipient = this.#allowed(job.recipient);
    if (recipient === undefined) throw new LanxferError("E_NOT_PAIRED", { peer: job.recipient.name });
    const now = queueTime();
    if (job.queue === null) {
      void outbox.put({ ...job, state: { is: "begun", progressAt: now } });
      return this.#add(job, { recipient, begunAt: now });
    }
    const queue = { ...job.queue, order: this.#orders.next(), expiresAt: now + job.queue.ttl };
    const again: Job = { ...job, queue, state: { is: "queued" } };
    await outbox.commit(again);
    if (outbox.get(again.id) !== again) throw refused("it was cancelled");
    return this.#add(again, { recipient, begunAt: null });
  }

  /** Of one that failed nothing more is kept, so that it cannot be tried again. */
  async forget(record: TransferRecord): Promise<void> {
    const { id, direction, canRetry } = record.view;
    if (direction === "in" || !canRetry) return;
    record.isForgotten();
    await this.#deps.outbox.remove(id as TransferId); // it is one of ours
  }

  /** Keeps a transfer, by id or unambiguous prefix, from going on. Throws like Delivery.pause, and E_NOT_FOUND. */
  async pause(prefix: string): Promise<TransferView> {
    const delivery = this.#find(prefix, "paused");
    await delivery.pause();
    return delivery.record.view;
  }

  /** Lets it go on. */
  async resume(prefix: string): Promise<TransferView> {
    const delivery = this.#find(prefix, "resumed");
    await delivery.resume();
    return delivery.record.view;
  }

  /** Those to a device that have not ended. */
  to(device: DeviceId): Delivery[] {
    return [...this.#scheduler.deliveries()].filter(({ recipient, ended }) => recipient.id === device && !ended);
  }

  /** A device has shown up, or is there no more. */
  noticed(device: DeviceId, isPresent: boolean): void {
    this.#scheduler.noticed(device, isPresent);
  }

  /** Our user calls a device otherwise, or has paired it. */
  renamed(device: DeviceId, name: string): void {
    for (const delivery of this.to(device)) {
      if (delivery.recipient.name !== name) delivery.rename({ id: device, name });
    }
  }

  /** Ends every transfer to a device, or to all when none is given. Resolves when they have ended. */
  async cancelAll(reason: LanxferError, to?: DeviceId): Promise<void> {
    const affected = to === undefined ? [...this.#scheduler.deliveries()] : this.to(to);
    await Promise.all([this.#copying.stop(reason, to), ...affected.map((delivery) => delivery.cancel(reason))]);
  }

  /**
   * From now on nothing is begun: what waits is left to the next run, and what
   * has only just called its device, with `reason`. Resolves when nothing is being
   * sent any more.
   */
  async finish(reason: LanxferError): Promise<void> {
    this.#scheduler.close();
    const copies = this.#copying.close(reason);
    for (const delivery of this.#scheduler.deliveries()) {
      const calls = delivery.queue !== null && !delivery.record.isMoving;
      if (delivery.phase === "running" && calls) void delivery.cancel(reason);
    }
    await Promise.all([copies, this.#scheduler.idle()]);
  }

  #find(prefix: string, what: string): Delivery {
    const { id, direction, endedAt } = this.#deps.transfers.find(prefix).view;
    const refused = (text: string) => new LanxferError("E_USAGE", { text: `${id} cannot be ${what}: ${text}` });
    if (direction === "in") throw refused("only its sender can do that");
    const delivery = [...this.#scheduler.deliveries()].find((each) => each.id === id);
    if (endedAt !== null || delivery === undefined) throw refused("it has ended");
    return delivery;
  }

  #start(wanted: Wanted, standing: Standing): TransferView {
    return this.#add({ ...wanted, items: [], entries: 0, bytes: 0, paused: false, queue: null }, standing);
  }

  /** As we call it now; undefined when it is not trusted any more. One that never had to be may go on. */
  #allowed(recipient: Recipient): Recipient | undefined {
    return this.#deps.recipient(recipient.id) ?? (recipient.unpaired === undefined ? undefined : recipient);
  }

  #add(order: Order, standing: Standing): TransferView {
    const delivery = this.#hold(order, standing);
    this.#scheduler.look();
    return delivery.record.view;
  }

  #hold(order: Order, standing: Standing): Delivery {
    const delivery = new Delivery(order, standing, this.#deps, this.#scheduler);
    this.#scheduler.add(delivery);
    // Trust may have been taken back meanwhile.
    if (this.#allowed(standing.recipient) === undefined) {
      void delivery.cancel(new LanxferError("E_NOT_PAIRED", { peer: standing.recipient.name }));
    }
    return delivery;
  }
}
