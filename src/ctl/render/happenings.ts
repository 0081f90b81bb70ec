/** Events of the daemon in words: what `watch` prints. Pure. */

import type { ControlEvent, PeerView, TransferView } from "../../control/schema.ts";
import { assertNever } from "../../core/assert.ts";
import { formatSize, safe } from "../../core/text.ts";
import { address, hookFailure, noted, offered, path, trust, whatAndWho } from "./words.ts";

/** Transfers that were seen running: what began before is not told again. */
export type Seen = ReadonlySet<string>;

/** The lines for an event, and which transfers have been told of since. */
export function happenings(seen: Seen, event: ControlEvent): { readonly lines: string[]; readonly seen: Seen } {
  switch (event.type) {
    case "snapshot": {
      const resting = event.transfers.filter(isResting);
      const fresh = event.transfers.filter((each) => !seen.has(each.id) && each.items.length > 0 && !isResting(each));
      return {
        lines: [
          ...peerLines(event),
          ...fresh.map(beginning),
          ...(resting.length > 0 ? [`queued or paused: ${resting.length}`] : []),
          ...event.offers.map((offer) => waiting(offer.id, offered(offer))),
        ],
        seen: new Set(event.transfers.flatMap((each) => (each.items.length > 0 ? [keyOf(each)] : []))),
      };
    }
    case "peer":
      return { lines: peerLines(event), seen };
    case "transfer":
      return transferHappening(seen, event.transfer);
    case "offer": {
      const { change, offer } = event;
      return { lines: change === "new" ? [waiting(offer.id, offered(offer))] : [], seen };
    }
    case "hook":
      return { lines: hookLines(event), seen };
    case "overrun":
      return { lines: ["too much happened at once: some of it is not shown"], seen };
    default:
      return assertNever(event);
  }
}

/** One that has done what it should is no news. */
function hookLines({ transfer, peer, hook }: Extract<ControlEvent, { type: "hook" }>): string[] {
  if (hook.state !== "failed") return [];
  return [`the hook for what came from ${safe(peer.name)} failed: ${hookFailure(hook)} (transfer ${safe(transfer)})`];
}

/** The lines about peers in an event: who is here, who came, who left. */
export function peerLines(event: Extract<ControlEvent, { type: "snapshot" | "peer" }>): string[] {
  if (event.type === "snapshot") return event.peers.map((peer) => peerLine(peer, "is here"));
  switch (event.change) {
    case "up":
      return [peerLine(event.peer, "came")];
    case "down":
      return [`${safe(event.peer.name)} left (${safe(event.peer.short)})`];
    case "changed":
      return []; // an address or a doubt: nothing that a person waits for
    default:
      return assertNever(event.change);
  }
}

function peerLine(peer: PeerView, verb: string): string {
  return `${safe(peer.name)} ${verb} (${safe(peer.short)}, ${trust(peer)}, ${address(peer.endpoints[0])})`;
}

function waiting(id: string, offer: string): string {
  return `offered: ${offer}; answer with "lanxferctl accept ${safe(id)}" or "lanxferctl decline ${safe(id)}"`;
}

function transferHappening(seen: Seen, transfer: TransferView): { readonly lines: string[]; readonly seen: Seen } {
  const end = ending(transfer);
  const others = () => [...seen].filter((key) => !key.startsWith(transfer.id));
  if (end !== undefined) return { lines: end, seen: new Set(others()) };
  const named = transfer.items.length > 0; // not while the sources are still being looked through
  const key = keyOf(transfer);
  // Between two attempts it is queued once more, which is no news.
  if (seen.has(key) || seen.has(transfer.id) || !named) return { lines: [], seen };
  const line = isResting(transfer) ? `queued: ${whatAndWho(transfer)}` : beginning(transfer);
  return { lines: [line], seen: new Set([...others(), key]) };
}

/** What is known of it: that it is queued, or that it was begun. */
function keyOf(transfer: TransferView): string {
  return isResting(transfer) ? `${transfer.id} queued` : transfer.id;
}

/** Nothing of it is on its way. A queued one may be calling a device that is not there. */
function isResting({ state, queue }: TransferView): boolean {
  const calls = state === "preparing" || state === "connecting";
  return state === "queued" || state === "paused" || (queue !== null && calls);
}

function beginning(transfer: TransferView): string {
  const size = transfer.state === "preparing" ? "" : ` (${formatSize(transfer.bytes)})`; // not known before
  return `${transfer.direction === "out" ? "sending" : "receiving"} ${whatAndWho(transfer)}${size}${noted(transfer.note)}`;
}

function ending(transfer: TransferView): string[] | undefined {
  const { state, direction, items } = transfer;
  switch (state) {
    case "done":
      if (direction === "out")
        return [`sent ${whatAndWho(transfer)} (${formatSize(transfer.bytes)})${noted(transfer.note)}`];
      return [
        `received ${whatAndWho(transfer)} (${formatSize(transfer.bytes)})${noted(transfer.note)}`,
        ...items.flatMap((item) => (item.path === null ? [] : [`  ${path(item.path)}`])),
      ];
    case "failed":
      return [`failed: ${whatAndWho(transfer)}: ${path(transfer.error?.message ?? "no reason given")}`];
    case "cancelled":
      return [`cancelled: ${whatAndWho(transfer)}`];
    case "queued":
    case "paused":
    case "preparing":
    case "connecting":
    case "asking":
    case "running":
    case "finishing":
    case "waiting":
      return undefined;
    default:
      return assertNever(state);
  }
}
