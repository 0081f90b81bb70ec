/**
 * The words of the control API: what lanxferd shows; what it is asked is
 * requests.ts. Both programs use these types; only the daemon runs the checks.
 *
 * Times are ISO 8601 strings in UTC, sizes are bytes, durations milliseconds.
 * Names and texts are as they came from the network: whoever prints them makes
 * them safe first (core/text.ts).
 */

import { z } from "zod";
import { ERRORS, type ErrorCode } from "../core/errors.ts";

/** Version of this API. A client of another version is told to restart the daemon. */
export const API_VERSION = 1;

/** Response header that carries the program version and API version: `0.1.0 api=1`. */
export const VERSION_HEADER = "lanxfer-version";

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

export const errorView = z.object({
  code: z.enum(codes),
  message: z.string(),
  exit: z.number().int(),
  retryable: z.boolean(),
  hint: z.string().optional(),
  /** What the message leaves out, or says in short: ids of devices in full. */
  details: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
});

export const policy = z.enum(["auto", "ask", "block"]);
export type Policy = z.infer<typeof policy>;

/** The other end of a transfer. */
export const partyView = z.object({
  id: z.string(),
  /** Our own name for it; where it is not paired, that it is not, and then what it calls itself. */
  name: z.string(),
  /** Only of a device that is not paired. */
  unpaired: z
    .object({
      short: z.string(),
      /** The name it goes by, which nobody has checked. */
      claims: z.string(),
      /** The paired device whose name that is; null when there is none. */
      namesake: z.string().nullable(),
    })
    .optional(),
});
export type PartyView = z.infer<typeof partyView>;

/** A device that was seen on the network, or that we were told where to find. */
export const peerView = z.object({
  id: z.string(),
  short: z.string(),
  /** The name it announces; grants nothing. */
  name: z.string(),
  /** Our own name for it; null when not paired. */
  petname: z.string().nullable(),
  paired: z.boolean(),
  /** Another device, which is paired, has the name that this one announces. */
  namesake: z.object({ id: z.string(), short: z.string(), name: z.string() }).nullable(),
  /** `suspect`: not heard of for some seconds, being checked. */
  state: z.enum(["present", "suspect"]),
  endpoints: z.array(
    z.object({
      address: z.string(),
      port: z.number().int(),
      interface: z.string().nullable(),
      source: z.enum(["mdns", "static", "known"]),
    }),
  ),
  seenAt: z.string(),
});
export type PeerView = z.infer<typeof peerView>;

/** A device that the local user paired. */
export const deviceView = z.object({
  id: z.string(),
  short: z.string(),
  name: z.string(),
  policy,
  pairedAt: z.string(),
});
export type DeviceView = z.infer<typeof deviceView>;

/** A device that is not paired any more, and how many transfers to it were given up. */
export const unpairedView = deviceView.extend({ givenUp: z.number().int() });
export type UnpairedView = z.infer<typeof unpairedView>;

export const transferState = z.enum([
  "queued", // waits for its turn and its device: see `queue`
  "paused", // until its user lets it go on
  "preparing", // reading the list of what is to be sent
  "connecting",
  "asking", // the receiver's user has not answered yet
  "running",
  "finishing", // all bytes are there; being flushed and published
  "waiting", // interrupted; goes on by itself
  "done",
  "failed",
  "cancelled",
]);
export type TransferState = z.infer<typeof transferState>;

/** What is special about a transfer that was queued. */
export const queueView = z.object({
  /**
   * Why a queued one is not being sent. `away`: its device is not here. `behind`: another one to that device goes
   * first. `again`: the device is here, but it did not work a moment ago. `turn`: others are served first.
   */
  why: z.enum(["away", "behind", "again", "turn"]).nullable(),
  /** When it is given up, if it has not begun by then; null when it has, while it is paused, and when it has ended. */
  expiresAt: z.string().nullable(),
  /** A copy of the source was made, which is what is sent. */
  copied: z.boolean(),
});
export type QueueView = z.infer<typeof queueView>;

