/**
 * The parts of a daemon and what each knows of the others. Nothing here begins
 * to run: daemon.ts brings the parts up and down.
 */

import { statfs } from "node:fs/promises";
import { RateLimit } from "../core/rate-limit.ts";
import type { Discovery, Probe } from "../discovery/types.ts";
import { type DeviceKey, loadDeviceKey } from "../identity/device-key.ts";
import { openPairingLock, type PairingLock } from "../identity/pairing-lock.ts";
import { openTrustStore, type TrustStore } from "../identity/trust-store.ts";
import { type BlockPool, createBlockPool } from "../transfer/block-memory.ts";
import { Flusher } from "../transfer/flush.ts";
import type { Link } from "../transfer/link.ts";
import { SmallFiles } from "../transfer/small-files.ts";
import { ALPN_TRANSFER, type MessageOf, RESUME } from "../transfer/wire.ts";
import type { DaemonDeps } from "./deps.ts";
import { sharesOf } from "./host/descriptors.ts";
import { runHook } from "./host/hook-process.ts";
import { inboxSpace } from "./host/inbox.ts";
import { showNotice } from "./host/notify.ts";
import type { Sandbox } from "./host/sandbox.ts";
import { LoopDelay } from "./host/usage.ts";
import { Admission } from "./incoming/admission.ts";
import { Arrivals } from "./incoming/arrivals.ts";
import { inherited } from "./incoming/hook-environment.ts";
import { Hooks } from "./incoming/hooks.ts";
import { Incoming } from "./incoming/incoming.ts";
import { Interrupted } from "./incoming/interrupted.ts";
import { LandedTransfers } from "./incoming/landed.ts";
import { Offers } from "./incoming/offers.ts";
import { Mirror, markOf } from "./mirror.ts";
import { Notices } from "./notices.ts";
import { follow } from "./outgoing/follow.ts";
import { Outbox } from "./outgoing/outbox.ts";
import { Outgoing } from "./outgoing/outgoing.ts";
import { QueueClock } from "./outgoing/queue-clock.ts";
import { Sessions } from "./outgoing/sessions.ts";
import { Spool } from "./outgoing/spool.ts";
import { SpoolRoom } from "./outgoing/spool-room.ts";
import { Pairing } from "./pairing/pairing.ts";
import { createProbe, Reach } from "./reach.ts";
import { Contacts } from "./record/contacts.ts";
import { Events } from "./record/events.ts";
import { History } from "./record/history.ts";
import { isAllThere } from "./record/history-lines.ts";
import { Refusals } from "./record/refusals.ts";
import { Suspicions } from "./record/suspicions.ts";
import { Tally } from "./record/tally.ts";
import type { TransferRecord } from "./record/transfer-record.ts";
import { Transfers } from "./record/transfers.ts";
import { historyView, peerView } from "./views.ts";

/** What is kept on disk between runs. */
export interface State {
  readonly key: DeviceKey;
  readonly trust: TrustStore;
  readonly pairingLock: PairingLock;
  readonly contacts: Contacts;
  readonly history: History;
  readonly outbox: Outbox;
  readonly spoolRoom: SpoolRoom;
  readonly queueClock: QueueClock;
}

/** What is known once the daemon is up. */
export interface Listening {
  port: number;
  /** Without symbolic links: a link that changes while the daemon runs leads nowhere else. */
  inbox: string;
  /** A disk was mounted right there. */
  inboxMounted: boolean;
  sandbox: Sandbox;
  /** Told of addresses at which paired devices were met. */
  welcome: (address: string) => void;
}

export interface Parts extends State {
  readonly listening: Listening;
  readonly discovery: Discovery;
  readonly probe: Probe;
  readonly reach: Reach;
  readonly events: Events;
  readonly transfers: Transfers;
  readonly offers: Offers;
  readonly admission: Admission;
  readonly landed: LandedTransfers;
  readonly arrivals: Arrivals;
  readonly interrupted: Interrupted;
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  readonly pairing: Pairing;
  readonly memory: BlockPool;
  readonly files: SmallFiles;
  readonly refusals: Refusals;
  readonly suspicions: Suspicions;
  readonly mirror: Mirror;
  readonly notices: Notices;
  readonly hooks: Hooks;
  readonly tally: Tally;
  readonly loopDelay: LoopDelay;
}

/** Throws E_STATE when something that is there cannot be relied on. */
export async function loadState({ host, clock, log, config }: DaemonDeps): Promise<State> {
  const directory = host.places.state;
  const key = await loadDeviceKey(directory, host.uid);
  const trust = await openTrustStore(directory, clock);
  const pairingLock = await openPairingLock(directory, clock);
  const contacts = await Contacts.open(`${directory}/contacts.json`, log);
  const history = await History.open(`${directory}/history.jsonl`);
  const limits = () => ({ space: config.get("queue.space"), reserve: config.get("limits.reserve") });
  const spoolRoom = new SpoolRoom(limits, () => statfs(directory));
  const outbox = new Outbox(`${directory}/outbox`, spoolRoom, log);
  const queueClock = new QueueClock(`${directory}/queue.json`, clock, log);
  return { key, trust, pairingLock, contacts, history, outbox, spoolRoom, queueClock };
}

