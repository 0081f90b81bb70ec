/**
 * What arrived and is still there: the history, held against the disk. It knows
 * nothing of what lies in the inbox for other reasons.
 */

import { lstat } from "node:fs/promises";
import { basename } from "node:path";
import type { HistoryView, InboxView } from "../../control/schema.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { History } from "./history.ts";
import { hasArrived, isAllThere } from "./history-lines.ts";

/** Arrivals that are looked back at. */
const LOOKBACK = 1_000;

export interface Wanted {
  /** Only what this device sent. */
  readonly from?: DeviceId | undefined;
  /** Stop at so many. */
  readonly limit?: number | undefined;
}

/** Newest first; of several that came together, in the order in which they were sent. */
export async function arrived(history: History, { from, limit = Infinity }: Wanted): Promise<InboxView[]> {
  const found: InboxView[] = [];
  const seen = new Set<string>();
  let looked = 0;
  for await (const line of history.newestFirst()) {
    if (!hasArrived(line) || isAllThere(line)) continue;
    const items = viewsOf(line).filter(({ path }) => !seen.has(path));
    for (const { path } of items) seen.add(path); // under a name that became free, only what came last is there
    if (from !== undefined && line.peer.id !== from) continue;
    found.push(...(await thoseThere(items)));
    if (found.length >= limit || ++looked === LOOKBACK) break;
  }
  return found.slice(0, limit);
}

function viewsOf(line: HistoryView): InboxView[] {
  // Of a folder we know its size only when it came alone.
  const bytes = line.items.length === 1 ? line.bytes : null;
  const { peer: from, at, id: transfer } = line;
  return line.items.flatMap(({ path, type, there }, item) =>
    path === null || there ? [] : [{ path, name: basename(path), type, bytes, from, at, transfer, item }],
  );
}

async function thoseThere(items: readonly InboxView[]): Promise<InboxView[]> {
  const looked = items.map(async (item): Promise<InboxView | undefined> => {
    const stats = await lstat(item.path).catch(() => undefined);
    return stats && { ...item, bytes: stats.isFile() ? stats.size : item.bytes };
  });
  return (await Promise.all(looked)).filter((item) => item !== undefined);
}
