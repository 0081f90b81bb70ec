/** What each route of the control API does: looks up, calls the part that knows, shows the result. */

import type { ControlHandlers } from "../control/api.ts";
import type { SendRequest } from "../control/requests.ts";
import type { HistoryView, SettingView, StatusView, TransferView } from "../control/schema.ts";
import { LanxferError, toLanxferError, toView } from "../core/errors.ts";
import { formatDeviceId, shortId } from "../core/ids.ts";
import { VERSION } from "../core/version.ts";
import { type Resolved, resolve, tellsKey } from "../discovery/resolve.ts";
import type { Peer } from "../discovery/types.ts";
import { readsLike } from "../identity/petname.ts";
import type { Device } from "../identity/trust-file.ts";
import { acceptOffer } from "./accepting.ts";
import type { DaemonDeps } from "./deps.ts";
import { allChecks, type DoctorFacts } from "./doctor/checks.ts";
import { examine } from "./doctor/doctor.ts";
import { inboxSpace } from "./host/inbox.ts";
import { choicesOf, SETTINGS, type SettingName } from "./host/settings.ts";
import { namesakeOf } from "./namesakes.ts";
import type { Recipient } from "./outgoing/attempt.ts";
import { preview } from "./outgoing/preview.ts";
import type { Page } from "./page/page.ts";
import type { Listening, Parts } from "./parts.ts";
import { arrived } from "./record/arrived.ts";
import { Metrics } from "./record/metrics.ts";
import { receivedFile } from "./record/received.ts";
import type { Suspicions } from "./record/suspicions.ts";
import { standingOf } from "./standing.ts";
import { deviceView, peerView, stranger } from "./views.ts";

/** Lines that `history` shows when it is not told how many. */
const DEFAULT_HISTORY = 100;
/** Devices to which one command sends: each takes some megabytes of memory while it runs. */
const MOST_RECIPIENTS = 32;

type Addressee = Pick<SendRequest, "peer" | "unpaired">;

