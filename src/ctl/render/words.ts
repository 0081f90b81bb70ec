/** Peers, devices and transfers in words. Every text is safe to print. */

import type { HookView, OfferView, PeerView, TransferView } from "../../control/schema.ts";
import { formatHostPort } from "../../core/address.ts";
import { formatSize, safe } from "../../core/text.ts";

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
  return note === null ? "" : ` "${safe(note, MAX_PATH)}"`;
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

/** `report.pdf from bob (3.1 GB) "signed at last"`. */
export function offered(offer: OfferView): string {
  return `${what(offer.items)} from ${safe(offer.from.name)} (${formatSize(offer.bytes)})${noted(offer.note)}`;
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
