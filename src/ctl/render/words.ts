/** Peers, devices and transfers in words. Every text is safe to print. */

import type { HookView, OfferView, PeerView, TransferView } from "../../control/schema.ts";
import { formatHostPort } from "../../core/address.ts";
import { formatSize, quoted, safe } from "../../core/text.ts";

/** Longest path shown, and longest note: all of it. */
const MAX_PATH = 4_096;

/** `report.pdf`, `report.pdf and 2 more`; `files` as long as the daemon has not looked yet. */
export function what(items: readonly { readonly name: string }[]): string {
  const [first, ...rest] = items;
  if (first === undefined) return "files";
  return rest.length === 0 ? safe(first.name) : `${safe(first.name)} and ${rest.length} more`;
}

/** What the sender's user says about it, to be put behind something: ` "signed at last"`; nothing when that is nothing. */
export function noted(note: string | null): string {
  return note === null ? "" : ` ${quoted(note, MAX_PATH)}`;
}

/** Whether all of it stood at the receiver before. */
export function isAllThere({ items }: Pick<TransferView, "items">): boolean {
  return items.length > 0 && items.every(({ there }) => there);
}

/** `21.9 MB already there`, when the receiver had something from earlier transfers. */
export function alreadyThere({ items, already }: Pick<TransferView, "items" | "already">): string[] {
  if (isAllThere({ items })) return ["already there"];
  return already.entries > 0 ? [`${formatSize(already.bytes)} already there`] : [];
}

/** Why a queued transfer is not being sent: `nas is not here`. */
export function queuedText({ peer, queue, waitingFor }: TransferView): string {
  const name = safe(peer.name);
  switch (queue?.why) {
    case "behind":
      return `another one to ${name} goes first`;
    case "turn":
      return "others go first";
    case "again":
      return path(waitingFor?.message ?? `${name} is not ready`);
    default:
      return `${name} is not here`;
  }
}

/** Why a hook failed: `exit status 3`, `SIGKILL`, `took too long`. */
export function hookFailure({ exit, signal, problem }: HookView): string {
  return safe(problem ?? signal ?? `exit status ${exit}`);
}

/** `report.pdf to alice`, `report.pdf from bob`. */
export function whatAndWho(transfer: Pick<TransferView, "items" | "direction" | "peer">): string {
  return `${what(transfer.items)} ${transfer.direction === "out" ? "to" : "from"} ${safe(transfer.peer.name)}`;
}

/** What a user has to know of the receiver when nobody has checked who that is. */
export function warnings({ peer: { unpaired } }: TransferView): string[] {
  if (unpaired === undefined) return [];
  const { short, claims, namesake } = unpaired;
  const who = `unpaired ${safe(short)} goes by the name ${quoted(claims)}`;
  const other = namesake === null ? "" : `; it is not your ${safe(namesake)}`;
  return [`${who}: nobody has checked that it is the device you mean${other}`];
}

/** `report.pdf (3.1 GB) "signed at last" from bob`. */
export function offered(offer: OfferView): string {
  return `${what(offer.items)} (${formatSize(offer.bytes)})${noted(offer.note)} from ${sender(offer)}`;
}

/** `bob`; of a device that is not paired nothing that could be taken for the name of one that is. */
export function sender({ from }: OfferView): string {
  if (from.unpaired === undefined) return safe(from.name);
  const { short, claims, namesake } = from.unpaired;
  const other = namesake === null ? "" : `, not your ${safe(namesake)}`;
  return `unpaired ${safe(short)}, calls itself ${quoted(claims)} (not checked${other})`;
}

/**
 * `paired`, `paired as bob` when we call it otherwise than it calls itself,
 * `unpaired`, `unpaired, not your bob` when it only has the name of a paired one.
 */
export function trust(peer: PeerView): string {
  if (peer.namesake !== null) return `unpaired, not your ${safe(peer.namesake.name)}`;
  if (!peer.paired) return "unpaired";
  return peer.petname === null || peer.petname === peer.name ? "paired" : `paired as ${safe(peer.petname)}`;
}

/** `192.0.2.7:25726`, `[fe80::1%eth0]:25726`. */
export function address(endpoint: PeerView["endpoints"][number] | undefined): string {
  if (endpoint === undefined) return "-";
  return safe(formatHostPort({ host: endpoint.address, port: endpoint.port }));
}

/** A path in full, as the shortened form of a name would be no path. */
export function path(text: string): string {
  return safe(text, MAX_PATH);
}
