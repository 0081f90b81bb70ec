/**
 * What is taken in at all: limits, and room on the disk, counting what other
 * transfers were promised. A refusal happens here, before the first byte.
 *
 * A place among the parallel transfers is held for as long as its sender is
 * alive, however little comes: one that looks through a huge file again before it
 * goes on says nothing but heartbeats, for hours if its disk is slow. So no clock
 * keeps one device from holding places for ever, but its share does: nobody gets
 * another place while he has as many as are left. One device alone comes to half
 * of them, the next one to half of the rest, and there is always one for whoever
 * has none.
 */

import type { StatsFs } from "node:fs";
import { LanxferError, systemCode } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import { NOTHING } from "../../transfer/extent.ts";
import type { Offer } from "../../transfer/incoming.ts";
import { storageError } from "../../transfer/staging.ts";
import { usableBytes } from "../host/disk.ts";

export interface Limits {
  /** Bytes of the disk that stay free. */
  readonly reserve: number;
  /** Largest transfer in bytes; 0 for no limit. */
  readonly transfer: number;
  readonly entries: number;
  readonly parallel: number;
}

/** Each entry costs about an inode and a block of directory: a million empty files are not free. */
const BYTES_PER_ENTRY = 512;

/** Room that a running transfer may still use. */
export interface Promised {
  /** Bytes of it that are on the disk by now. */
  moved: number;
  /** Nothing is set aside for so many of its bytes, which are on the disk from before. */
  spared: number;
  /** Content that may be written before those count, too; for nobody knows what of them will be taken up. */
  covered: number;
  readonly bytes: number;
  /** What earlier attempts have left of it. */
  readonly here: number;
  readonly peer: DeviceId;
}

export class Admission {
  readonly #space: () => Promise<StatsFs>;
  readonly #limits: () => Limits;
  readonly #promised = new Set<Promised>();

  /** `space` tells of the inbox's disk, or throws why there is none. */
  constructor(space: () => Promise<StatsFs>, limits: () => Limits) {
    this.#space = space;
    this.#limits = limits;
  }

  get running(): number {
    return this.#promised.size;
  }

  /** Throws E_LIMIT for what is never taken. Sets nothing aside. */
  check(offer: Offer): void {
    const limits = this.#limits();
    if (offer.entries > limits.entries) throw new LanxferError("E_LIMIT", { text: "too many files and folders" });
    if (limits.transfer > 0 && offer.bytes > limits.transfer)
      throw new LanxferError("E_LIMIT", { text: "too many bytes" });
  }

  /**
   * Throws E_LIMIT, E_BUSY, E_NO_SPACE or E_INBOX; otherwise the room is set aside
   * until `release`. `here` bytes of it are on the disk already, and so much as is
   * `there` perhaps need not be written: `covers` and `setAside` are for when it has to.
   */
  async reserve(peer: DeviceId, offer: Offer, here: number, there = NOTHING): Promise<Promised> {
    this.check(offer);
    const left = this.#limits().parallel - this.#promised.size;
    const own = [...this.#promised].filter((promised) => promised.peer === peer).length;
    if (own >= left) throw new LanxferError("E_BUSY", { text: "too many transfers at once" });
    const bytes = offer.bytes + offer.entries * BYTES_PER_ENTRY;
    const spared = Math.min(bytes, here + there.bytes + there.entries * BYTES_PER_ENTRY);
    const covered = Math.max(0, offer.bytes - there.bytes);
    const promised: Promised = { peer, bytes, here, moved: 0, spared, covered };
    this.#promised.add(promised); // before the first await: two offers must not see the same room
    try {
      this.#assertFits(promised, await this.free());
      return promised;
    } catch (error) {
      this.#promised.delete(promised);
      throw error;
    }
  }

  /** Whether a file of so many bytes may be written with what is set aside. To be asked once for each. */
  covers(promised: Promised, bytes: number): boolean {
    promised.covered -= bytes;
    return promised.covered >= 0;
  }

  /** Sets aside room for all that is left of a transfer. Throws E_NO_SPACE or E_INBOX. */
  async setAside(promised: Promised): Promise<void> {
    promised.spared = promised.here;
    promised.covered = Number.POSITIVE_INFINITY;
    this.#assertFits(promised, await this.free());
  }

  release(promised: Promised): void {
    this.#promised.delete(promised);
  }

  #assertFits(promised: Promised, free: number): void {
    const needs = left(promised);
    const others = [...this.#promised].reduce((sum, each) => sum + left(each), -needs);
    const has = Math.max(0, free - others);
    if (needs > has) throw new LanxferError("E_NO_SPACE", { needs, has });
  }

  /** Bytes that transfers may use, the reserve left aside. Throws E_INBOX. */
  async free(): Promise<number> {
    try {
      return usableBytes(await this.#space(), this.#limits().reserve);
    } catch (error) {
      throw systemCode(error) === undefined ? error : storageError(error);
    }
  }
}

/** What of the spared bytes has moved is not counted twice: that takes more room for taken than there is, never less. */
function left({ bytes, moved, spared }: Promised): number {
  return bytes - Math.max(moved, spared);
}
