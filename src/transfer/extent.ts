/** How much of an offer may be there already: for whoever sets room aside, not for the sender. */

import { type Arrival, type EarlierItem, findEarlier } from "./earlier.ts";
import { PinnedDir } from "./pinned.ts";
import type { SmallFiles } from "./small-files.ts";
import type { MessageOf } from "./wire.ts";

export interface Extent {
  /** Files and folders. */
  readonly entries: number;
  readonly bytes: number;
}

export const NOTHING: Extent = { entries: 0, bytes: 0 };

/**
 * The most that can be there: what stands, and of a file that stands in several
 * versions the largest. Throws the system's error when the inbox cannot be opened.
 */
export async function extentThere(
  inboxPath: string,
  arrivals: readonly Arrival[],
  items: MessageOf<"offer">["items"],
  files: SmallFiles,
): Promise<Extent> {
  const inbox = await PinnedDir.open(inboxPath);
  try {
    const found = new Map<string, readonly EarlierItem[]>();
    await files.during(() => findEarlier(inbox, arrivals, items, files, found));
    const each = [...found.values()].map((versions) => ({
      entries: Math.max(0, ...versions.map(({ left }) => left)),
      bytes: Math.max(0, ...versions.map(bytesOf)),
    }));
    return each.reduce(
      (sum, { entries, bytes }) => ({ entries: sum.entries + entries, bytes: sum.bytes + bytes }),
      NOTHING,
    );
  } finally {
    await inbox.close();
  }
}

function bytesOf(item: EarlierItem): number {
  let bytes = 0;
  for (const { facts } of item.files()) bytes += facts.size;
  return bytes;
}
