/**
 * A daemon: brings its parts up in an order in which each finds what it needs,
 * and takes them down in the reverse one.
 */

import { dirname, join } from "node:path";
import { createControlApi } from "../control/api.ts";
import type { HistoryView } from "../control/schema.ts";
import { LanxferError, toLanxferError } from "../core/errors.ts";
import { shortId } from "../core/ids.ts";
import { VERSION } from "../core/version.ts";
import type { PeerEvent } from "../discovery/types.ts";
import { readsLike } from "../identity/petname.ts";
import type { TrustEvent } from "../identity/trust-store.ts";
import type { Link } from "../transfer/link.ts";
import { listen } from "../transfer/listen.ts";
import { findKept } from "../transfer/staging.ts";
import { ALPN_PAIR } from "../transfer/wire.ts";
import { createHandlers } from "./control-handlers.ts";
import { serveControl } from "./control-server.ts";
import type { DaemonDeps } from "./deps.ts";
import { sharesOf } from "./host/descriptors.ts";
import { isMountPoint, prepareInbox } from "./host/inbox.ts";
import { probeSandbox, type Sandbox } from "./host/sandbox.ts";
import { ownerOf } from "./host/socket-owner.ts";
import { listenerOf } from "./http.ts";
import { markOf } from "./mirror.ts";
import { namesakeOf } from "./namesakes.ts";
import { Page } from "./page/page.ts";
import { assemble, loadState, type Parts } from "./parts.ts";
import type { History } from "./record/history.ts";
import { hasArrived, isAllThere } from "./record/history-lines.ts";
import { peerView } from "./views.ts";

/** How long running transfers may go on after a stop was asked for (milliseconds). */
const DRAIN_MS = 5_000;
/** Lines of the history that are read at the start: about 200 ms of work. */
const LOOKBACK = 10_000;

export interface Daemon {
  readonly port: number;
  /** Ends everything in order; running transfers get up to 5 s. All steps run, then it rejects if one failed. Idempotent. */
  close(): Promise<void>;
}

type Step = () => Promise<void> | void;

/** Resolves when the daemon is ready. Rejects, with everything taken down again, when it cannot be. */
export async function createDaemon(deps: DaemonDeps): Promise<Daemon> {
  const down: Step[] = [];
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= runAll(down.reverse());
    return closing;
  };
  try {
    return { port: await bringUp(deps, down), close };
  } catch (error) {
    await close().catch((failure) => deps.log.error({ err: failure }, "clean-up after a failed start"));
    throw error;
  }
}

async function bringUp(deps: DaemonDeps, down: Step[]): Promise<number> {
  const { clock, log, config, host } = deps;
  const state = await loadState(deps);
  down.push(() => state.history.close());
  const parts = assemble(deps, state);

  // The control socket first: it is the claim to be the only daemon of this user.
  const page = new Page({
    clock,
    log,
    random: deps.random,
    directory: deps.pageFiles,
    stateFile: join(host.places.state, "page.json"),
    api: listenerOf({ fetch: (request) => api.fetch(request) }),
    isForeign: async ({ socket }) => ![undefined, host.uid].includes(await ownerOf(socket)),
  });
  const handlers = createHandlers(deps, parts, page);
  const onInternalError = (error: unknown) => log.error({ err: error }, "control request failed");
  let open = () => {};
  const ready = new Promise<void>((resolve) => {
    open = resolve;
  });
  const api = createControlApi(handlers, { version: VERSION, ready, onInternalError });
  const shares = sharesOf(host.descriptors);
  const control = await serveControl(
    {
      path: host.places.socket,
      uid: host.uid,
      connections: shares.control,
      onError: (error) => log.warn({ err: error }, "control connection not accepted"),
    },
    api,
  );
  down.push(() => control.close());
  down.push(() => parts.loopDelay.close());

  for (const name of config.unknown()) log.warn({ setting: name }, "unknown setting ignored");
  parts.listening.inbox = await prepareInbox(config.get("inbox"), config.source("inbox") === "default");
  parts.listening.inboxMounted = await isMountPoint(parts.listening.inbox);
  parts.listening.sandbox = await confinement(deps, parts);
  await state.outbox.load();
  await state.queueClock.load(state.outbox.latest);
  down.push(state.queueClock.keep());
  const arrived = await recall(state.history);
  parts.landed.load(arrived);
  await parts.arrivals.load(arrived);
  await parts.incoming.restore(await findKept(parts.listening.inbox, state.key.id));
  down.push(parts.interrupted.watch());

  const wanted = config.get("port");
  const listener = await listen({
    port: wanted,
    credentials: state.key,
    aes: host.aes,
    clock,
    allocate: parts.memory.allocate,
    ownAddresses: deps.ownAddresses,
    places: shares.strangers,
    onLink: (link, keep) => route(parts, link, keep),
    onRefused: (reason, address) => {
      parts.refusals.add(reason);
      log.debug({ reason, address }, "connection refused");
    },
  });
  down.push(() => parts.refusals.close());
  down.push(() => parts.notices.close());
  down.push(() => listener.close());
  parts.listening.port = listener.port;
  parts.listening.welcome = listener.welcome;
  if (listener.port !== wanted) log.warn({ wanted, port: listener.port }, "port taken, using another one");

  down.push(() => drain(deps, parts));
  down.push(watch(deps, parts));
  down.push(() => parts.discovery.close());
  await parts.discovery.start({ id: state.key.id, name: config.get("name"), port: listener.port });
  parts.reach.remind();
  await parts.outgoing.restore();
  open();
  down.push(() => page.close());
  await page.restore();
  parts.hooks.restore(arrived);
  down.push(() => listener.stop());

  const { id } = state.key;
  log.info(
    { id, name: config.get("name"), port: listener.port, inbox: parts.listening.inbox, version: VERSION },
    "ready",
  );
  return listener.port;
}

