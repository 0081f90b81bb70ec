/**
 * One transfer to one device: its attempts, what they mean, and what is kept of
 * it between them. When the next attempt is made is decided elsewhere (plan.ts).
 *
 * One that is to go at once fails when its first attempt does; only what the
 * receiver has accepted is a job of the outbox, and survives lost connections and
 * restarts of both ends. One that was queued is a job from the beginning. Of what
 * was copied the copy is there from the beginning, and stays until it has served.
 */

import type { QueueView } from "../../control/schema.ts";
import { assertNever } from "../../core/assert.ts";
import { LanxferError, toLanxferError, toView } from "../../core/errors.ts";
import type { DeviceId, TransferId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { SharedReader } from "../../transfer/shared-reads.ts";
import type { SourceTotals } from "../../transfer/source.ts";
import { isCancelled, type TransferRecord } from "../record/transfer-record.ts";
import type { Transfers } from "../record/transfers.ts";
import { Attempt, type AttemptDeps, type Recipient } from "./attempt.ts";
import type { Job, Queue } from "./job.ts";
import { type Outcome, tellOutcome } from "./outcome.ts";
import type { Task, Wait } from "./plan.ts";
import { failedAgain, patience, startTrail, type Trail } from "./retry.ts";

export interface DeliveryDeps extends AttemptDeps {
  readonly log: Log;
  readonly random: (bytes: number) => Uint8Array;
  /** Queue time (queue-time.ts), milliseconds. */
  readonly queueTime: () => number;
  readonly transfers: Transfers;
  /** Whether that device is there, as far as is known. */
  readonly isPresent: (device: DeviceId) => boolean;
  /** Writes the history line. Never rejects. */
  readonly ended: (record: TransferRecord) => Promise<void>;
}

/** What is to be delivered: a job, or what becomes one. */
export type Order = Readonly<Omit<Job, "v" | "recipient" | "state">>;

/** To whom, and how far it has come. */
export interface Standing {
  readonly recipient: Recipient;
  /** For the first attempt: where others read the same sources. */
  readonly shared?: SharedReader;
  /** When it last got on, of one that had begun before (queue time); null of another. */
  readonly begunAt: number | null;
}

/** What a delivery tells whoever holds it. */
export interface DeliveryHost {
  /** Something about it changed that a plan depends on. */
  changed(): void;
  /** It is not to be left alone until this is done; resolves then. */
  busy(work: Promise<void>): Promise<void>;
}

type Phase =
  | { readonly is: "idle" }
  | { readonly is: "running"; readonly stop: AbortController; readonly over: Promise<void> }
  | { readonly is: "ended" };

/** How long a failed one can be tried again (ms). */
const KEEP_FAILED_MS = 7 * 24 * 60 * 60 * 1_000;
const NEVER = Number.POSITIVE_INFINITY;
// What has not begun may wait as long as its user said, which is the plan's business.
const UNBEGUN = startTrail(NEVER);

export class Delivery implements Task {
  readonly record: TransferRecord;
  readonly #order: Order;
  readonly #deps: DeliveryDeps;
  readonly #host: DeliveryHost;
  #recipient: Recipient;
  #phase: Phase = { is: "idle" };
  #paused: boolean;
  #begun: boolean;
  #expiresAt: number;
  #trail: Trail;
  #triedAt = -NEVER;
  #dueAt = -NEVER;
  #wait: Wait | "behind" | null = null;
  #totals: SourceTotals | undefined;
  #shared: SharedReader | undefined;
  #changing: Promise<void> | undefined;

  constructor(order: Order, { recipient, shared, begunAt }: Standing, deps: DeliveryDeps, host: DeliveryHost) {
    this.#order = order;
    this.#deps = deps;
    this.#host = host;
    this.#recipient = recipient;
    this.#shared = shared;
    this.#paused = order.paused;
    this.#begun = begunAt !== null;
    this.#expiresAt = order.queue?.expiresAt ?? NEVER;
    this.#trail = begunAt === null ? UNBEGUN : startTrail(begunAt);
    const { id, items, entries, bytes, note, createdAt, queue } = order;
    const state = this.#paused ? "paused" : this.#begun ? "waiting" : queue === null ? "preparing" : "queued";
    const queued = queue === null ? undefined : () => this.#queueView();
    this.record = deps.transfers.start(
      { id, direction: "out", peer: recipient, items, entries, bytes, note, state, startedAt: createdAt, queued },
      (reason) => void this.cancel(reason),
    );
  }

  get id(): TransferId {
    return this.#order.id;
  }

  get recipient(): Recipient {
    return this.#recipient;
  }

  get queue(): Queue | null {
    return this.#order.queue;
  }

  get phase(): "idle" | "running" {
    return this.#phase.is === "running" ? "running" : "idle";
  }

  get ended(): boolean {
    return this.#phase.is === "ended";
  }

  get paused(): boolean {
    return this.#paused;
  }

  get triedAt(): number {
    return this.#triedAt;
  }

  get dueAt(): number {
    return this.#dueAt;
  }

  /** What has begun goes on for as long as it gets on. */
  get expiresAt(): number {
    return this.#begun ? NEVER : this.#expiresAt;
  }

  /** The receiver has accepted it, in this run or before. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Says what it waits for. */
  waitsFor(wait: Wait | "behind"): void {
    if (this.#wait === wait) return;
    this.#wait = wait;
    if (this.queue !== null) this.record.touch();
  }

  /** The user calls the device otherwise. */
  rename(recipient: Recipient): void {
    this.#recipient = recipient;
    this.record.peerIs(recipient);
  }

  /** Makes one attempt. Resolves when it is known what came of it, durably where it matters. Never rejects. */
  run(): Promise<void> {
    const stop = new AbortController();
    const over = this.#run(stop.signal);
    this.#phase = { is: "running", stop, over };
    return over;
  }

  /** Ends it for good, or with E_STOPPING for this run. Resolves when it has ended. Never rejects. */
  async cancel(reason: LanxferError): Promise<void> {
    switch (this.#phase.is) {
      case "running":
        this.#phase.stop.abort(reason);
        await this.#phase.over;
        break;
      case "idle":
        if (reason.code === "E_STOPPING" && this.isKept) return;
        await this.#host.busy(this.#settle({ is: "failed", error: reason }));
        break;
      case "ended":
        break;
      default:
        assertNever(this.#phase);
    }
  }

  /**
   * Keeps it from going on until `resume`; what was sent of it stays. Resolves
   * when that will survive a power cut. Throws E_USAGE when there is nothing that
   * could go on later, E_STATE when it cannot be written.
   */
  pause(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.isKept) throw new LanxferError("E_USAGE", { text: `${this.id} has not begun: cancel it, or wait` });
      if (this.#paused || this.ended) return;
      this.#paused = true; // from now on no attempt begins, and whatever is written meanwhile says so
      try {
        await this.#deps.outbox.commit(this.#job());
      } catch (error) {
        this.#paused = false;
        throw error;
      }
      if (this.#phase.is === "running") {
        this.#phase.stop.abort(new LanxferError("E_PAUSED"));
        await this.#phase.over;
      } else if (this.#phase.is === "idle") {
        this.record.patch({ state: "paused" });
        this.#host.changed();
      }
    });
  }

  /** Lets it go on. One that had not begun may wait as long as when it was queued. Throws E_STATE. */
  resume(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#paused || this.ended) return;
      const { queue } = this;
      const expiresAt = queue === null ? NEVER : this.#deps.queueTime() + queue.ttl;
      await this.#deps.outbox.commit({ ...this.#job(), queue: queue && { ...queue, expiresAt }, paused: false });
      this.#paused = false;
      this.#expiresAt = expiresAt;
      if (this.#phase.is !== "idle") return;
      this.#triedAt = this.#dueAt = -NEVER;
      if (this.#begun) this.record.waits(undefined);
      else this.record.isQueued(undefined);
      this.#host.changed();
    });
  }

  /** There is a job that goes on after an interruption. */
  get isKept(): boolean {
    return this.#begun || this.queue !== null;
  }

  /** There is something of it in the outbox. */
  get #leaves(): boolean {
    return this.isKept || this.#order.copied !== null;
  }

  /** What the user changes, one after another: each is written before the next. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = (this.#changing ?? Promise.resolve()).then(change);
    this.#changing = done.catch(() => {});
    return done;
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#wait = null;
    await this.#settle(await this.#outcome(signal));
  }

  async #outcome(signal: AbortSignal): Promise<Outcome> {
    const { random, queueTime, isPresent } = this.#deps;
    const attempt = this.#attempt();
    try {
      await attempt.run(signal);
      return { is: "delivered" };
    } catch (thrown) {
      if (signal.aborted) return this.#stopped(toLanxferError(signal.reason));
      const error = toLanxferError(thrown).with({ peer: this.#recipient.name });
      if (!this.isKept) return { is: "failed", error };
      const { moved } = attempt;
      this.#trail = failedAgain(this.#trail, error.code, moved, queueTime());
      const circumstances = { queued: this.queue !== null, present: isPresent(this.#recipient.id) };
      const chance = (random(1)[0] ?? 0) / 256;
      const ms = patience(this.#trail, error.code, queueTime(), chance, circumstances);
      return ms === undefined ? { is: "failed", error } : { is: "interrupted", error, moved, ms };
    }
  }

  #attempt(): Attempt {
    const { queue } = this;
    const options = {
      job: this.#order,
      recipient: this.#recipient,
      record: this.record,
      begun: this.#begun,
      latest: queue !== null,
      totals: this.#totals,
      keepSession: queue !== null,
      shared: this.#shared,
      onTotals: (totals: SourceTotals) => {
        this.#totals = totals;
        this.record.patch({ sourceChanged: queue !== null && queue.stamp !== totals.stamp });
      },
      onAccepted: () => this.#accepted(),
    };
    this.#shared = undefined; // whoever comes back later is alone
    return new Attempt(options, this.#deps);
  }

  /** What it means that somebody here put an end to an attempt. */
  #stopped(reason: LanxferError): Outcome {
    if (reason.code === "E_PAUSED") return { is: "paused" };
    if (reason.code === "E_STOPPING" && this.isKept) return { is: "left", reason };
    return { is: "failed", error: reason };
  }

  #accepted(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#trail = { ...this.#trail, progressAt: this.#deps.queueTime() };
    void this.#deps.outbox.put(this.#job()); // the content need not wait for it
  }

  async #settle(outcome: Outcome): Promise<void> {
    const { outbox, queueTime, ended } = this.#deps;
    const { bytes, resumed } = this.record.view;
    const fields = { transfer: this.id, peer: this.#recipient.id, bytes, resumed, ms: this.record.elapsed };
    tellOutcome(this.#deps.log, fields, outcome, this.#begun);
    this.#triedAt = queueTime();
    const kept = outbox.get(this.id)?.state;
    switch (outcome.is) {
      case "delivered":
        this.#phase = { is: "ended" };
        this.record.end(undefined);
        // The history first: a job that comes back after a crash is told again, and delivered no second time.
        await ended(this.record);
        if (this.#leaves) await outbox.remove(this.id);
        break;
      case "failed":
        this.#phase = { is: "ended" };
        this.#shared?.leave(); // it may never have tried
        await this.#fail(outcome.error);
        break;
      case "interrupted":
        this.#phase = { is: "idle" };
        this.#dueAt = this.#triedAt + outcome.ms;
        if (this.#begun) this.record.waits(outcome.error);
        else this.record.isQueued(outcome.error);
        if (kept?.is === "begun" && kept.progressAt !== this.#trail.progressAt) await outbox.put(this.#job());
        break;
      case "paused":
        this.#phase = { is: "idle" };
        this.record.patch({ state: "paused" });
        await outbox.put(this.#job());
        break;
      case "left":
        this.#phase = { is: "idle" };
        if (this.#begun) this.record.waits(outcome.reason);
        else this.record.isQueued(undefined);
        await outbox.put(this.#job());
        break;
      default:
        assertNever(outcome);
    }
    this.#host.changed();
  }

  async #fail(error: LanxferError): Promise<void> {
    const { outbox, clock, queueTime, ended } = this.#deps;
    // What was copied may be nowhere else by now, and stays; but not when its time is over.
    const isOver = isCancelled(error) || (error.code === "E_EXPIRED" && this.#order.copied !== null);
    const canRetry = this.#leaves && !isOver;
    if (!canRetry) {
      this.record.end(error);
      await ended(this.record);
      if (this.#leaves) await outbox.remove(this.id);
      return;
    }
    const { moved } = this.record.view;
    const at = clock.now();
    const until = queueTime() + KEEP_FAILED_MS;
    const kept = outbox.put({
      ...this.#job(),
      paused: false,
      state: { is: "failed", at, until, moved, error: toView(error) },
    });
    this.record.end(error, { canRetry });
    await Promise.all([ended(this.record), kept]);
    await outbox.trim(queueTime());
  }

  /** What the next run has to know of it. */
  #job(): Job {
    const { queue } = this.#order;
    const { items, entries, bytes } = this.record.view;
    return {
      ...this.#order,
      v: 1,
      recipient: { ...this.#recipient },
      items: items.map(({ name, type }) => ({ name, type })),
      entries,
      bytes,
      queue: queue && { ...queue, expiresAt: this.#expiresAt },
      paused: this.#paused,
      state: this.#begun ? { is: "begun", progressAt: this.#trail.progressAt } : { is: "queued" },
    };
  }

  #queueView(): QueueView {
    const { clock, queueTime } = this.#deps;
    const left = this.expiresAt - queueTime();
    const counts = Number.isFinite(left) && !this.#paused && this.#phase.is !== "ended";
    return {
      why: this.record.state === "queued" ? this.#wait : null,
      expiresAt: counts ? new Date(clock.now() + left).toISOString() : null,
      copied: this.#order.copied !== null,
    };
  }
}