export function assemble(deps: DaemonDeps, state: State): Parts {
  const { clock, log, config, host } = deps;
  const { key, trust, pairingLock, contacts, history, outbox, spoolRoom, queueClock } = state;
  const mirror = new Mirror(clock);
  const onSelf = (link: Link) => mirror.dialled(markOf(link));
  const dialing = { credentials: key, aes: host.aes, clock, ownAddresses: deps.ownAddresses, onSelf };
  const listening: Listening = {
    port: 0,
    inbox: config.get("inbox"),
    inboxMounted: false,
    sandbox: "none",
    welcome: () => {},
  };
  const refusals = new Refusals(clock, log);
  const refused = (reason: string) => refusals.add(reason);

  const suspicions = new Suspicions(clock, log, host.places.state);
  const isPaired = (id: DeviceKey["id"]) => trust.get(id) !== undefined;
  const probe = createProbe(dialing, mirror, suspicions);
  const discovery = deps.discovery({ clock, log, probe, isPaired });
  const welcome = (address: string) => listening.welcome(address);
  const paired = () => trust.list();
  const reach = new Reach({ context: dialing, clock, log, discovery, contacts, welcome, suspicions, paired });

  const tally = new Tally();
  const transfers = new Transfers(clock, (record) => {
    tally.changed(record);
    events.publish({ type: "transfer", transfer: record });
  });
  const notices = new Notices(clock, (notice) => {
    if (config.get("notify")) showNotice(host, log, notice);
  });
  const offers = new Offers(clock, (change, offer) => {
    events.publish({ type: "offer", change, offer });
    if (change === "new") notices.offered(offer);
    else notices.settled(offer);
  });
  const events = new Events(() => ({
    type: "snapshot",
    peers: discovery.peers().map((peer) => peerView(peer, paired())),
    transfers: transfers.list(false),
    offers: offers.list(),
  }));

  const inbox = () => listening.inbox;
  const hooks = new Hooks({
    log,
    command: () => config.get("hooks.received"),
    timeoutMs: () => config.get("hooks.timeout"),
    inbox,
    environment: inherited(host.env, host.home, host.places.socket),
    run: (run, stop) => runHook(run, clock, stop),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    async changed(transfer, hook) {
      try {
        await history.hookChanged(transfer, hook);
      } catch (error) {
        log.error({ err: error, transfer: transfer.id }, "what became of a hook was not written");
      }
      tally.hookChanged(hook);
      events.publish({ type: "hook", transfer: transfer.id, peer: transfer.peer, hook });
    },
  });
  const space = () => inboxSpace(listening.inbox, listening.inboxMounted);
  const parallel = () => Math.min(config.get("limits.parallel"), sharesOf(host.descriptors).transfers);
  const admission = new Admission(space, () => ({
    reserve: config.get("limits.reserve"),
    transfer: config.get("limits.transfer"),
    entries: config.get("limits.entries"),
    parallel: parallel(),
  }));
  const hello = (): MessageOf<"hello"> => ({
    t: "hello",
    v: 1,
    name: config.get("name"),
    features: [RESUME],
    port: listening.port,
  });
  const met = (link: Link, theirs: MessageOf<"hello">) => {
    if (isPaired(link.peer)) reach.met(link, theirs); // of others nothing is remembered
  };
  const ended = async (record: TransferRecord): Promise<void> => {
    const { direction, state } = record.view;
    const hasArrived = direction === "in" && state === "done" && !isAllThere(record.view);
    if (hasArrived) notices.arrived(record.view);
    const line = historyView(record.view, record.elapsed, hasArrived ? hooks.planned() : null);
    tally.ended(direction, line.result);
    try {
      await history.append(line);
    } catch (error) {
      log.error({ err: error, transfer: record.view.id }, "history line not written");
    }
    hooks.add(line);
  };

  const memory = createBlockPool();
  const sending = new RateLimit(clock, () => config.get("limits.rate.send"));
  const receiving = new RateLimit(clock, () => config.get("limits.rate.receive"));
  const files = new SmallFiles();
  const flusher = new Flusher(clock);
  const landed = new LandedTransfers(clock);
  const arrivals = new Arrivals(`${host.places.state}/arrived`, log);
  const interrupted = new Interrupted({ self: key.id, clock, log, inbox, ended });
  const incoming = new Incoming({
    self: key.id,
    clock,
    log,
    umask: host.umask,
    memory,
    flusher,
    files,
    rate: receiving,
    transfers,
    offers,
    admission,
    interrupted,
    landed,
    arrivals,
    inbox,
    parallel,
    trust: { paired, unpaired: () => config.get("unpaired") },
    hello,
    met,
    refused,
    ended,
  });
  const outgoing = new Outgoing({
    clock,
    log,
    random: deps.random,
    outbox,
    transfers,
    files,
    rate: sending,
    recipient: (id) => {
      const device = trust.get(id);
      return device && { id: device.id, name: device.name };
    },
    ttl: () => config.get("queue.ttl"),
    spool: new Spool({ outbox, room: spoolRoom, files, flusher }),
    queueTime: () => queueClock.now(),
    sessions: new Sessions({
      clock,
      reach: (to, signal) => reach.link(to, ALPN_TRANSFER, signal),
      hello,
      follow: (link) => follow(link, { clock, probe, discovery }),
      met,
    }),
    isPresent: (id) => discovery.peers().some((peer) => peer.id === id && peer.state === "present"),
    ended,
  });
  const pairing = new Pairing({
    self: key.id,
    clock,
    log,
    random: deps.random,
    trust,
    lock: pairingLock,
    reach,
    refused,
    obstacle: () => suspicions.doubleError,
    introduction: () => ({ name: config.get("name"), port: listening.port }),
  });
  return {
    ...state,
    listening,
    discovery,
    probe,
    reach,
    events,
    transfers,
    offers,
    admission,
    landed,
    arrivals,
    interrupted,
    incoming,
    outgoing,
    pairing,
    memory,
    files,
    refusals,
    suspicions,
    mirror,
    notices,
    hooks,
    tally,
    loopDelay: new LoopDelay(clock),
  };
}
