/** From our own words to those of the control API. Pure. */

import type { DeviceView, HistoryView, HookView, PartyView, PeerView, TransferView } from "../control/schema.ts";
import { type DeviceId, shortId } from "../core/ids.ts";
import { quoted } from "../core/text.ts";
import type { Peer } from "../discovery/types.ts";
import type { Device } from "../identity/trust-file.ts";
import { namesakeOf } from "./namesakes.ts";

/** The other end of a transfer, as we know it. */
export interface Party extends PartyView {
  readonly id: DeviceId;
}

/** A device that is not paired. Wherever its name is shown, it says so first: what follows is the device's own choice. */
export function stranger(id: DeviceId, claims: string, paired: readonly Device[]): Party {
  const short = shortId(id);
  const namesake = namesakeOf({ id, name: claims }, paired)?.name ?? null;
  return { id, name: `unpaired ${short} ${quoted(claims)}`, unpaired: { short, claims, namesake } };
}

export function peerView(peer: Peer, paired: readonly Device[]): PeerView {
  const device = paired.find(({ id }) => id === peer.id);
  const namesake = namesakeOf(peer, paired);
  return {
    id: peer.id,
    short: shortId(peer.id),
    // What is met at a remembered address has not told its name.
    name: peer.name === peer.id ? (device?.name ?? shortId(peer.id)) : peer.name,
    petname: device?.name ?? null,
    paired: device !== undefined,
    namesake: namesake === undefined ? null : { id: namesake.id, short: shortId(namesake.id), name: namesake.name },
    state: peer.state,
    endpoints: peer.endpoints.map(({ address, port, interface: name, source }) => ({
      address,
      port,
      interface: name,
      source,
    })),
    seenAt: new Date(peer.seenAt).toISOString(),
  };
}

export function deviceView(device: Device): DeviceView {
  return {
    id: device.id,
    short: shortId(device.id),
    name: device.name,
    policy: device.policy,
    pairedAt: new Date(device.since).toISOString(),
  };
}

/** The line that an ended transfer leaves in the history. */
export function historyView(transfer: TransferView, ms: number, hook: HookView | null): HistoryView {
  const { id, direction, peer, state, items, entries, bytes, error, endedAt, startedAt } = transfer;
  const { count, note, sourceChanged, already } = transfer;
  const result = state === "done" || state === "cancelled" ? state : "failed";
  const what = { items, count, entries, bytes, already, note, sourceChanged };
  return { v: 1, at: endedAt ?? startedAt, id, direction, peer, result, ...what, ms, error, hook };
}
