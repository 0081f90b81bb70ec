/** What of the daemon's can stand at the cursor: names of devices, ids of transfers and offers, settings. */

import type { ControlClient } from "../control/client.ts";
import type { TransferView } from "../control/schema.ts";
import { assertNever } from "../core/assert.ts";
import type { AskedKind } from "./grammar.ts";
import { offered, whatAndWho } from "./render/words.ts";

/** A word that a shell can take as it is, and what it means. */
export interface Candidate {
  readonly word: string;
  /** Safe to print. */
  readonly about?: string;
}

/** Everything of that kind; `setting` is the one whose value is wanted. Throws what asking the daemon throws. */
export async function candidates(
  client: ControlClient,
  kind: AskedKind,
  setting: string,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  switch (kind) {
    case "peer":
    case "peers":
      return await paired(client, signal);
    case "device":
      return await devices(client, signal);
    case "cancellable":
      return ids(await transfers(client, true, signal), (each) => each.endedAt === null || each.canRetry);
    case "retryable":
      return ids(
        await transfers(client, true, signal),
        (each) => isOut(each) && each.endedAt !== null && each.canRetry,
      );
    case "pausable":
      return targets(await transfers(client, false, signal), isPausable);
    case "paused":
      return targets(await transfers(client, false, signal), ({ state }) => state === "paused");
    case "offer": {
      const { offers } = await client.call("get", "/v1/offers", {}, signal);
      return offers.map((offer) => ({ word: offer.id, about: offered(offer) })).filter(isTypeable);
    }
    case "setting":
    case "value":
      return await settings(client, kind === "value" ? setting : undefined, signal);
    default:
      return assertNever(kind);
  }
}

/** The snapshot of the events is there at once; /v1/peers asks the network first. */
async function paired(client: ControlClient, signal: AbortSignal): Promise<Candidate[]> {
  for await (const event of client.events(signal)) {
    if (event.type !== "snapshot") continue;
    const known = event.peers.filter((peer) => peer.paired);
    return known.map(({ petname, name, short }) => ({ word: typeable(petname ?? name, short) }));
  }
  return [];
}

async function devices(client: ControlClient, signal: AbortSignal): Promise<Candidate[]> {
  const known = await client.call("get", "/v1/devices", {}, signal);
  return known.devices.map(({ name, short }) => ({ word: typeable(name, short) }));
}

async function transfers(client: ControlClient, ended: boolean, signal: AbortSignal): Promise<TransferView[]> {
  const query = ended ? { all: "true" as const } : {};
  return (await client.call("get", "/v1/transfers", { query }, signal)).transfers;
}

async function settings(client: ControlClient, of: string | undefined, signal: AbortSignal): Promise<Candidate[]> {
  const all = (await client.call("get", "/v1/settings", {}, signal)).settings;
  if (of === undefined) return all.map(({ name, description }) => ({ word: name, about: description }));
  const choices = all.find(({ name }) => name === of)?.choices ?? [];
  return choices.map((word) => ({ word }));
}

/** The ids, and the devices that these are for: `pause nas` is for all that goes there. */
function targets(all: readonly TransferView[], suits: (transfer: TransferView) => boolean): Candidate[] {
  const suitable = all.filter((transfer) => isOut(transfer) && suits(transfer));
  const names = [...new Set(suitable.map(({ peer }) => peer.name))].map((word) => ({ word })).filter(isTypeable);
  return [...ids(suitable, () => true), ...names];
}

function ids(all: readonly TransferView[], suits: (transfer: TransferView) => boolean): Candidate[] {
  return all
    .filter(suits)
    .map((transfer) => ({ word: transfer.id, about: `${transfer.state}: ${whatAndWho(transfer)}` }))
    .filter(isTypeable);
}

function isOut({ direction }: TransferView): boolean {
  return direction === "out";
}

/** Only what would go on after an interruption can be paused: not what is still calling its device. */
function isPausable({ state, queue }: TransferView): boolean {
  return state !== "paused" && (queue !== null || ["running", "finishing", "waiting"].includes(state));
}

/**
 * A name that means something to a shell is replaced by the short id: completed
 * onto the command line, `$(reboot)` would be run.
 */
function typeable(name: string, short: string): string {
  return isTypeable({ word: name }) ? name : short;
}

function isTypeable({ word }: Candidate): boolean {
  return /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u.test(word);
}
