/**
 * Where one peer may be reached: the bookkeeping behind `Peer.endpoints`. Pure.
 *
 * Anybody on the link can announce anybody's id from an address of their own.
 * That adds a place; it must never push out the real one. So a full list takes
 * no newcomer, except for a place that only a record named; when it is full its
 * places are asked; those where the peer was not found make room, but are
 * remembered, so that they cannot come back as newcomers.
 */

import { isIPv6 } from "node:net";
import type { Source } from "./medium.ts";
import type { Sighting } from "./record.ts";
import type { Endpoint } from "./types.ts";

export const MAX_PLACES = 8;
const MAX_REFUTED = 64;
const STALE_AFTER = 15_000; // ms: three rounds of questions unanswered from there, while another place was heard
const PROVEN_FOR = 60_000; // ms; longer than a silent peer goes without a probe (peer-table.ts)
const QUIET_AFTER = 5700; // ms of silence after which a place ranks behind others, and as a new one when it is heard again

/** All times are monotonic milliseconds. */
export interface Place {
  readonly endpoint: Endpoint;
  /** Packets came from here; otherwise only a record named it. */
  readonly direct: boolean;
  /** Since when it has been heard of without a long pause: newer places come first. */
  readonly since: number;
  readonly heardAt: number;
  /** A probe is on its way. */
  readonly asking: boolean;
  readonly askedAt: number;
  /** The last probe was answered by another device or by none. */
  readonly refuted: boolean;
  /** When a probe was last answered by this peer. */
  readonly provenAt: number | null;
}

/** The list after a sighting. `full` when the sender's own address found no room. */
export function hearPlaces(places: readonly Place[], sighting: Sighting, from: Source, at: number) {
  const endpoint = (address: string): Endpoint => {
    return { address, port: sighting.port, interface: from.interface, source: "mdns" };
  };
  const fresh = places.filter((place) => !isStale(place, at));
  const own = hear(fresh, endpoint(from.address), true, at);
  let list = own;
  for (const address of sighting.addresses) {
    if (address !== from.address) list = hear(list, endpoint(address), false, at);
  }
  return { places: list, full: !own.some((place) => isAt(place, from.address, sighting.port)) };
}

/** The list after a sign of life from `from` that names no addresses: those of that link are as they were. */
export function stirPlaces(places: readonly Place[], from: Source, at: number): readonly Place[] {
  const isThere = (place: Place) => place.endpoint.interface === from.interface && !isStale(place, at);
  return places.map((place) => (isThere(place) ? { ...place, heardAt: at } : place));
}

/** Whether packets of the peer have come from `address`. */
export function isKnownSource(places: readonly Place[], address: string): boolean {
  return places.some((place) => place.direct && place.endpoint.address === address);
}

/**
 * Marks the places that are to be asked, and says which: the best one, or all
 * that were not asked since `since`.
 */
export function askPlaces(places: readonly Place[], which: "best" | { readonly since: number }, at: number) {
  const candidates = inOrder(places)
    .slice(0, MAX_PLACES)
    .filter((place) => !place.asking && (which === "best" || place.askedAt < which.since));
  const asked = which === "best" ? candidates.slice(0, 1) : candidates;
  return {
    places: places.map((place) => (asked.includes(place) ? { ...place, asking: true, askedAt: at } : place)),
    asked: asked.map((place) => place.endpoint),
  };
}

/** The list after this peer, or somebody else, or nobody, answered at `endpoint`. */
export function judgePlace(
  places: readonly Place[],
  endpoint: Endpoint,
  isPeer: boolean,
  at: number,
): readonly Place[] {
  return places.map((place) => {
    if (!isAt(place, endpoint.address, endpoint.port)) return place;
    return { ...place, asking: false, refuted: !isPeer, provenAt: isPeer ? at : null };
  });
}

/** Whether it is time to find out where the peer is: some places have been asked, and others are claimed since. */
export function areContested(places: readonly Place[]): boolean {
  const isJudged = (place: Place) => place.refuted || place.provenAt !== null;
  return places.some(isJudged) && places.some((place) => !isJudged(place) && !place.asking);
}

/** In the order in which to try them. */
export function endpointsOf(places: readonly Place[]): readonly Endpoint[] {
  return inOrder(places)
    .slice(0, MAX_PLACES)
    .map((place) => place.endpoint);
}

function inOrder(places: readonly Place[]): readonly Place[] {
  if (places.length < 2) return places; // most have one, and this is called often
  const latest = Math.max(...places.map((place) => place.heardAt));
  const rank = (place: Place) => {
    if (place.refuted) return 4;
    if (place.provenAt !== null) return 0;
    if (latest - place.heardAt > QUIET_AFTER) return 3; // the peer talks from elsewhere by now
    return place.direct ? 1 : 2;
  };
  const ranks = [0, 1, 2, 3, 4].map((wanted) => places.filter((place) => rank(place) === wanted));
  return ranks.flatMap((equals) => mixFamilies(equals.toSorted((a, b) => b.since - a.since)));
}

/** In turn one of each family, so that a network on which one of them fails costs one attempt (RFC 8305 4). */
function mixFamilies(places: readonly Place[]): Place[] {
  const isSix = (place: Place) => isIPv6(place.endpoint.address);
  const [four, six] = [places.filter((place) => !isSix(place)), places.filter(isSix)];
  // IPv4 first: the shorter one to read, and on one link neither is the better way.
  return places.flatMap((_, turn) => [four[turn], six[turn]].filter((place) => place !== undefined));
}

function isAt(place: Place, address: string, port: number): boolean {
  return place.endpoint.address === address && place.endpoint.port === port;
}

function hear(places: readonly Place[], endpoint: Endpoint, direct: boolean, at: number): readonly Place[] {
  const known = places.find((place) => isAt(place, endpoint.address, endpoint.port));
  if (known) {
    const since = at - known.heardAt > QUIET_AFTER ? at : known.since;
    const heard = { ...known, endpoint, direct: known.direct || direct, since, heardAt: at };
    return places.map((place) => (place === known ? heard : place));
  }
  const room = makeRoom(places, direct);
  if (room === undefined) return places;
  const unjudged = { asking: false, askedAt: Number.NEGATIVE_INFINITY, refuted: false, provenAt: null };
  return [...room, { endpoint, direct, since: at, heardAt: at, ...unjudged }];
}

function makeRoom(places: readonly Place[], direct: boolean): readonly Place[] | undefined {
  const refuted = places.filter((place) => place.refuted);
  if (refuted.length > MAX_REFUTED) return makeRoom(without(places, refuted), direct);
  if (places.length - refuted.length < MAX_PLACES) return places;
  const named = places.filter((place) => !place.direct && place.provenAt === null && !place.refuted);
  return direct && named.length > 0 ? without(places, named) : undefined;
}

/** Without the oldest of `some`. */
function without(places: readonly Place[], some: readonly Place[]): readonly Place[] {
  const oldest = Math.min(...some.map((place) => place.since));
  const gone = some.find((place) => place.since === oldest);
  return places.filter((place) => place !== gone);
}

function isProven(place: Place, at: number): boolean {
  return place.provenAt !== null && at - place.provenAt <= PROVEN_FOR;
}

function isStale(place: Place, at: number): boolean {
  return at - place.heardAt > STALE_AFTER && !isProven(place, at);
}
