/**
 * One transfer to one device, from the look at its sources to its end, in as
 * many attempts as that takes. Once the receiver has accepted it, it is a job of
 * the outbox and survives lost connections and restarts of both ends.
 */

import { assertNever } from "../../core/assert.ts";
import type { Cancel, Clock } from "../../core/clock.ts";
import { type LanxferError, toLanxferError, toView } from "../../core/errors.ts";
import type { DeviceId, TransferId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { RateLimit } from "../../core/rate-limit.ts";
import type { Link } from "../../transfer/link.ts";
import type { SenderEvent } from "../../transfer/outgoing.ts";
import { SenderSession } from "../../transfer/sender.ts";
import type { SentLog } from "../../transfer/sent-log.ts";
import type { SmallFiles } from "../../transfer/small-files.ts";
import { measure, type Sources, type SourceTotals } from "../../transfer/source.ts";
import type { MessageOf } from "../../transfer/wire.ts";
import { isCancelled, type TransferRecord } from "../record/transfers.ts";
import type { Job, Outbox } from "./outbox.ts";
import { failedAgain, patience, startTrail, type Trail } from "./retry.ts";

export interface Recipient {
  readonly id: DeviceId;
  /** Our own name for it. */
  readonly name: string;
}

export interface DeliveryDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: (bytes: number) => Uint8Array;
  readonly outbox: Outbox;
  readonly files: SmallFiles;
  /** What all transfers from here share. */
  readonly rate: RateLimit;
  /** Resolves to a link to this very device, or rejects with why there is none. */
  readonly reach: (recipient: Recipient, signal: AbortSignal) => Promise<Link>;
  /** Calls `seen` whenever that device seems to be there, until it is called off. */
  readonly watch: (device: DeviceId, seen: () => void) => Cancel;
  readonly hello: () => MessageOf<"hello">;
  /** Told where a peer said it listens. */
  readonly met: (link: Link, hello: MessageOf<"hello">) => void;
  /** Writes the history line. Never rejects. */
  readonly ended: (record: TransferRecord) => Promise<void>;
}

export interface Order extends Sources {
  readonly id: TransferId;
  readonly recipient: Recipient;
  readonly note: string | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Most bytes a second; as many as there are when left out. */
  readonly rate?: number | undefined;
  /** When it last got on, of one that had begun before; the same unit. */
  readonly begunAt?: number;
}

type Outcome =
  | { readonly is: "delivered" }
  | { readonly is: "failed"; readonly error: LanxferError }
  /** This program ends; its next run goes on. */
  | { readonly is: "left"; readonly reason: LanxferError };

export class Delivery {
  readonly #order: Order;
  readonly #record: TransferRecord;
  readonly #deps: DeliveryDeps;
  readonly #closing: AbortSignal;
  readonly #sent: SentLog;
  readonly #limits: readonly RateLimit[];
  #begun: boolean;
  #trail: Trail;
  /** Bytes that the receiver took up and has confirmed in this attempt. */
  #resumed = 0;
  #moved = 0;

  /** `closing` is aborted, with E_STOPPING, when this program ends: what is interrupted from then on waits no more. */
  constructor(order: Order, record: TransferRecord, deps: DeliveryDeps, closing: AbortSignal) {
    this.#order = order;
    this.#record = record;
    this.#deps = deps;
    this.#closing = closing;
    this.#sent = deps.outbox.sentLog(order.id);
    this.#begun = order.begunAt !== undefined;
    this.#trail = startTrail(order.begunAt ?? deps.clock.now());
    const { rate } = order;
    const own = rate === undefined ? [] : [new RateLimit(deps.clock, () => rate)];
    this.#limits = [...own, deps.rate];
  }

