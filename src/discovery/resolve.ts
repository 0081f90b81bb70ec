/**
 * "alice" -> a device. Pure: plain lists in, one device or a typed error out.
 *
 * What the user chose, the name of a paired device, goes before anything that a
 * stranger can announce, so that an impostor can neither catch nor blur it.
 */

import { LanxferError } from "../core/errors.ts";
import { type DeviceId, shortId } from "../core/ids.ts";
import { SHORT_ID_LENGTH } from "../core/text.ts";
import type { Peer } from "./types.ts";

/** A paired device with the name that the user gave it. */
export interface KnownDevice {
  readonly id: DeviceId;
  readonly name: string;
}

export interface Resolved {
  readonly id: DeviceId;
  /** The user's name for it, or what it announces when it is not paired. */
  readonly name: string;
  /** Present when it is on the network. */
  readonly peer?: Peer;
}

const MIN_PREFIX = 4; // characters of an id

/**
 * Finds the device that `target` names: by the name of a paired device, by id
 * or the beginning of one, by announced name. Throws E_AMBIGUOUS when several
 * fit equally well and E_NO_PEER when none does.
 */
export function resolve(target: string, devices: readonly KnownDevice[], peers: readonly Peer[]): Resolved {
  const exact = target.normalize("NFC");
  const folded = fold(target);
  const id = plainId(target);
  const hasPrefix = (candidate: Candidate) => id.length >= MIN_PREFIX && candidate.id.startsWith(id);
  const isAnnounced = ({ peer }: Candidate) => peer?.name.normalize("NFC") === exact;

  // From the strongest claim to the weakest. The beginning of a stranger's id is
  // as cheap to make as a name, so those two stand on one step.
  const claims: ((candidate: Candidate) => boolean)[] = [
    ({ petname }) => petname?.normalize("NFC") === exact,
    ({ petname }) => petname !== undefined && fold(petname) === folded,
    (candidate) => candidate.id === id,
    (candidate) => candidate.petname !== undefined && hasPrefix(candidate),
    (candidate) => hasPrefix(candidate) || isAnnounced(candidate),
    ({ peer }) => peer !== undefined && fold(peer.name) === folded,
  ];
  const candidates = candidatesOf(devices, peers);
  for (const claim of claims) {
    const [first, ...others] = candidates.filter(claim);
    if (first && others.length === 0) return resolvedOf(first);
    if (first) throw ambiguous(target, [first, ...others]);
  }
  throw new LanxferError("E_NO_PEER", { name: target });
}

/** Whether `target` tells a key, at least as far as people are shown one, and not only a name or an address. */
export function tellsKey(target: string, id: DeviceId): boolean {
  const typed = plainId(target);
  return typed.length >= SHORT_ID_LENGTH && id.startsWith(typed);
}

interface Candidate {
  readonly id: DeviceId;
  readonly petname?: string;
  readonly peer?: Peer;
}

function candidatesOf(devices: readonly KnownDevice[], peers: readonly Peer[]): Candidate[] {
  const byId = new Map<DeviceId, Candidate>(peers.map((peer) => [peer.id, { id: peer.id, peer }]));
  for (const { id, name } of devices) byId.set(id, { id, ...byId.get(id), petname: name });
  return [...byId.values()];
}

function resolvedOf({ id, petname, peer }: Candidate): Resolved {
  return { id, name: nameOf({ id, petname, peer }), ...(peer && { peer }) };
}

function nameOf({
  id,
  petname,
  peer,
}: {
  id: DeviceId;
  petname?: string | undefined;
  peer?: Peer | undefined;
}): string {
  return petname ?? peer?.name ?? shortId(id);
}

function ambiguous(target: string, candidates: readonly Candidate[]): LanxferError {
  const list = candidates.map((candidate) => `${nameOf(candidate)} (${shortId(candidate.id)})`).join(", ");
  return new LanxferError("E_AMBIGUOUS", { name: target, candidates: list });
}

function plainId(text: string): string {
  return text.toLowerCase().replace(/[\s-]/g, "");
}

function fold(name: string): string {
  return name.normalize("NFC").toLowerCase();
}
