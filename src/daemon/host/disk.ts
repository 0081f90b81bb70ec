/** How much of a disk is for us. */

import type { StatsFs } from "node:fs";

export type DiskSpace = Pick<StatsFs, "bavail" | "blocks" | "bsize">;

/** A small disk is not all reserve. */
const MAX_RESERVE_SHARE = 0.05;

/** Bytes that transfers may use: what is free, but for the reserve. */
export function usableBytes({ bavail, blocks, bsize }: DiskSpace, reserve: number): number {
  return Math.max(0, bavail * bsize - Math.min(reserve, blocks * bsize * MAX_RESERVE_SHARE));
}
