/**
 * Transfers to this device that were interrupted and may go on: what of them is
 * kept in the inbox, for how long, and how much at most. Each has a record that
 * waits, so that the user sees it and can cancel it.
 */

import type { Clock } from "../../core/clock.ts";
import { LanxferError } from "../../core/errors.ts";
import type { DeviceId, TransferId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { type Kept, removeKept } from "../../transfer/staging.ts";
import type { TransferRecord } from "../record/transfer-record.ts";
import { naming } from "./whose.ts";

/** How long a sender may stay away (milliseconds). */
export const KEPT_FOR_MS = 7 * 24 * 60 * 60_000;
/** How often that is looked at (milliseconds). */
const LOOK_MS = 60 * 60_000;
/** A device that always begins and never ends takes only its own places. */
const MAX_PER_DEVICE = 64;

export interface InterruptedDeps {
  readonly self: DeviceId;
  readonly clock: Clock;
  readonly log: Log;
  readonly inbox: () => string;
  /** Writes the history line of one that will not go on. Never rejects. */
  readonly ended: (record: TransferRecord) => Promise<void>;
}

interface Waiting {
  readonly kept: Kept;
  readonly record: TransferRecord;
}

const keyOf = (peer: DeviceId, id: TransferId) => `${peer}:${id}`;

export class Interrupted {
  readonly #deps: InterruptedDeps;
  /** The one that was interrupted first comes first. */
  readonly #waiting = new Map<string, Waiting>();

  constructor(deps: InterruptedDeps) {
    this.#deps = deps;
  }

  /** Looks for those that have waited too long, until the returned function is called. */
  watch(): () => void {
    return this.#deps.clock.every(LOOK_MS, () => void this.#expire());
  }

  /** Keeps one more. Its oldest goes when a device has too many. */
  async add(kept: Kept, record: TransferRecord): Promise<void> {
    this.#waiting.set(keyOf(kept.peer, kept.offer.id), { kept, record });
    const siblings = [...this.#waiting.values()].filter((waiting) => waiting.kept.peer === kept.peer);
    const [oldest] = siblings;
    if (siblings.length > MAX_PER_DEVICE && oldest !== undefined) {
      await this.#drop(oldest, new LanxferError("E_LIMIT", { text: "too many transfers were interrupted" }));
    }
  }

  /** Hands over what is kept of a transfer: until it is added again it is nobody's to remove. */
  take(peer: DeviceId, id: TransferId): Waiting | undefined {
    const waiting = this.#waiting.get(keyOf(peer, id));
    this.#waiting.delete(keyOf(peer, id));
    return waiting;
  }

  /** Lets go of one for good, if it is still here. */
  async forget(peer: DeviceId, id: TransferId, reason: LanxferError): Promise<void> {
    const waiting = this.#waiting.get(keyOf(peer, id));
    if (waiting !== undefined) await this.#drop(waiting, reason);
  }

  async forgetAll(reason: LanxferError, whose: (device: DeviceId) => boolean): Promise<void> {
    for (const waiting of this.#waiting.values()) if (whose(waiting.kept.peer)) await this.#drop(waiting, reason);
  }

  /** Removes the oldest until `bytes` more are free; false, with nothing removed, when that cannot be. */
  async makeRoom(bytes: number): Promise<boolean> {
    const all = [...this.#waiting.values()];
    if (all.reduce((sum, { kept }) => sum + kept.bytes, 0) < bytes) return false;
    let freed = 0;
    for (const waiting of all) {
      if (freed >= bytes) break;
      freed += waiting.kept.bytes;
      await this.#drop(waiting, new LanxferError("E_NO_SPACE"));
    }
    return true;
  }

  async #expire(): Promise<void> {
    const reason = new LanxferError("E_TIMEOUT", { text: "not continued for 7 days" });
    for (const waiting of this.#waiting.values()) {
      if (this.#deps.clock.now() - waiting.kept.since > KEPT_FOR_MS) await this.#drop(waiting, reason);
    }
  }

  async #drop({ kept, record }: Waiting, reason: LanxferError): Promise<void> {
    const { self, inbox, log, ended } = this.#deps;
    const { peer, offer } = kept;
    this.#waiting.delete(keyOf(peer, offer.id));
    await removeKept(inbox(), { self, peer, id: offer.id }).catch((error) => {
      log.warn({ err: error, transfer: offer.id }, "what is left of an interrupted transfer was not removed");
    });
    log.info({ transfer: offer.id, peer, bytes: kept.bytes, code: reason.code }, "interrupted transfer given up");
    record.end(naming(reason, record.view.peer.name));
    await ended(record);
  }
}