export function createHandlers(deps: DaemonDeps, parts: Parts, page: Pick<Page, "open">): ControlHandlers {
  const { clock, config, host, log } = deps;
  const { key, trust, discovery, transfers, offers, incoming, outgoing, pairing, reach, events, history } = parts;
  const { listening, suspicions } = parts;
  const started = clock.now();
  const startedAt = new Date(started).toISOString();
  const metrics = new Metrics(parts.tally, () => standingOf(deps, parts, started));

  const identity = () => ({
    id: key.id,
    short: shortId(key.id),
    formatted: formatDeviceId(key.id),
    name: config.get("name"),
  });
  const device = (target: string): Device => {
    const peersDoNotCount: readonly Peer[] = [];
    const paired = trust.list();
    const unknown = new LanxferError("E_NO_DEVICE", { name: target });
    try {
      const found = trust.get(resolve(target, paired, peersDoNotCount).id);
      if (found !== undefined) return found;
    } catch (error) {
      if (toLanxferError(error).code !== "E_NO_PEER") throw error;
    }
    throw unknown;
  };
  const findPeer = async (target: string): Promise<Resolved> => {
    try {
      return resolve(target, trust.list(), discovery.peers());
    } catch (error) {
      if (toLanxferError(error).code !== "E_NO_PEER") throw error;
      await discovery.refresh(); // it may have come this moment
    }
    try {
      return resolve(target, trust.list(), discovery.peers());
    } catch (error) {
      const isDouble = discovery.doubles().some((name) => readsLike(name, target));
      throw (isDouble ? suspicions.doubleError : undefined) ?? error;
    }
  };
  /** A name of a place that the user gave us is a name of the paired device that was last met there, too. */
  const recipientOf = async ({ peer, unpaired }: Addressee): Promise<Recipient> => {
    const target: Resolved = await findPeer(peer).catch((error) => {
      const id = toLanxferError(error).code === "E_NO_PEER" ? parts.contacts.deviceAt(peer) : undefined;
      if (id === undefined) throw error;
      return { id, name: peer };
    });
    const device = trust.get(target.id);
    if (device !== undefined) return { id: device.id, name: device.name };
    if (unpaired !== true) throw new LanxferError("E_NOT_PAIRED", { peer: target.name });
    // From here on its key decides. Whose that is was announced, or the user says it: an address alone is not enough.
    const announced = target.peer?.endpoints.some(({ source }) => source === "mdns") === true;
    if (!announced && !tellsKey(peer, target.id)) {
      const text = `${target.name} is known by its address only: give the id that "lanxferctl peers" shows`;
      throw new LanxferError("E_USAGE", { text });
    }
    return stranger(target.id, target.name, trust.list());
  };
  /** Does it to the transfer that `target` names, or to all that are to go to the device that is called so. */
  const eachOf = async (target: string, change: (id: string) => Promise<TransferView>): Promise<TransferView[]> => {
    const named = trust.list().find(({ name }) => name === target);
    if (named === undefined) return [await change(target)];
    const changed: TransferView[] = [];
    for (const delivery of outgoing.to(named.id)) if (delivery.isKept) changed.push(await change(delivery.id));
    return changed;
  };
  /** Our names for devices have no commas (identity/petname.ts). Each device is there once. */
  const recipientsOf = async ({ peer: peers, unpaired }: Addressee): Promise<Recipient[]> => {
    const names = peers.split(",").map((name) => name.trim());
    if (names.includes("")) throw new LanxferError("E_USAGE", { text: `a name is missing in "${peers}"` });
    if (names.length > MOST_RECIPIENTS) {
      throw new LanxferError("E_USAGE", { text: `more than ${MOST_RECIPIENTS} devices at once` });
    }
    const all = await Promise.all(names.map((peer) => recipientOf({ peer, unpaired })));
    return [...new Map(all.map((recipient) => [recipient.id, recipient])).values()];
  };
  const setting = (name: SettingName): SettingView => {
    const { description, live } = SETTINGS[name];
    const note = live ? description : `${description} (from the next start of lanxferd)`;
    return { name, value: config.get(name), source: config.source(name), description: note, choices: choicesOf(name) };
  };
  const changed = async (name: SettingName): Promise<SettingView> => {
    if (name === "log.level") log.setLevel(config.get(name));
    if (name === "name") discovery.rename(config.get(name));
    // What `ask` had allowed ends with it.
    if (name === "unpaired" && config.get(name) === "never") {
      await incoming.letGo(new LanxferError("E_NOT_PAIRED"), (id) => trust.get(id) === undefined);
    }
    return setting(name);
  };

  return {
    identity,
    async status(): Promise<StatusView> {
      return {
        version: VERSION,
        node: host.node,
        pid: host.pid,
        startedAt,
        ...identity(),
        port: listening.port,
        inbox: await inboxState(listening),
        paths: { config: config.path, state: host.places.state, socket: host.places.socket },
        sandbox: listening.sandbox,
        interfaces: discovery.interfaces().map(({ name, address, used, reason }) => ({ name, address, used, reason })),
        peers: discovery.peers().length,
        devices: trust.list().length,
        running: transfers.running().length,
        queued: transfers.queued,
        outbox: { strangers: [...parts.outbox.strangers.listed], strangerCount: parts.outbox.strangers.count },
        offers: offers.list().length,
        pairing: pairing.state,
        refused: { ...parts.refusals.counts },
        history: { bytes: history.bytes, damaged: history.damaged },
        namesakes: discovery.peers().filter((peer) => namesakeOf(peer, trust.list()) !== undefined).length,
        double: doubleView(suspicions),
        otherKeys: suspicions.otherKeys,
      };
    },
    doctor: () => examine(allChecks(doctorFacts(deps, parts)), clock),

    async peers() {
      // Somebody looks: what is stale is asked again, for the next look. The table
      // itself is seconds old at most, and a script should not wait for it.
      void discovery.refresh();
      return discovery.peers().map((peer) => peerView(peer, trust.list()));
    },
    addPeer: ({ name, host: address, port }) => reach.add(name, { host: address, port }),
    removePeer: (name) => reach.remove(name),

    async send(request, gone) {
      const recipient = await recipientOf(request);
      return request.queue === undefined
        ? outgoing.start(recipient, request)
        : outgoing.enqueue(recipient, request, gone);
    },
    async sendToAll(request, gone) {
      const recipients = await recipientsOf(request);
      const results = await outgoing.toAll(recipients, request, gone);
      return results.map((result, i) => {
        if (!(result instanceof LanxferError)) return { transfer: result, error: null };
        return { transfer: null, error: toView(result), peer: recipients[i] ?? { id: "", name: "" } };
      });
    },
    async preview(request, gone) {
      const [first, ...others] = await recipientsOf(request);
      if (first === undefined) throw new LanxferError("E_NO_PEER", { name: request.peer });
      const name = [first, ...others].map((each) => each.name).join(", ");
      return preview({ ...first, name }, request, parts.files, gone);
    },
    stream: async (request, content) => outgoing.stream(await recipientOf(request), request, content),
    bundle: async (request, content) => outgoing.bundle(await recipientOf(request), request, content),
    transfers: (all) => transfers.list(all),
    transfer: (id) => transfers.find(id).view,
    async cancel(id) {
      const record = transfers.find(id);
      const { state } = record.view;
      if (state === "done")
        throw new LanxferError("E_USAGE", { text: `${record.view.id} cannot be cancelled: it is done` });
      record.cancel(new LanxferError("E_CANCELLED"));
      await outgoing.forget(record);
      return record.view;
    },
    retry: (id) => outgoing.retry(id),
    pause: (target) => eachOf(target, (id) => outgoing.pause(id)),
    resume: (target) => eachOf(target, (id) => outgoing.resume(id)),

    offers: () => offers.list(),
    acceptOffer: (id, { pair = false }) => acceptOffer(id, pair, parts),
    declineOffer(id) {
      const offer = offers.find(id);
      offer.answer(new LanxferError("E_DECLINED"));
      return offer.view;
    },

    devices: () => trust.list().map(deviceView),
    device: (target) => deviceView(device(target)),
    async changeDevice(target, { name, policy }) {
      const { id } = device(target);
      if (name !== undefined) await trust.rename(id, name);
      if (policy !== undefined) await trust.setPolicy(id, policy);
      return deviceView(device(id));
    },
    async unpair(target) {
      const { id } = device(target);
      const givenUp = outgoing.to(id).length;
      return { ...deviceView(await trust.unpair(id)), givenUp };
    },
    invite: ({ ttl, address }) => pairing.invite(ttl, address),
    redeem: async ({ invite }) => deviceView(await pairing.redeem(invite)),
    async pair({ peer }, holder) {
      const target = peer === undefined ? undefined : await findPeer(peer);
      return pairing.open(target, holder);
    },
    typeCode: ({ code }) => ({ verdict: pairing.type(code) }),
    unlockPairing: () => pairing.unlock(),

    inbox({ from, limit }) {
      return arrived(history, { from: from === undefined ? undefined : device(from).id, limit });
    },
    history: ({ limit = DEFAULT_HISTORY, peer, since = 0 }) => {
      const isWanted = peer === undefined ? () => true : isOf(peer, trust.list());
      return history.read({ limit, filter: (line) => Date.parse(line.at) >= since && isWanted(line) });
    },

    received: (transfer, item) => receivedFile(history, transfer, item),

    settings: () => (Object.keys(SETTINGS) as SettingName[]).map(setting), // the record's own keys
    changeSetting: async (name, value) => changed(await config.set(name, value)),
    unsetSetting: async (name) => changed(await config.unset(name)),

    events: (signal) => events.watch(signal),
    openPage: () => page.open(),
    metrics: () => metrics.page(),
  };
}

