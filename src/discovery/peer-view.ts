/** The peer table as data, and how a peer in it looks from outside. Pure. */

import type { DeviceId } from "../core/ids.ts";
import type { Echoes } from "./echoes.ts";
import type { Hints } from "./hints.ts";
import { endpointsOf, MAX_PLACES, type Place } from "./places.ts";
import type { Endpoint, Peer, PeerEvent } from "./types.ts";

/** A peer that was heard. All times but `seenAt` are monotonic milliseconds. */
export interface Entry {
  readonly id: DeviceId;
  readonly name: string;
  readonly boot: string;
  readonly instance: string;
  /** Whose word counts for name, boot and instance, so that two sources cannot make them flap. */
  readonly voice: { readonly address: string; readonly heardAt: number };
  readonly places: readonly Place[];
  readonly heardAt: number;
  /** When it was last heard, or found by a probe. */
  readonly sureAt: number;
  /** Times it was found by a probe since it was last heard. */
  readonly unheard: number;
  /**
   * `waiting`: to be asked as soon as the pause since `askedAt` is over; `asking`:
   * its best place is asked, `insisting`: all of them.
   */
  readonly doubt: "none" | "waiting" | "asking" | "insisting";
  readonly askedAt: number;
  /** Wall clock, milliseconds since 1970. */
  readonly seenAt: number;
}

export interface PeerTable {
  readonly entries: ReadonlyMap<DeviceId, Entry>;
  readonly hints: Hints;
  readonly echoes: Echoes;
}

export const EMPTY_TABLE: PeerTable = { entries: new Map(), hints: new Map(), echoes: new Map() };

/** All peers of a table. */
export function peersOf(table: PeerTable): Peer[] {
  const hinted = [...table.hints.values()].flatMap((hint) => hint.answer ?? []);
  const ids = new Set([...table.entries.keys(), ...hinted]);
  return [...ids].flatMap((id) => peerOf(table, id) ?? []);
}

/** What there is to tell of `id` after a step; a restart is told although it looks the same. */
export function eventBetween(
  before: PeerTable,
  after: PeerTable,
  id: DeviceId,
  restarted: boolean,
): PeerEvent | undefined {
  const old = peerOf(before, id);
  const peer = peerOf(after, id);
  if (peer === undefined) return old && { change: "down", peer: old };
  if (old === undefined) return { change: "up", peer };
  return restarted || looksOther(old, peer) ? { change: "changed", peer } : undefined;
}

function peerOf({ entries, hints }: PeerTable, id: DeviceId): Peer | undefined {
  const entry = entries.get(id);
  const found = [...hints.values()].filter((hint) => hint.answer === id);
  // What the user called it goes before what it says of itself.
  const given = found.find((hint) => hint.endpoint.source === "static");
  const name = given?.name ?? entry?.name ?? found[0]?.name;
  if (name === undefined) return undefined;
  const endpoints = [...(entry ? endpointsOf(entry.places) : [])];
  for (const { endpoint } of found) {
    if (!endpoints.some((other) => isSame(other, endpoint))) endpoints.push(endpoint);
  }
  const state = found.length > 0 || entry?.doubt === "none" ? "present" : "suspect";
  const seenAt = Math.max(entry?.seenAt ?? 0, ...found.map((hint) => hint.seenAt));
  return { id, name, endpoints: endpoints.slice(0, MAX_PLACES), state, seenAt };
}

/** The first endpoint is the one that is shown; in which order the others are tried is nobody's business. */
function looksOther(a: Peer, b: Peer): boolean {
  if (a.name !== b.name || a.state !== b.state || a.endpoints.length !== b.endpoints.length) return true;
  const [[first], [now]] = [a.endpoints, b.endpoints];
  if (first && now && !isSame(first, now)) return true;
  return !a.endpoints.every((endpoint) => b.endpoints.some((other) => isSame(endpoint, other)));
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}
