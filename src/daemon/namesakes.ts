/**
 * Devices that are here under the name of a paired one without being it: another
 * one of that name, the paired one set up anew, or an impostor. Pure. The name
 * grants nothing in any case; this is for telling people which one it is not.
 */

import type { DeviceId } from "../core/ids.ts";
import type { Peer } from "../discovery/types.ts";
import { readsLike } from "../identity/petname.ts";
import type { Device } from "../identity/trust-file.ts";

/** The paired device of which `peer`, which is not paired itself, has the name. */
export function namesakeOf(peer: Pick<Peer, "id" | "name">, paired: readonly Device[]): Device | undefined {
  if (paired.some(({ id }) => id === peer.id)) return undefined; // we have a name of our own for it
  return paired.find(({ name }) => readsLike(name, peer.name));
}

/** The peers that have the name of this paired device and are not paired themselves. */
export function namesakesOf(device: DeviceId, peers: readonly Peer[], paired: readonly Device[]): Peer[] {
  return peers.filter((peer) => namesakeOf(peer, paired)?.id === device);
}
