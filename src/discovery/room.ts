/**
 * Who finds room in the peer table, and at whose expense. Pure. What a stranger
 * says costs nothing, so it never costs a paired device its place.
 */

import type { DeviceId } from "../core/ids.ts";
import type { Entry } from "./peer-view.ts";

export const MAX_PEERS = 256;
/** Unpaired peers that one source address may bring in. */
export const MAX_PER_SOURCE = 8;

export type Room = "enough" | "none" | { readonly insteadOf: DeviceId };

/** Room for a peer that was not here, and is announced from `source`. */
export function roomFor(
  id: DeviceId,
  source: string,
  entries: ReadonlyMap<DeviceId, Entry>,
  isPaired: (id: DeviceId) => boolean,
): Room {
  const paired = isPaired(id);
  const strangers = [...entries.values()].filter((entry) => !isPaired(entry.id));
  const brought = strangers.filter((entry) => entry.voice.address === source);
  if (!paired && brought.length >= MAX_PER_SOURCE) return "none";
  if (entries.size < MAX_PEERS) return "enough";
  const candidates = strangers.length > 0 || !paired ? strangers : [...entries.values()];
  const victim = leastKnown(candidates);
  return victim === undefined ? "none" : { insteadOf: victim.id };
}

/** A suspect before one that is heard, and the one that was heard last the longest ago. */
function leastKnown([first, ...others]: readonly Entry[]): Entry | undefined {
  const isLess = (a: Entry, b: Entry) =>
    (a.doubt === "none") === (b.doubt === "none") ? a.heardAt < b.heardAt : b.doubt === "none";
  return others.reduce((least, entry) => (least && isLess(entry, least) ? entry : least), first);
}