  /** Never rejects: the outcome is in the record, the outbox and the history. `signal` ends it, with its reason. */
  async run(signal: AbortSignal): Promise<void> {
    const outcome = await this.#deliver(signal);
    this.#tell(outcome);
    switch (outcome.is) {
      case "delivered":
        this.#record.end(undefined);
        await Promise.all([this.#deps.ended(this.#record), this.#forget()]);
        return;
      case "failed":
        return this.#fail(outcome.error);
      case "left":
        this.#record.waits(outcome.reason);
        await Promise.all([this.#sent.close(), this.#keep()]);
        return;
      default:
        assertNever(outcome);
    }
  }

  async #deliver(signal: AbortSignal): Promise<Outcome> {
    try {
      const { files } = this.#deps;
      let { totals, failure } = await files.during(async () => {
        const found = await this.#measure(signal);
        return { totals: found, failure: await this.#attempt(found, signal) };
      });
      while (failure !== undefined) {
        await this.#wait(failure, signal);
        failure = await files.during(() => this.#attempt(totals, signal));
      }
      return { is: "delivered" };
    } catch (thrown) {
      if (this.#begun && this.#closing.aborted && [signal.reason, thrown].includes(this.#closing.reason)) {
        return { is: "left", reason: this.#closing.reason };
      }
      return { is: "failed", error: signal.aborted ? toLanxferError(signal.reason) : this.#named(thrown) };
    }
  }

  async #measure(signal: AbortSignal): Promise<SourceTotals> {
    const onSkipped = (path: string, reason: string) => this.#record.skipped(path, reason);
    const totals = await measure(this.#order, this.#deps.files, signal, onSkipped);
    this.#record.measured(totals);
    if (!this.#begun) this.#record.patch({ state: "connecting" });
    return totals;
  }

  /** Resolves to what went wrong, undefined when all is delivered. Throws what ends a transfer that has not begun. */
  async #attempt(totals: SourceTotals, signal: AbortSignal): Promise<LanxferError | undefined> {
    this.#resumed = this.#moved = 0;
    // Of its own, as listeners of an attempt would pile up at one that lives for days.
    const own = new AbortController();
    const stop = () => own.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      signal.throwIfAborted();
      await this.#send(totals, own.signal);
      return undefined;
    } catch (thrown) {
      signal.throwIfAborted();
      const error = this.#named(thrown);
      if (!this.#begun) throw error;
      return error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #send(totals: SourceTotals, signal: AbortSignal): Promise<void> {
    const { recipient, ...order } = this.#order;
    const link = await this.#deps.reach(recipient, signal);
    link.slowTo({ sending: this.#limits });
    const { session, peer } = await SenderSession.open(link, this.#deps.hello(), signal);
    try {
      this.#deps.met(link, peer);
      const report = (event: SenderEvent) => this.#report(event);
      await session.send({ ...order, files: this.#deps.files, totals, log: this.#sent, signal, report });
    } finally {
      await session.close();
    }
  }

  /** Resolves when it is time for the next attempt. Throws `error` when there is to be none. */
  async #wait(error: LanxferError, signal: AbortSignal): Promise<void> {
    const { clock, random, log, watch } = this.#deps;
    const { id, recipient } = this.#order;
    const before = this.#trail;
    this.#trail = failedAgain(before, error.code, this.#moved, clock.now());
    const ms = patience(this.#trail, error.code, clock.now(), (random(1)[0] ?? 0) / 256);
    if (ms === undefined) throw error;
    this.#closing.throwIfAborted();
    log.info({ transfer: id, peer: recipient.id, code: error.code, moved: this.#moved, ms }, "transfer interrupted");
    this.#record.waits(error);
    if (this.#trail.progressAt !== before.progressAt) void this.#keep();

    const awake = new AbortController();
    const wake = () => awake.abort();
    const forget = watch(recipient.id, wake);
    signal.addEventListener("abort", wake, { once: true });
    await clock.sleep(ms, awake.signal).catch(() => {});
    signal.removeEventListener("abort", wake);
    forget();
  }

  #report(event: SenderEvent): void {
    const record = this.#record;
    switch (event.type) {
      case "asked":
        record.patch({ state: "asking" });
        break;
      case "accepted":
        this.#accepted();
        break;
      case "resumed":
        this.#resumed = event.bytes;
        record.patch({ resumed: event.bytes, moved: Math.max(event.bytes, this.#moved) });
        break;
      case "moved":
        this.#moved = event.bytes;
        record.patch({ moved: event.bytes });
        break;
      case "saved":
        record.published(event.item, { name: event.as, as: event.as, path: null, root: event.root ?? null });
        break;
      case "renamed":
        record.renamed(event.path, event.as);
        break;
      case "finishing":
        record.patch({ state: "finishing" });
        break;
      default:
        assertNever(event);
    }
  }

  #accepted(): void {
    this.#record.patch({ state: "running", resumed: this.#resumed, moved: this.#resumed });
    if (this.#begun) return;
    this.#begun = true;
    void this.#keep(); // the content need not wait for it
  }

  /** Resolves when the next run will go on with it, as far as the disk allows. */
  #keep(): Promise<void> {
    return this.#deps.outbox.put(this.#job({ is: "begun", progressAt: this.#trail.progressAt }));
  }

  async #fail(error: LanxferError): Promise<void> {
    const { outbox, clock, ended } = this.#deps;
    const canRetry = this.#begun && !isCancelled(error);
    if (!canRetry) {
      this.#record.end(error);
      await Promise.all([ended(this.#record), this.#forget()]);
      return;
    }
    await this.#sent.close(); // before somebody who sees the end tries again
    const { moved } = this.#record.view;
    const kept = outbox.put(this.#job({ is: "failed", at: clock.now(), moved, error: toView(error) }));
    this.#record.end(error, { canRetry });
    await Promise.all([ended(this.#record), kept]);
  }

  async #forget(): Promise<void> {
    await this.#sent.discard();
    if (this.#begun) await this.#deps.outbox.remove(this.#order.id);
  }

  #job(state: Job["state"]): Job {
    const { id, recipient, paths, exclude, note, createdAt, rate } = this.#order;
    const { items, entries, bytes } = this.#record.view;
    const names = items.map(({ name, type }) => ({ name, type }));
    const asked = { paths: [...paths], exclude: [...exclude], note, ...(rate !== undefined && { rate }) };
    return { v: 1, id, recipient: { ...recipient }, createdAt, ...asked, items: names, entries, bytes, state };
  }

  #named(thrown: unknown): LanxferError {
    return toLanxferError(thrown).with({ peer: this.#order.recipient.name });
  }

  #tell(outcome: Outcome): void {
    const { log } = this.#deps;
    const { bytes, resumed } = this.#record.view;
    const fields = {
      transfer: this.#order.id,
      peer: this.#order.recipient.id,
      bytes,
      resumed,
      ms: this.#record.elapsed,
    };
    if (outcome.is === "delivered") log.info(fields, "transfer delivered");
    else if (outcome.is === "left") log.info(fields, "transfer goes on with the next start");
    else {
      const { code, cause } = outcome.error;
      log.warn({ ...fields, code, err: code === "E_INTERNAL" ? cause : undefined }, "transfer not delivered");
    }
  }
}