/** What arrived in earlier runs, as far as it matters to this one, the newest first. */
async function recall(history: History): Promise<readonly HistoryView[]> {
  const arrived: HistoryView[] = [];
  let [looked, there] = [0, 0];
  for await (const line of history.newestFirst()) {
    // Of what a script sends again and again only the beginning counts: it must not hide what came before.
    const again = hasArrived(line) && isAllThere(line);
    if (hasArrived(line) && (!again || there++ < LOOKBACK)) arrived.push(line);
    if (!again && ++looked === LOOKBACK) break;
  }
  return arrived;
}

/** What confines this process; as a service it is expected to be confined. */
async function confinement({ config, host, log }: DaemonDeps, { listening }: Parts): Promise<Sandbox> {
  const ours = [listening.inbox, dirname(config.path), host.places.state, dirname(host.places.socket)];
  const sandbox = await probeSandbox(host.home, ours);
  const isService = host.env["NOTIFY_SOCKET"] !== undefined;
  if (isService && sandbox !== "full") log.warn({ sandbox }, "this system lets the service do more than it needs");
  return sandbox;
}

/** Returns whether we know whose link it is. */
function route(parts: Parts, link: Link, keep: () => void): boolean {
  const isSelf = link.peer === parts.key.id;
  if (isSelf) meetSelf(parts, link);
  if (link.alpn === ALPN_PAIR) parts.pairing.serve(link, keep);
  else if (isSelf) void link.refuse(new LanxferError("E_NOT_PAIRED"));
  else parts.incoming.serve(link, keep);
  const device = parts.trust.get(link.peer);
  if (device === undefined || device.policy === "block") return false;
  parts.reach.visited(link);
  return true;
}

/** Our own key: we have called ourselves, or another machine has a copy of it. */
function meetSelf({ mirror, suspicions }: Parts, link: Link): void {
  if (!mirror.accepted(markOf(link))) suspicions.double(link.remoteAddress);
}

/** Passes on what discovery and trust have to tell. Returns how to stop that. */
function watch({ log }: DaemonDeps, parts: Parts): Step {
  const { discovery, trust, events, incoming, outgoing, reach, suspicions } = parts;
  const onPeer = ({ change, peer }: PeerEvent) => {
    log.debug({ peer: shortId(peer.id), change }, "peer");
    events.publish({ type: "peer", change, peer: peerView(peer, trust.list()) });
    const namesake = change === "down" ? undefined : namesakeOf(peer, trust.list());
    if (namesake !== undefined) suspicions.otherName(namesake.id, peer.id, peer.endpoints[0]?.address);
    outgoing.noticed(peer.id, change !== "down" && peer.state === "present");
  };
  const onTrust = ({ change, device }: TrustEvent) => {
    log.info({ device: device.id, change, policy: device.policy }, "paired devices changed");
    // Itself, and strangers that have its name.
    for (const peer of discovery.peers()) {
      if (peer.id !== device.id && !readsLike(peer.name, device.name)) continue;
      events.publish({ type: "peer", change: "changed", peer: peerView(peer, trust.list()) });
    }
    if (change !== "unpaired") outgoing.renamed(device.id, device.name);
    // Trust that is taken back ends at once what it had allowed.
    if (change !== "unpaired" && device.policy !== "block") return;
    const reason = new LanxferError("E_NOT_PAIRED", { peer: device.name });
    const over = [incoming.letGo(reason, (id) => id === device.id)];
    if (change === "unpaired") over.push(outgoing.cancelAll(reason, device.id), reach.forget(device.id));
    Promise.all(over).catch((error) => log.error({ err: error }, "device not fully let go"));
  };
  const unsubscribe = [discovery.subscribe(onPeer), trust.subscribe(onTrust)];
  return () => {
    for (const stop of unsubscribe) stop();
  };
}

/** Lets running transfers finish for a while, then ends them with a reason for the other side. */
async function drain({ clock, log }: DaemonDeps, parts: Parts): Promise<void> {
  const { incoming, outgoing, pairing, transfers, hooks } = parts;
  const hooksEnd = hooks.close();
  const reason = new LanxferError("E_STOPPING", { peer: "this device" });
  const idle = Promise.all([incoming.idle(), outgoing.finish(reason)]);
  const running = transfers.running().length;
  if (running > 0) {
    log.info({ running }, "waiting for running transfers");
    const waited = new AbortController();
    const over = idle.finally(() => waited.abort());
    await Promise.race([over, clock.sleep(DRAIN_MS, waited.signal).catch(() => {})]);
  }
  await Promise.all([incoming.cancelAll(reason), outgoing.cancelAll(reason), pairing.close(), hooksEnd]);
}

/** Runs every step, also after one has failed; then throws the first failure. */
async function runAll(steps: readonly Step[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw toLanxferError(failures[0]);
}
