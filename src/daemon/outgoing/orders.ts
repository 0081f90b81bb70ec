/**
 * What a user wants to send, on its way to be a transfer: looked at, copied where
 * that was asked for, and put on disk where it is to wait. Whoever asked removes
 * it from the outbox again when a step fails.
 */

import type { SendRequest } from "../../control/requests.ts";
import type { Clock } from "../../core/clock.ts";
import { LanxferError, toLanxferError } from "../../core/errors.ts";
import { transferIdFrom } from "../../core/ids.ts";
import type { SmallFiles } from "../../transfer/small-files.ts";
import { measure, type Sources, type SourceTotals } from "../../transfer/source.ts";
import type { Recipient } from "./attempt.ts";
import type { Job, Queue } from "./job.ts";
import type { Outbox } from "./outbox.ts";
import type { Spool } from "./spool.ts";

/** More transfers than this are a mistake of some script, and would have to be held in memory. */
const MOST = 50_000;

export interface OrdersDeps {
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly files: SmallFiles;
  readonly outbox: Outbox;
  readonly spool: Spool;
  /** Queue time (queue-time.ts), milliseconds. */
  readonly queueTime: () => number;
  /** For how long a queued transfer may wait to begin when its user says nothing (ms). */
  readonly ttl: () => number;
}

/** What an order has of its request, and what makes it another one than those before. */
export type Wanted = Pick<Job, "id" | "createdAt" | "paths" | "exclude" | "note" | "always" | "rate" | "copied">;

type Request = Pick<SendRequest, "paths" | "exclude" | "note" | "always" | "rate">;

export class Orders {
  readonly #deps: OrdersDeps;
  #last = 0;

  constructor(deps: OrdersDeps) {
    this.#deps = deps;
  }

  /** The place behind all others in the queue. */
  next(): number {
    this.#last++;
    return this.#last;
  }

  /** Those to come are behind this place. */
  behind(order: number): void {
    this.#last = Math.max(this.#last, order);
  }

  from({ paths, exclude = [], note, always = false, rate }: Request): Wanted {
    const { random, clock } = this.#deps;
    const id = transferIdFrom(random(10));
    return {
      id,
      createdAt: clock.now(),
      paths: [...paths],
      exclude: [...exclude],
      note: note ?? null,
      always,
      copied: null,
      ...(rate !== undefined && { rate }),
    };
  }

  /** Throws E_QUEUE when there are too many transfers for another one that waits. */
  assertRoom(): void {
    if (this.#deps.outbox.count < MOST) return;
    throw new LanxferError("E_QUEUE", { text: `there are ${MOST} transfers already` });
  }

  /** Throws what is wrong with the sources. */
  measure(
    sources: Sources,
    signal: AbortSignal,
    onSkipped: (path: string, reason: string) => void = () => {},
  ): Promise<SourceTotals> {
    const { files } = this.#deps;
    return files.during(() => measure(sources, files, signal, onSkipped));
  }

  /** The same, from a copy that is made now. Throws what Spool.copy throws, and E_SOURCE_CHANGED. */
  async copied(
    wanted: Wanted,
    totals: SourceTotals,
    gone: AbortSignal,
  ): Promise<{ readonly order: Wanted; readonly totals: SourceTotals }> {
    const paths = await this.#deps.spool.copy(wanted.id, wanted, totals.bytes, gone);
    const order: Wanted = { ...wanted, paths, exclude: [], copied: totals.bytes };
    // What is compared when it is sent is what is sent.
    const found = await this.measure(order, gone);
    if (found.entries !== totals.entries || found.bytes !== totals.bytes) {
      throw new LanxferError("E_SOURCE_CHANGED", { path: wanted.paths[0] ?? "" });
    }
    return { order, totals: found };
  }

  /** The job, when it is safe on disk. Throws E_QUEUE. */
  async queued(
    wanted: Wanted,
    recipient: Recipient,
    { items, entries, bytes, stamp }: SourceTotals,
    ttl: number = this.#deps.ttl(),
  ): Promise<Job> {
    const { outbox, queueTime } = this.#deps;
    const queue: Queue = { order: this.next(), ttl, expiresAt: queueTime() + ttl, stamp };
    const what = { ...wanted, recipient, items: [...items], entries, bytes };
    const job: Job = { v: 1, ...what, queue, paused: false, state: { is: "queued" } };
    await outbox.commit(job).catch((error) => {
      const { details, message } = toLanxferError(error);
      throw new LanxferError("E_QUEUE", { text: `${details["text"] ?? message} (${outbox.path})` }, { cause: error });
    });
    return job;
  }
}
