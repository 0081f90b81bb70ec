/** `peers`: who is on the network, once or continuously. */

import type { ControlClient } from "../../control/client.ts";
import type { PeersLine } from "../../control/lines.ts";
import type { ControlEvent, PeerView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { safe } from "../../core/text.ts";
import { eventsOf } from "../follow.ts";
import { peerLines } from "../render/happenings.ts";
import { table } from "../render/table.ts";
import { clip, measureFor } from "../render/width.ts";
import { address, trust } from "../render/words.ts";
import type { Ui } from "../ui.ts";

const NOBODY = [
  "nobody is here: check that lanxferd runs on the other devices and that they are on this network,",
  'or add one by its address: "lanxferctl peers add NAME HOST"',
];

interface Args {
  readonly watch: boolean;
  readonly json: boolean;
}

export async function peers(client: ControlClient, args: Args, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  if (args.watch) return await watchPeers(client, ui, AbortSignal.any([signal, ui.readerGone]));
  const { peers } = await client.call("get", "/v1/peers", {}, signal);
  for (const peer of peers) ui.object(peer);
  if (peers.length > 0) ui.print(...(await peerTable(peers)));
  else if (!ui.json) ui.notice(...NOBODY);
  return 0;
}

async function peerTable(peers: readonly PeerView[]): Promise<string[]> {
  const rows = sorted(peers).map((peer) => [
    safe(peer.name),
    safe(peer.short),
    peer.state === "suspect" ? `${trust(peer)}, silent` : trust(peer),
    address(peer.endpoints[0]),
  ]);
  return await table(["NAME", "ID", "STATE", "ADDRESS"], rows);
}

/** By name, whatever its case; code points, so that every machine sorts alike. */
function sorted(peers: readonly PeerView[]): PeerView[] {
  const key = (peer: PeerView) => `${peer.name.toLowerCase()}\0${peer.id}`;
  return peers.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

async function watchPeers(client: ControlClient, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  let here = new Map<string, PeerView>();
  for await (const event of eventsOf(client, signal)) {
    if (event.type !== "snapshot" && event.type !== "peer") continue;
    const snapshot = ({ type, seq, peers }: Extract<ControlEvent, { type: "snapshot" }>): PeersLine => ({
      type,
      seq,
      peers,
    });
    ui.object(event.type === "snapshot" ? snapshot(event) : event);
    here = after(here, event);
    if (ui.screen === undefined) ui.print(...peerLines(event));
    else await draw([...here.values()], ui);
  }
  return 0;
}

function after(
  here: ReadonlyMap<string, PeerView>,
  event: Extract<ControlEvent, { type: "snapshot" | "peer" }>,
): Map<string, PeerView> {
  if (event.type === "snapshot") return new Map(event.peers.map((peer) => [peer.id, peer]));
  const next = new Map(here);
  if (event.change === "down") next.delete(event.peer.id);
  else next.set(event.peer.id, event.peer);
  return next;
}

async function draw(peers: readonly PeerView[], ui: Ui): Promise<void> {
  const { columns, rows } = ui.screen ?? { columns: 0, rows: 0 };
  const lines = peers.length > 0 ? await peerTable(peers) : NOBODY;
  const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), `and ${lines.length - (rows - 2)} more`];
  const measure = await measureFor(shown);
  ui.redraw(shown.map((line) => clip(line, columns - 1, measure)));
}
