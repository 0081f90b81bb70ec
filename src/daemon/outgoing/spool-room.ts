/**
 * How much of the disk copies of what is to be sent may take, and do: all of them
 * together no more than a setting allows, and the disk keeps its reserve. A copy
 * gives its room back when the outbox removes it.
 */

import { LanxferError } from "../../core/errors.ts";
import type { TransferId } from "../../core/ids.ts";
import { formatSize } from "../../core/text.ts";
import { type DiskSpace, usableBytes } from "../host/disk.ts";

/** The disk is asked for its room after so many bytes: others write to it, too. */
const LOOK_EVERY = 16 * 1024 * 1024;

export interface SpoolLimits {
  /** Most bytes that all copies may take; 0 for no limit. */
  readonly space: number;
  /** Bytes of the disk that stay free. */
  readonly reserve: number;
}

/** How much of the room for copies each transfer has. */
export class SpoolRoom {
  readonly #limits: () => SpoolLimits;
  readonly #disk: () => Promise<DiskSpace>;
  readonly #held = new Map<TransferId, number>();
  #total = 0;
  /** Bytes that were taken since the disk was asked. */
  #unasked = LOOK_EVERY;

  /** `disk` tells of the one that the copies lie on. */
  constructor(limits: () => SpoolLimits, disk: () => Promise<DiskSpace>) {
    this.#limits = limits;
    this.#disk = disk;
  }

  /** Bytes of all copies. */
  get total(): number {
    return this.#total;
  }

  /** Takes note of a copy that is there already. */
  hold(id: TransferId, bytes: number): void {
    this.#held.set(id, (this.#held.get(id) ?? 0) + bytes);
    this.#total += bytes;
  }

  /** Room for so much more of a copy, to be asked for before it is written. Throws E_SPOOL_FULL. */
  async take(id: TransferId, bytes: number): Promise<void> {
    const { space, reserve } = this.#limits();
    if (space > 0 && this.#total + bytes > space) {
      throw new LanxferError("E_SPOOL_FULL", { text: `copies may take ${formatSize(space)} together` });
    }
    this.hold(id, bytes);
    this.#unasked += bytes;
    if (this.#unasked < LOOK_EVERY) return;
    if (usableBytes(await this.#disk(), reserve) < bytes) throw diskFull();
    this.#unasked = 0;
  }

  /** The copy of a transfer is gone. */
  free(id: TransferId): void {
    this.#total -= this.#held.get(id) ?? 0;
    this.#held.delete(id);
  }
}

export function diskFull(cause?: unknown): LanxferError {
  return new LanxferError("E_SPOOL_FULL", { text: "the disk is full" }, { cause });
}
