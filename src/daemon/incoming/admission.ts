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
  readonly bytes: number;
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
   * until `release`. `here` bytes of it are on the disk already.
   */
  async reserve(peer: DeviceId, offer: Offer, here: number): Promise<Promised> {
    this.check(offer);
    const left = this.#limits().parallel - this.#promised.size;
    const own = [...this.#promised].filter((promised) => promised.peer === peer).length;
    if (own >= left) throw new LanxferError("E_BUSY", { text: "too many transfers at once" });
    const promised: Promised = { peer, bytes: offer.bytes + offer.entries * BYTES_PER_ENTRY, moved: here };
    this.#promised.add(promised); // before the first await: two offers must not see the same room
    try {
      const free = await this.free();
      const needs = promised.bytes - here;
      const others = [...this.#promised].reduce((sum, { bytes, moved }) => sum + bytes - moved, -needs);
      const has = Math.max(0, free - others);
      if (needs > has) throw new LanxferError("E_NO_SPACE", { needs, has });
      return promised;
    } catch (error) {
      this.#promised.delete(promised);
      throw error;
    }
  }

  release(promised: Promised): void {
    this.#promised.delete(promised);
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
