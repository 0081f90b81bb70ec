/** The transfers of this run, running and ended: one record (transfer-record.ts) each. */

import type { TransferState, TransferView } from "../../control/schema.ts";
import type { Clock } from "../../core/clock.ts";
import { LanxferError } from "../../core/errors.ts";
import { TransferRecord, type TransferStart } from "./transfer-record.ts";

/** Ended transfers that are kept for `transfers --all`; the history has them all. */
const KEEP_ENDED = 200;
/** Items of all ended transfers that are kept. */
const KEEP_ITEMS = 20_000;

/** Nothing is done for these now: they go on later. */
const RESTING: ReadonlySet<TransferState> = new Set(["queued", "paused", "waiting"]);

export class Transfers {
  readonly #clock: Clock;
  readonly #changed: (record: TransferRecord) => void;
  readonly #records = new Map<string, TransferRecord>();
  /** Those that have ended, in that order, with their keys. */
  readonly #ended = new Map<TransferRecord, string>();

  constructor(clock: Clock, changed: (record: TransferRecord) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** `cancel` is what a user's `cancel` does; it does nothing once the transfer has ended. */
  start(start: TransferStart, cancel: (reason: LanxferError) => void): TransferRecord {
    // Ids are chosen by the sender: one that was used before is shown in its newest form.
    const key = `${start.direction}:${start.peer.id}:${start.id}`;
    const record = new TransferRecord(start, this.#clock, cancel, (changed) => {
      if (changed.ended && this.#records.get(key) === changed) this.#ended.set(changed, key);
      this.#changed(changed);
    });
    const before = this.#records.get(key);
    if (before !== undefined) this.#ended.delete(before);
    this.#records.delete(key);
    this.#records.set(key, record);
    this.#forget();
    this.#changed(record);
    return record;
  }

  /** Oldest first. */
  list(all: boolean): TransferView[] {
    return [...this.#records.values()].filter((record) => all || !record.ended).map((record) => record.view);
  }

  /** Those that something is done for now: not ended, and not left for later. */
  running(): TransferRecord[] {
    return [...this.#records.values()].filter((record) => !record.ended && !RESTING.has(record.state));
  }

  /** Those that have not ended. */
  unended(): TransferRecord[] {
    return [...this.#records.values()].filter((record) => !record.ended);
  }

  /** How many wait for their turn and their device, or until their user lets them go on. */
  get queued(): number {
    let count = 0;
    for (const { state } of this.#records.values()) if (state === "queued" || state === "paused") count++;
    return count;
  }

  /** By id or unambiguous prefix, running ones before ended ones. Throws E_NOT_FOUND. */
  find(id: string): TransferRecord {
    const found = [...this.#records.values()].filter((record) => id !== "" && record.id.startsWith(id));
    // Ids are the senders' choice: what runs is meant rather than what has ended.
    const running = found.filter((record) => !record.ended);
    const [first, ...others] = running.length > 0 ? running : found;
    if (first === undefined || others.length > 0) throw new LanxferError("E_NOT_FOUND", { kind: "transfer", name: id });
    return first;
  }

  #forget(): void {
    let items = [...this.#ended.keys()].reduce((sum, record) => sum + record.items, 0);
    for (const [record, key] of this.#ended) {
      const { size } = this.#ended;
      if (size <= KEEP_ENDED && (size === 1 || items <= KEEP_ITEMS)) return;
      items -= record.items;
      this.#ended.delete(record);
      this.#records.delete(key);
    }
  }
}