/** A top-level file or folder of a transfer. */
export const itemView = z.object({
  name: z.string(),
  type: z.enum(["file", "folder"]),
  /** Name under which the receiver published it; null until then. */
  as: z.string().nullable(),
  /** Where it is on this machine; only for what was received here. */
  path: z.string().nullable(),
  /** Digest of a file's content, as the protocol defines it; null until it is known, and for a folder. */
  root: z.string().nullable(),
  /** The receiver had it under the name `as` from an earlier transfer; nothing was published. */
  there: z.boolean(),
  /** Of a file that was received here, as it came; `mtime` in milliseconds since 1970. Not known of older ones. */
  facts: z.object({ size: z.number().int(), mtime: z.number().int(), executable: z.boolean() }).optional(),
});

export type ItemView = z.infer<typeof itemView>;

/** What the receiver had from earlier transfers: it did not travel. */
const alreadyView = z.object({ entries: z.number().int(), bytes: z.number().int() });

export const transferView = z.object({
  id: z.string(),
  direction: z.enum(["out", "in"]),
  peer: partyView,
  state: transferState,
  /** Of what is received, at most 1,000 are listed. */
  items: z.array(itemView),
  /** How many top-level files and folders there are, listed or not. */
  count: z.number().int(),
  /** How many files and folders in all, inner ones included. */
  entries: z.number().int(),
  bytes: z.number().int(),
  /** Bytes that the receiver has verified and written. */
  moved: z.number().int(),
  /** Bytes that an earlier attempt had moved and this one does not have to; 0 when nothing was taken up. */
  resumed: z.number().int(),
  already: alreadyView,
  /** What interrupted it, while it is waiting or queued. */
  waitingFor: errorView.nullable(),
  /** Null when it was not queued, and of what is received. */
  queue: queueView.nullable(),
  /** Inner names that the receiver had to change. At most 100 are listed. */
  renamed: z.array(z.object({ path: z.string(), as: z.string() })),
  /** Sources that were not sent: symbolic links, sockets and the like. At most 100 are listed. */
  skipped: z.array(z.object({ path: z.string(), reason: z.string() })),
  skippedCount: z.number().int(),
  /** Files and folders that the patterns of the request left out; what such a folder has in it is not counted. */
  excluded: z.number().int(),
  /** What the sender's user said about it. */
  note: z.string().nullable(),
  /** The sources changed after they had been queued; they were sent as they are now. */
  sourceChanged: z.boolean(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  error: errorView.nullable(),
  /** It failed, and `retry` can start it again from what the receiver has. */
  canRetry: z.boolean(),
});
export type TransferView = z.infer<typeof transferView>;

/** What became of a request for one of several devices. */
export const groupResult = z.union([
  z.object({ transfer: transferView, error: z.null() }),
  /** Nothing was begun for this one. */
  z.object({ transfer: z.null(), error: errorView, peer: partyView }),
]);
export type GroupResult = z.infer<typeof groupResult>;

/** A transfer that waits for the local user's answer. */
export const offerView = z.object({
  id: z.string(),
  from: partyView,
  items: z.array(z.object({ name: z.string(), type: z.enum(["file", "folder"]) })),
  entries: z.number().int(),
  bytes: z.number().int(),
  /** What the sender's user said about it. */
  note: z.string().nullable(),
  since: z.string(),
});
export type OfferView = z.infer<typeof offerView>;

/** What became of a yes to an offer. */
export const acceptedView = z.object({
  offer: offerView,
  /** The sender that was to be paired; null when it was not to be. */
  device: deviceView.nullable(),
  /** It was paired before. */
  again: z.boolean(),
});
export type AcceptedView = z.infer<typeof acceptedView>;

/** The program that the user wants to be run for what was received, and how that went. */
export const hookView = z.object({
  /** `done` is exit status 0. What is `waiting` or `running` when lanxferd ends is run when it runs again. */
  state: z.enum(["waiting", "running", "done", "failed"]),
  /** How often it was started. */
  attempts: z.number().int(),
  exit: z.number().int().nullable(),
  /** The signal that ended it. */
  signal: z.string().nullable(),
  ms: z.number().int().nullable(),
  /** Why it failed, when it is not the exit status or the signal that tells. */
  problem: z.string().nullable(),
  /** The first kibibyte of what it wrote to standard error, made safe to print. */
  stderr: z.string(),
});
export type HookView = z.infer<typeof hookView>;

/** One line of the history: a transfer that has ended. */
export const historyView = z.object({
  v: z.literal(1),
  /** When it ended. */
  at: z.string(),
  id: z.string(),
  direction: z.enum(["out", "in"]),
  peer: partyView,
  result: z.enum(["done", "failed", "cancelled"]),
  items: z.array(itemView),
  count: z.number().int(),
  entries: z.number().int(),
  bytes: z.number().int(),
  already: alreadyView,
  /** From the beginning to the end, with all attempts and the waits between them. */
  ms: z.number().int(),
  error: errorView.nullable(),
  note: z.string().nullable(),
  sourceChanged: z.boolean(),
  /** Null when none was to be run. */
  hook: hookView.nullable(),
});
export type HistoryView = z.infer<typeof historyView>;

/** One line of what a `send` would send, the last of which is `total` or `failed`. */
export const previewLine = z.discriminatedUnion("is", [
  z.object({
    is: z.literal("file"),
    /** As it would be sent, from the name of the top-level item down. */
    path: z.string(),
    bytes: z.number().int(),
  }),
  z.object({ is: z.literal("folder"), path: z.string() }),
  /** Would not be sent. `path` is that on this machine. */
  z.object({ is: z.literal("skipped"), path: z.string(), reason: z.string() }),
  z.object({ is: z.literal("excluded"), path: z.string(), type: z.enum(["file", "folder"]) }),
  z.object({
    is: z.literal("total"),
    peer: partyView,
    files: z.number().int(),
    folders: z.number().int(),
    bytes: z.number().int(),
    skipped: z.number().int(),
    excluded: z.number().int(),
  }),
  z.object({ is: z.literal("failed"), error: errorView }),
]);
export type PreviewLine = z.infer<typeof previewLine>;

/** Something that arrived and is still in the inbox. */
export const inboxView = z.object({
  path: z.string(),
  name: z.string(),
  type: z.enum(["file", "folder"]),
  bytes: z.number().int().nullable(),
  from: partyView,
  at: z.string(),
  /** The transfer that it came with, and which of its top-level items it is, from 0. */
  transfer: z.string(),
  item: z.number().int(),
});
export type InboxView = z.infer<typeof inboxView>;

export const statusView = z.object({
  version: z.string(),
  node: z.string(),
  pid: z.number().int(),
  startedAt: z.string(),
  id: z.string(),
  short: z.string(),
  formatted: z.string(),
  name: z.string(),
  port: z.number().int(),
  inbox: z.object({ path: z.string(), free: z.number().int().nullable(), problem: z.string().nullable() }),
  paths: z.object({ config: z.string(), state: z.string(), socket: z.string() }),
  /** What keeps the daemon from more than it needs: `full` also means that it can write nowhere else. */
  sandbox: z.enum(["full", "seccomp only", "none"]),
  interfaces: z.array(
    z.object({ name: z.string(), address: z.string(), used: z.boolean(), reason: z.string().nullable() }),
  ),
  peers: z.number().int(),
  devices: z.number().int(),
  running: z.number().int(),
  /** To be sent later. */
  queued: z.number().int(),
  /** What was found among the queued transfers and is none: the first ones, and how many in all. */
  outbox: z.object({
    strangers: z.array(z.object({ path: z.string(), text: z.string() })),
    strangerCount: z.number().int(),
  }),
  offers: z.number().int(),
  /** By code: whether a window is open. `locked` after too many that failed. */
  pairing: z.enum(["closed", "open", "locked"]),
  /** Counts since the start: connections refused before authentication, by reason. */
  refused: z.record(z.string(), z.number().int()),
  history: z.object({
    /** Of all its files. */
    bytes: z.number().int(),
    /** Lines that could not be understood when something was read of it since the start. */
    damaged: z.number().int(),
  }),
  /** Devices that are here now under the name of a paired one without being it. */
  namesakes: z.number().int(),
  /** Another machine has the key of this device: where it was met, and when last. */
  double: z.object({ address: z.string(), seenAt: z.string() }).nullable(),
  /** Times since the start that another key answered in place of a device. */
  otherKeys: z.number().int(),
});
export type StatusView = z.infer<typeof statusView>;

/** What `doctor` found. */
export const findingView = z.object({
  /** What was looked at, in a word or two; the same in every run. */
  check: z.string(),
  state: z.enum([
    "ok",
    "warning",
    "problem",
    "unchecked", // it could not be looked at, mostly for want of root's rights
  ]),
  text: z.string(),
  /** What to do; null when there is nothing. */
  advice: z.string().nullable(),
});
export type FindingView = z.infer<typeof findingView>;

export const identityView = z.object({ id: z.string(), short: z.string(), formatted: z.string(), name: z.string() });
export type IdentityView = z.infer<typeof identityView>;

export const inviteView = z.object({ text: z.string(), expiresAt: z.string() });
export type InviteView = z.infer<typeof inviteView>;

/** Where a browser finds the page, with what lets it in, once. */
export const pageView = z.object({ url: z.string(), expiresAt: z.string() });
export type PageView = z.infer<typeof pageView>;

const pairingPeer = z.object({
  id: z.string(),
  short: z.string(),
  /** The name it tells; grants nothing. */
  name: z.string(),
});

/** How a pairing by code stands. `left` is how many milliseconds it may stay so. */
export const pairingView = z.discriminatedUnion("state", [
  /** Nobody to pair with yet. */
  z.object({
    state: z.literal("waiting"),
    /** The only device that may come, which is called until it is ready; null when any may. */
    peer: pairingPeer.nullable(),
    /** A paired device that is called as `peer` is, and is another one. */
    namesake: deviceView.nullable(),
    /** Why it could not be called; null when it could, but nobody there is ready. */
    problem: errorView.nullable(),
    /** Attempts of others that failed. */
    failures: z.number().int(),
    left: z.number().int(),
  }),
  /** Each user types what the other device shows. */
  z.object({
    state: z.literal("comparing"),
    peer: pairingPeer,
    /** Our own name for it, when it is paired already. */
    petname: z.string().nullable(),
    /** Another paired device that is called so. */
    namesake: deviceView.nullable(),
    /** Six digits: what this device shows, to be typed on the other one. */
    code: z.string(),
    /** The right code was typed here. */
    typed: z.boolean(),
    left: z.number().int(),
  }),
  /** Both users agreed; each device is writing down that it trusts the other. */
  z.object({ state: z.literal("finishing"), peer: pairingPeer }),
  z.object({
    state: z.literal("paired"),
    device: deviceView,
    /** The other device said that it trusts this one, too. */
    mutual: z.boolean(),
    /** It was paired before. */
    again: z.boolean(),
  }),
  z.object({ state: z.literal("failed"), error: errorView }),
]);
export type PairingView = z.infer<typeof pairingView>;

/** `own`: it is the code of this very device; `wrong` has ended the pairing. */
export const codeVerdict = z.object({ verdict: z.enum(["right", "own", "wrong"]) });
export type CodeVerdict = z.infer<typeof codeVerdict>;

/** One setting: its value now and where that value comes from. */
export const settingView = z.object({
  name: z.string(),
  value: z.unknown(),
  source: z.enum(["default", "file", "environment", "flag"]),
  description: z.string(),
  /** The only values there are; null where there are too many to be listed. */
  choices: z.array(z.string()).nullable(),
});
export type SettingView = z.infer<typeof settingView>;

/**
 * The event stream: first one `snapshot`, then deltas. `seq` grows by one with
 * each line. A reader that falls too far behind gets `overrun` and is closed.
 */
export const event = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("snapshot"),
    seq: z.number().int(),
    peers: z.array(peerView),
    transfers: z.array(transferView),
    offers: z.array(offerView),
  }),
  z.object({
    type: z.literal("peer"),
    seq: z.number().int(),
    change: z.enum(["up", "changed", "down"]),
    peer: peerView,
  }),
  /** Progress and state of a transfer; coalesced, the last state is always told. */
  z.object({ type: z.literal("transfer"), seq: z.number().int(), transfer: transferView }),
  z.object({ type: z.literal("offer"), seq: z.number().int(), change: z.enum(["new", "gone"]), offer: offerView }),
  /** What has become of the hook of a transfer that was received. */
  z.object({
    type: z.literal("hook"),
    seq: z.number().int(),
    transfer: z.string(),
    peer: partyView,
    hook: hookView,
  }),
  z.object({ type: z.literal("overrun"), seq: z.number().int() }),
]);
export type ControlEvent = z.infer<typeof event>;
