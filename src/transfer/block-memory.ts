/** The memory that all incoming transfers of a device share: bounded, and used again. */

import { Budget } from "../core/ahead.ts";
import type { BlockMemory } from "./incoming.ts";
import { BLOCK_SIZE, MiB } from "./wire.ts";

/** Verified bytes that may wait for the disk: hides its hiccups, no more. */
const WRITE_BEHIND = 6 * MiB;
/** Blocks up to a quarter of this are cut from one piece: a piece of its own costs more than what is in it. */
const SLAB = 256 * 1024;
/** Free blocks that are kept; more are left to the garbage collector. */
const KEPT = 8;

export interface BlockPool extends BlockMemory {
  readonly allocate: (length: number) => Buffer;
}

/** Full blocks are recycled; shorter ones are rare, and tiny ones go together. */
export function createBlockPool(): BlockPool {
  const free: Buffer[] = [];
  let slab = Buffer.alloc(0);
  const cut = (length: number): Buffer => {
    if (slab.length < length) slab = Buffer.allocUnsafeSlow(SLAB);
    const piece = slab.subarray(0, length);
    slab = slab.subarray(length);
    return piece;
  };
  return {
    writeBehind: new Budget(WRITE_BEHIND),
    allocate: (length) => {
      if (length <= SLAB / 4) return cut(length);
      return (length === BLOCK_SIZE ? free.pop() : undefined) ?? Buffer.allocUnsafeSlow(length);
    },
    recycle: (data) => {
      if (data.length === BLOCK_SIZE && free.length < KEPT) free.push(data);
    },
  };
}