function doubleView({ lastDouble }: Suspicions): StatusView["double"] {
  return lastDouble === undefined
    ? null
    : { address: lastDouble.address, seenAt: new Date(lastDouble.at).toISOString() };
}

async function inboxState({ inbox: path, inboxMounted }: Listening): Promise<StatusView["inbox"]> {
  try {
    const { bavail, bsize } = await inboxSpace(path, inboxMounted);
    return { path, free: bavail * bsize, problem: null };
  } catch (error) {
    const { message, details } = toLanxferError(error);
    return { path, free: null, problem: String(details["text"] ?? message) };
  }
}

/**
 * Whether a line of the history is about the device that is named: one that is
 * paired, by its name; else by the name that it had then, or the beginning of its id.
 */
function isOf(target: string, paired: readonly Device[]): (line: HistoryView) => boolean {
  const known = paired.find(({ name }) => name === target);
  if (known !== undefined) return ({ peer }) => peer.id === known.id;
  const id = target.toLowerCase().replace(/[\s-]/g, "");
  return ({ peer }) => peer.name === target || (id !== "" && peer.id.startsWith(id));
}

function doctorFacts(deps: DaemonDeps, parts: Parts): DoctorFacts {
  const { clock, random, host, config } = deps;
  const { discovery, trust, history, listening, probe } = parts;
  const { port, inbox, sandbox } = listening;
  const lastSeen = async (device: Device["id"]) => {
    const { history: lines } = await history.read({ limit: 1, filter: ({ peer }) => peer.id === device });
    return lines[0]?.at;
  };
  const peers = () => discovery.peers();
  const running = { clock, port, inbox, sandbox, peers, devices: () => trust.list(), lastSeen, probe };
  return { clock, random, host, config, interfaces: () => discovery.interfaces(), running };
}
