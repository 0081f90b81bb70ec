/** Transfers from this device: from a user's `send` to the receiver's confirmation and a line in the history. */

import type { SendRequest, TransferView } from "../../control/schema.ts";
import type { Clock } from "../../core/clock.ts";
import { type LanxferError, toLanxferError } from "../../core/errors.ts";
import { type DeviceId, type TransferId, transferIdFrom } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { Link } from "../../transfer/link.ts";
import type { SenderEvent } from "../../transfer/outgoing.ts";
import { SenderSession } from "../../transfer/sender.ts";
import type { SmallFiles } from "../../transfer/small-files.ts";
import { measure } from "../../transfer/source.ts";
import type { MessageOf } from "../../transfer/wire.ts";
import type { TransferRecord, Transfers } from "../record/transfers.ts";

export interface Recipient {
  readonly id: DeviceId;
  /** Our own name for it. */
  readonly name: string;
}

export interface OutgoingDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: (bytes: number) => Uint8Array;
  readonly transfers: Transfers;
  readonly files: SmallFiles;
  /** Resolves to a link to this very device, or rejects with why there is none. */
  readonly reach: (recipient: Recipient, signal: AbortSignal) => Promise<Link>;
  readonly hello: () => MessageOf<"hello">;
  /** Told where a peer said it listens. */
  readonly met: (link: Link, hello: MessageOf<"hello">) => void;
  /** Writes the history line. Never rejects. */
  readonly ended: (record: TransferRecord) => Promise<void>;
}

export class Outgoing {
  readonly #deps: OutgoingDeps;
  readonly #running = new Map<TransferRecord, { readonly to: DeviceId; readonly done: Promise<void> }>();

  constructor(deps: OutgoingDeps) {
    this.#deps = deps;
  }

  /** Begins at once and returns what there is to watch. */
  start(recipient: Recipient, request: SendRequest): TransferView {
    const cancel = new AbortController();
    const id = transferIdFrom(this.#deps.random(10));
    const record = this.#deps.transfers.start(
      { id, direction: "out", peer: recipient, items: [], entries: 0, bytes: 0, state: "preparing" },
      (reason) => cancel.abort(reason),
    );
    const done = this.#deps.files.during(() => this.#run(record, id, recipient, request.paths, cancel.signal));
    this.#running.set(record, { to: recipient.id, done });
    void done.then(() => this.#running.delete(record));
    return record.view;
  }

  /** Ends every transfer to a device, or to all when none is given. Resolves when they have ended. */
  async cancelAll(reason: LanxferError, to?: DeviceId): Promise<void> {
    const affected = [...this.#running].filter(([, running]) => to === undefined || running.to === to);
    for (const [record] of affected) record.cancel(reason);
    await Promise.all(affected.map(([, running]) => running.done));
  }

  /** Resolves when nothing is being sent any more. */
  async idle(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.done));
  }

  /** Never rejects: the outcome is in the record. */
  async #run(
    record: TransferRecord,
    id: TransferId,
    recipient: Recipient,
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { log, files } = this.#deps;
    let error: LanxferError | undefined;
    try {
      const totals = await measure(paths, files, signal, (path, reason) => record.skipped(path, reason));
      record.measured(totals);
      record.patch({ state: "connecting" });
      const link = await this.#deps.reach(recipient, signal);
      const { session, peer } = await SenderSession.open(link, this.#deps.hello(), signal);
      try {
        this.#deps.met(link, peer);
        const report = (event: SenderEvent) => this.#report(record, event);
        await session.send({ id, paths, files, totals, signal, report });
      } finally {
        await session.close();
      }
    } catch (thrown) {
      const cause = signal.aborted ? signal.reason : thrown;
      error = toLanxferError(cause).with({ peer: recipient.name });
    }
    record.end(error);
    const { state, bytes } = record.view;
    const fields = { transfer: id, peer: recipient.id, state, bytes, ms: record.elapsed };
    if (error === undefined) log.info(fields, "transfer delivered");
    else
      log.warn(
        { ...fields, code: error.code, err: error.code === "E_INTERNAL" ? error.cause : undefined },
        "transfer not delivered",
      );
    await this.#deps.ended(record);
  }

  #report(record: TransferRecord, event: SenderEvent): void {
    switch (event.type) {
      case "asked":
        record.patch({ state: "asking" });
        break;
      case "accepted":
        record.patch({ state: "running" });
        break;
      case "moved":
        record.patch({ moved: event.bytes });
        break;
      case "saved":
        record.published(event.item, event.as, null);
        break;
      case "renamed":
        record.renamed(event.path, event.as);
        break;
      case "finishing":
        record.patch({ state: "finishing" });
        break;
    }
  }
}
