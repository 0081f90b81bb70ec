/** The memory that all incoming transfers of a device share: bounded, and used again. */

import { Budget } from "../core/ahead.ts";
import type { BlockMemory } from "./incoming.ts";
import { BLOCK_SIZE, MiB } from "./wire.ts";

/** Verified bytes that may wait for the disk: hides its hiccups, no more. */
const WRITE_BEHIND = 6 * MiB;
/** Free blocks that are kept; more are left to the garbage collector. */
const KEPT = 8;

export interface BlockPool extends BlockMemory {
  readonly allocate: (length: number) => Buffer;
}

/** Full blocks are recycled; shorter ones are rare or tiny and are not. */
export function createBlockPool(): BlockPool {
  const free: Buffer[] = [];
  return {
    writeBehind: new Budget(WRITE_BEHIND),
    allocate: (length) => (length === BLOCK_SIZE ? free.pop() : undefined) ?? Buffer.allocUnsafeSlow(length),
    recycle: (data) => {
      if (data.length === BLOCK_SIZE && free.length < KEPT) free.push(data);
    },
  };
}
