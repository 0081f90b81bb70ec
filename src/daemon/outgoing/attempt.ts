/**
 * One attempt at a transfer: looks at the sources, opens a session with the
 * device, sends, and notes in the record what the receiver says meanwhile. What a
 * failure means is decided by whoever makes the attempt (delivery.ts).
 */

import { assertNever } from "../../core/assert.ts";
import type { Clock } from "../../core/clock.ts";
import { RateLimit } from "../../core/rate-limit.ts";
import type { SenderEvent } from "../../transfer/outgoing.ts";
import type { SharedReader } from "../../transfer/shared-reads.ts";
import type { SmallFiles } from "../../transfer/small-files.ts";
import { measure, type SourceTotals } from "../../transfer/source.ts";
import type { TransferRecord } from "../record/transfer-record.ts";
import type { Party } from "../views.ts";
import type { Job } from "./job.ts";
import type { Outbox } from "./outbox.ts";
import type { Sessions } from "./sessions.ts";

export type Recipient = Party;

export interface AttemptDeps {
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly files: SmallFiles;
  /** What all transfers from here share. */
  readonly rate: RateLimit;
  readonly sessions: Sessions;
}

export interface AttemptOptions {
  readonly job: Pick<Job, "id" | "paths" | "exclude" | "note" | "always" | "rate" | "copied">;
  readonly recipient: Recipient;
  readonly record: TransferRecord;
  /** The receiver accepted it in an earlier attempt: what it is doing until it does again is nobody's concern. */
  readonly begun: boolean;
  /**
   * What is sent is what is found now, and looked at when somebody has answered,
   * as until then it would be looked at over and over. Otherwise it is what was
   * found in the first attempt of this run, before anybody was called.
   */
  readonly latest: boolean;
  /** Where other transfers read the same sources. This attempt ends its part in it. */
  readonly shared: SharedReader | undefined;
  /** What that found. */
  readonly totals: SourceTotals | undefined;
  /** The session may serve others afterwards. */
  readonly keepSession: boolean;
  /** Told of what is sent, before it is. */
  readonly onTotals: (totals: SourceTotals) => void;
  /** The receiver has accepted it. */
  readonly onAccepted: () => void;
}

export class Attempt {
  readonly #options: AttemptOptions;
  readonly #deps: AttemptDeps;
  /** Bytes that the receiver took up and has confirmed. */
  #resumed = 0;
  #moved = 0;

  constructor(options: AttemptOptions, deps: AttemptDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Bytes that the receiver has confirmed, those of earlier attempts included. */
  get moved(): number {
    return this.#moved;
  }

  /** Resolves when it is delivered. Rejects with what went wrong, or the reason of `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    try {
      await this.#deps.files.during(() => this.#run(signal));
    } finally {
      this.#options.shared?.leave();
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { job, recipient, record, begun, latest, totals: before, keepSession, shared: reads } = this.#options;
    const { clock, files, outbox, rate: shared, sessions } = this.#deps;
    const { id, paths, exclude, note, always, rate } = job;
    const looked = latest ? undefined : (before ?? (await this.#measure(signal)));
    if (!begun) record.patch({ state: "connecting" });
    const own = rate === undefined ? [] : [new RateLimit(clock, () => rate)];
    const session = await sessions.open(recipient, [...own, shared], signal);
    const log = outbox.sentLog(id);
    let done = false;
    try {
      const totals = looked ?? (await this.#measure(signal));
      const report = (event: SenderEvent) => this.#report(event);
      const what = { id, paths, exclude, note, there: !always, totals };
      await session.sender.send({ ...what, files, shared: reads, log, signal, report });
      done = true;
    } finally {
      // Before somebody who sees the end tries again.
      const forgotten = done ? log.discard() : log.close();
      await Promise.all([forgotten, sessions.close(recipient.id, session, done && keepSession)]);
    }
  }

  async #measure(signal: AbortSignal): Promise<SourceTotals> {
    const { job, record, begun, onTotals } = this.#options;
    if (!begun) record.patch({ state: "preparing" });
    // What the copy has left out is not found again.
    if (job.copied === null) record.nothingSkipped();
    const onSkipped = (path: string, reason: string) => record.skipped(path, reason);
    const totals = await measure(job, this.#deps.files, signal, onSkipped);
    record.measured(totals);
    onTotals(totals);
    return totals;
  }

  #report(event: SenderEvent): void {
    const { record, onAccepted } = this.#options;
    switch (event.type) {
      case "asked":
        record.patch({ state: "asking" });
        break;
      case "accepted":
        record.patch({
          state: "running",
          resumed: this.#resumed,
          moved: this.#resumed,
          already: { entries: 0, bytes: 0 },
        });
        onAccepted();
        break;
      case "resumed":
        this.#resumed = event.bytes;
        record.patch({ resumed: event.bytes, moved: Math.max(event.bytes, this.#moved) });
        break;
      case "already":
        record.patch({ already: { entries: event.entries, bytes: event.bytes } });
        break;
      case "moved":
        this.#moved = event.bytes;
        record.patch({ moved: event.bytes });
        break;
      case "saved":
        record.published(event.item, {
          name: event.as,
          as: event.as,
          path: null,
          root: event.root ?? null,
          there: event.there,
        });
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
}
