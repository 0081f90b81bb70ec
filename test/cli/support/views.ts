/** Views as the daemon shows them, with what matters to a test put in. */

import type {
  DeviceView,
  HistoryView,
  HookView,
  InboxView,
  OfferView,
  PartyView,
  PeerView,
  QueueView,
  SettingView,
  StatusView,
  TransferView,
} from "../../../src/control/schema.ts";

const MIDDAY = "2026-05-01T12:00:00.000Z";
const ID = "aliceaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaq";

/** Clears the screen, writes the clipboard, forges a line, reverses the reading direction, in C0, C1 and Unicode. */
export const HOSTILE =
  "a\x1b[2J\x1b]52;c;ZXZpbA==\x07\nlanxferctl: error: forged\r\x9b31m\u202egpj.exe\u2066\u2028\ufeff\x7f";

export function peer(change: Partial<PeerView> = {}): PeerView {
  return {
    id: ID,
    short: ID.slice(0, 8),
    name: "alice",
    petname: null,
    paired: false,
    namesake: null,
    state: "present",
    endpoints: [{ address: "192.0.2.7", port: 25_726, interface: "eth0", source: "mdns" }],
    seenAt: MIDDAY,
    ...change,
  };
}

export function transfer(change: Partial<TransferView> = {}): TransferView {
  return {
    id: "tttttttttttttttt",
    direction: "out",
    peer: { id: ID, name: "alice" },
    state: "running",
    items: [item("report.pdf")],
    count: 1,
    entries: 1,
    bytes: 3_100_000_000,
    moved: 0,
    resumed: 0,
    already: { entries: 0, bytes: 0 },
    waitingFor: null,
    queue: null,
    renamed: [],
    skipped: [],
    skippedCount: 0,
    excluded: 0,
    note: null,
    sourceChanged: false,
    startedAt: MIDDAY,
    endedAt: null,
    error: null,
    canRetry: false,
    ...change,
  };
}

export function queue(change: Partial<QueueView> = {}): QueueView {
  return { why: "away", expiresAt: "2026-05-08T12:00:00.000Z", copied: false, ...change };
}

export function item(name: string, as: string | null = null): TransferView["items"][number] {
  return { name, type: "file", as, path: null, root: null, there: false };
}

/** The same transfer when it is done. */
export function done(running: TransferView, change: Partial<TransferView> = {}): TransferView {
  return {
    ...running,
    state: "done",
    moved: running.bytes,
    items: running.items.map((one) => ({ ...one, as: one.as ?? one.name })),
    endedAt: MIDDAY,
    ...change,
  };
}

/** The same transfer when it went wrong. */
export function failed(running: TransferView, error: NonNullable<TransferView["error"]>): TransferView {
  return { ...running, state: error.code === "E_CANCELLED" ? "cancelled" : "failed", endedAt: MIDDAY, error };
}

export function offer(change: Partial<OfferView> = {}): OfferView {
  return {
    id: "oooooooooooooooo",
    from: { id: ID, name: "bob" },
    items: [
      { name: "photos", type: "folder" },
      { name: "read me.txt", type: "file" },
    ],
    entries: 412,
    bytes: 1_500_000_000,
    note: null,
    since: MIDDAY,
    ...change,
  };
}

/** A device that is not paired. */
export function stranger(claims: string, namesake: string | null = null): PartyView {
  const short = ID.slice(0, 8);
  return { id: ID, name: `unpaired ${short} "${claims}"`, unpaired: { short, claims, namesake } };
}

export function device(change: Partial<DeviceView> = {}): DeviceView {
  return { id: ID, short: ID.slice(0, 8), name: "alice", policy: "auto", pairedAt: MIDDAY, ...change };
}

export function history(change: Partial<HistoryView> = {}): HistoryView {
  const { id, peer: who, items, count, entries, bytes } = done(transfer());
  return {
    v: 1,
    at: MIDDAY,
    id,
    direction: "out",
    peer: who,
    result: "done",
    items,
    count,
    entries,
    bytes,
    already: { entries: 0, bytes: 0 },
    ms: 12_000,
    error: null,
    note: null,
    sourceChanged: false,
    hook: null,
    ...change,
  };
}

/** What the daemon answers who asks for the history. */
export function page(history: HistoryView[]): { history: HistoryView[]; damaged: number } {
  return { history, damaged: 0 };
}

export function hook(change: Partial<HookView> = {}): HookView {
  return { state: "done", attempts: 1, exit: 0, signal: null, ms: 200, problem: null, stderr: "", ...change };
}

export function inbox(change: Partial<InboxView> = {}): InboxView {
  return {
    path: "/home/me/LanInbox/report.pdf",
    name: "report.pdf",
    type: "file",
    bytes: 3_100_000_000,
    from: { id: ID, name: "alice" },
    at: MIDDAY,
    transfer: "tttttttttttttttt",
    item: 0,
    ...change,
  };
}

export function status(change: Partial<StatusView> = {}): StatusView {
  return {
    version: "0.1.0",
    node: "v20.20.2",
    pid: 4711,
    startedAt: MIDDAY,
    id: ID,
    short: ID.slice(0, 8),
    formatted: IDENTITY.formatted,
    name: "desk",
    port: 25_726,
    inbox: { path: "/home/me/LanInbox", free: 51_000_000_000, problem: null },
    paths: { config: "/home/me/.config/lanxfer", state: "/home/me/.local/state/lanxfer", socket: "/run/user/1000/x" },
    sandbox: "full",
    interfaces: [
      { name: "eth0", address: "192.0.2.1", used: true, reason: null },
      { name: "docker0", address: "172.17.0.1", used: false, reason: "looks virtual" },
    ],
    peers: 2,
    devices: 1,
    running: 0,
    queued: 0,
    outbox: { strangers: [], strangerCount: 0 },
    offers: 0,
    pairing: "closed",
    refused: { certificate: 3 },
    history: { bytes: 1_234_567, damaged: 0 },
    namesakes: 0,
    double: null,
    otherKeys: 0,
    ...change,
  };
}

export function setting(change: Partial<SettingView> = {}): SettingView {
  return {
    name: "name",
    value: "desk",
    source: "default",
    description: "how this device is called",
    choices: null,
    ...change,
  };
}

export const IDENTITY = { id: ID, short: ID.slice(0, 8), formatted: ID.replace(/(.{4})(?=.)/g, "$1-"), name: "desk" };
