/**
 * Every error a user can meet, defined once: code, exit status, whether trying
 * again can help, whether a peer may report it to us, and the sentence.
 *
 * Codes are append-only: scripts depend on them. docs/errors.md is checked
 * against this table by a test.
 */

import { cut, formatSize, MAX_SHOWN, SHORT_ID_LENGTH, safe } from "./text.ts";

/** Exit status of a program: 0 to 255. */
export type ExitCode = number;

interface ErrorKind {
  /** Exit status of the program that ends with this error. */
  readonly exit: ExitCode;
  /** Trying the same again, unchanged, can succeed. */
  readonly retryable: boolean;
  /** A peer may send this code to us; any other code from a peer becomes E_PEER. */
  readonly wire: boolean;
  /** `{name}` is filled from the details; a `[part]` is left out when one of its details is missing. */
  readonly sentence: string;
  /** What the user can do, said under the error. */
  readonly hint?: string;
  /** Details that are told apart from the sentence, too. */
  readonly tells?: readonly string[];
}

const local = { retryable: false, wire: false } as const;
const remote = { retryable: false, wire: true } as const;
const remoteRetry = { retryable: true, wire: true } as const;

export const ERRORS = {
  E_INTERNAL: { exit: 1, ...local, sentence: "internal error[: {text}]" },
  E_USAGE: { exit: 2, ...local, sentence: "{text}", hint: 'run "lanxferctl --help"' },
  E_CONFIG: {
    exit: 2,
    ...local,
    sentence: "bad setting in {path}: {text}",
    hint: "correct the file, or remove it to go back to the defaults",
  },
  E_SETTING: { exit: 2, ...local, sentence: "bad setting {name}: {text}", hint: 'run "lanxferctl config list"' },
  E_NOT_FOUND: { exit: 2, ...local, sentence: 'no {kind} "{name}"' },
  E_DAEMON_DOWN: { exit: 3, ...local, sentence: "lanxferd is not running", hint: "start it with: lanxferd" },
  E_DAEMON_VERSION: {
    exit: 12,
    ...local,
    sentence: "lanxferctl {ours} cannot talk to lanxferd {theirs}",
    hint: "restart lanxferd",
  },
  E_RUNNING: { exit: 1, ...local, sentence: "another lanxferd is already running for this user[ (socket {path})]" },
  E_SOCKET: {
    exit: 1,
    ...local,
    sentence: "cannot use {path} for the control socket: {text}",
    hint: "it has to be in a directory of your own with mode 0700",
  },
  E_LISTEN: { exit: 1, ...local, sentence: "cannot listen on port {port}: {text}" },
  E_STATE: { exit: 11, ...local, sentence: "cannot use {path}: {text}[ ({hint})]" },
  E_INBOX_LOCAL: {
    exit: 11,
    ...local,
    sentence: "cannot use the inbox {path}: {text}",
    hint: 'choose another with "lanxferctl config set inbox PATH"',
  },

  E_NO_PEER: { exit: 4, ...local, sentence: 'no peer named "{name}"', hint: 'run "lanxferctl peers"' },
  E_AMBIGUOUS: {
    exit: 4,
    ...local,
    sentence: '"{name}" is ambiguous: {candidates}',
    hint: "use the device id, or more of it",
  },
  E_NO_DEVICE: { exit: 4, ...local, sentence: 'no paired device "{name}"', hint: 'run "lanxferctl devices"' },
  E_UNREACHABLE: {
    exit: 5,
    retryable: true,
    wire: false,
    sentence: "{peer} is not reachable[: {text}]",
    hint: 'check that lanxferd runs there; "lanxferctl send --queue" delivers as soon as the device is here',
  },
  E_LOST: { exit: 5, retryable: true, wire: false, sentence: "the connection to {peer} was lost[: {text}]" },
  E_BUSY: { exit: 5, ...remoteRetry, sentence: "{peer} is busy: {text}" },
  E_STOPPING: { exit: 5, ...remoteRetry, sentence: "{peer} is shutting down" },
  E_TIMEOUT: { exit: 6, ...remoteRetry, sentence: "{peer} did not answer in time[ ({text})]" },

  E_NOT_PAIRED: {
    exit: 7,
    ...remote,
    sentence: "{peer} is not paired with this device",
    hint: 'pair first: run "lanxferctl pair NAME" on one device and "lanxferctl pair" on the other',
  },
  E_DECLINED: { exit: 7, ...remote, sentence: "declined by {peer}[: {text}]" },
  E_CANCELLED_BY_PEER: { exit: 7, ...remote, sentence: "cancelled by {peer}" },
  E_INVITE: {
    exit: 7,
    ...remote,
    sentence: "the invite was not accepted: it is unknown, used, expired or damaged",
    hint: 'make a new one with "lanxferctl invite"',
  },
  E_IDENTITY: {
    exit: 8,
    ...local,
    sentence: "{peer} answered with another key than the one known for it[ (expected {expected}, got {got})]",
    hint: "someone may be posing as it; if the device was set up anew, unpair it and pair again",
    tells: ["peer", "expected", "got", "pairedAt", "gotName"],
  },

  E_NO_SPACE: { exit: 9, ...remoteRetry, sentence: "no space left at {peer}[ (needs {needs}, has {has})]" },
  E_LIMIT: { exit: 9, ...remote, sentence: "{peer} does not take this: {text}" },
  E_INBOX: { exit: 9, ...remoteRetry, sentence: "{peer} cannot write to its inbox[: {text}]" },
  E_INTEGRITY: { exit: 10, ...remoteRetry, sentence: "data was damaged on the way to {peer}" },

  E_SOURCE_MISSING: { exit: 11, ...remote, sentence: "no such file or folder: {path}" },
  E_SOURCE_UNREADABLE: { exit: 11, ...remote, sentence: "cannot read {path}[: {text}]" },
  E_SOURCE_CHANGED: { exit: 11, ...remoteRetry, sentence: "{path} changed while it was being sent" },
  E_SOURCE_TYPE: { exit: 11, ...remote, sentence: "{path} is neither a file nor a folder" },
  E_NAME: { exit: 11, ...remote, sentence: "unusable file name[ {path}][: {text}]" },

  E_VERSION: {
    exit: 12,
    ...remote,
    sentence: "{peer} speaks another version of the protocol[ ({text})]",
    hint: "update lanxfer on both sides",
  },
  E_FRAME: { exit: 12, ...remote, sentence: "{peer} met a malformed frame[: {text}]" },
  E_PROTO: { exit: 12, ...remote, sentence: "protocol violation between this device and {peer}[: {text}]" },
  E_LENGTH: { exit: 12, ...remote, sentence: "{peer} was sent more or fewer bytes than announced[: {text}]" },
  E_PEER: { exit: 1, ...local, sentence: "{peer} reported an error: {text}" },

  E_PARTIAL: { exit: 23, ...local, sentence: "{failed} of {total} transfers failed" },
  E_CANCELLED: { exit: 130, ...local, sentence: "cancelled" },
  E_PAIR_CODE: {
    exit: 7,
    ...local,
    sentence: "that is not the code that {peer} shows: nothing was paired",
    hint: "either it was mistyped, or somebody between the two devices poses as each to the other: start again on both, and if it happens again, do not pair on this network",
  },
  E_PAIR_ENDED: {
    exit: 7,
    ...local,
    sentence: "{peer} ended the pairing: nothing was paired",
    hint: "either it was given up there, or what was typed there is not the code of this device: ask there, and if nobody knows of it, do not pair on this network",
  },
  E_PAIR_FORGED: {
    exit: 8,
    ...local,
    sentence: "{peer} broke its word during the pairing: nothing was paired",
    hint: "no honest device does this: somebody may stand between the two, so do not pair on this network",
  },
  E_PAIR_LOCKED: {
    exit: 7,
    ...local,
    sentence: "pairing by code is locked: it failed three times within an hour",
    hint: 'if those were mistakes, run "lanxferctl pair --unlock"; if not, somebody may be trying to get in',
  },
  E_NO_TERMINAL: {
    exit: 2,
    ...local,
    sentence: "to pair by code, a person has to compare codes at a terminal",
    hint: 'without one, run "lanxferctl invite" on one device and "lanxferctl pair --invite -" on the other',
  },
  E_CLONE: {
    exit: 8,
    ...local,
    sentence: "another machine[, seen at {address},] has the key of this device: {path} was copied",
    hint: "a restored backup or a cloned disk does that: on one of the two stop lanxferd, remove that folder, start it again and pair anew",
    tells: ["address", "path"],
  },
  E_OUTPUT: { exit: 11, ...local, sentence: "cannot write {path}: {text}" },
  E_NOTHING: { exit: 11, ...local, sentence: "nothing to send: all of it is excluded" },
  E_INBOX_EMPTY: { exit: 11, ...local, sentence: "nothing that was received[ from {peer}] is in the inbox" },
  E_NO_ARRIVAL: { exit: 6, retryable: true, wire: false, sentence: "nothing arrived[ from {peer}] within {text}" },
  E_PAUSED: { exit: 5, ...remoteRetry, sentence: "{peer} has paused the transfer" },
  E_QUEUE: { exit: 11, ...local, sentence: "nothing was queued: {text}" },
  E_EXPIRED: {
    exit: 6,
    ...local,
    sentence: "not delivered: {peer} was not ready for it within {text}",
    hint: 'send it again, and let it wait for longer with "--ttl TIME"',
  },
  E_STILL_QUEUED: {
    exit: 6,
    ...local,
    sentence: "{name} is not delivered to {peer} after {text}, it stays queued",
    hint: 'see "lanxferctl transfers"; "lanxferctl cancel ID" ends it',
  },
  E_SERVICE: { exit: 1, ...local, sentence: "{text}" },
  E_SPOOL_FULL: {
    exit: 11,
    retryable: true,
    wire: false,
    sentence: "no room on this device to keep what is to be sent[: {text}]",
    hint: 'make room on the disk that has the state of lanxferd, change the setting queue.space, or give up what failed with "lanxferctl cancel ID"',
  },
  E_PAGE: { exit: 1, ...local, sentence: "the page cannot be shown: {text}" },
  E_SESSION: {
    exit: 7,
    ...local,
    sentence: "this page was not let in, or is not any more",
    hint: 'run "lanxferctl ui" once more',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/**
 * What an error says of its case. Numbers named in SIZES are bytes, texts named
 * in IDS whole device ids. A `text` reaches the peer when the code does: it holds
 * no path of ours.
 */
export type Details = Readonly<Record<string, string | number>>;

const SIZES = new Set(["needs", "has"]);
const IDS = new Set(["expected", "got"]);

// Details that may cross a socket to a peer or come from one. `peer` and `path`
// are not among them: each side knows the other's name itself, and a path of
// ours is nobody else's business: only its last part crosses, as `name`.
const WIRE_DETAILS = new Set(["text", "name", "needs", "has"]);

export class LanxferError extends Error {
  readonly code: ErrorCode;
  readonly details: Details;

  constructor(code: ErrorCode, details: Details = {}, options: { cause?: unknown } = {}) {
    super(sentence(code, details), options);
    this.name = "LanxferError";
    this.code = code;
    this.details = details;
  }

  get kind(): ErrorKind {
    return ERRORS[this.code];
  }

  /** The same error with more details, for who learns them later (the peer's name, say). */
  with(details: Details): LanxferError {
    return new LanxferError(this.code, { ...this.details, ...details }, { cause: this.cause });
  }
}

// For what we were not told.
const STAND_INS: Readonly<Record<string, string>> = { peer: "the peer", path: "the source" };

/** Fills the sentence of `code`. Every detail is made safe for a terminal. */
export function sentence(code: ErrorCode, details: Details): string {
  const sizes = [...SIZES].map((name) => details[name]).filter((value) => typeof value === "number");
  // "needs 8.4 MB, has 8.4 MB" would say nothing.
  const alike = new Set(sizes.map(formatSize)).size < new Set(sizes).size;
  const size = (bytes: number) => (alike ? `${bytes} bytes` : formatSize(bytes));
  const show = (name: string): string | undefined => {
    const value = Object.hasOwn(details, name) ? details[name] : undefined;
    if (value === undefined) return name === "path" ? show("name") : undefined; // a peer's path is told as a name
    if (IDS.has(name)) return safe(String(value).slice(0, SHORT_ID_LENGTH));
    return typeof value === "number" && SIZES.has(name) ? size(value) : safe(String(value));
  };
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (_, name: string) => show(name) ?? STAND_INS[name] ?? "?");
  return fill(
    (ERRORS[code] as ErrorKind).sentence.replace(/\[([^\]]*)\]/g, (_, part: string) =>
      [...part.matchAll(/\{(\w+)\}/g)].every(([, name]) => show(name ?? "") !== undefined) ? part : "",
    ),
  );
}

/** Any thrown value as a LanxferError; what we did not foresee is E_INTERNAL and keeps its cause. */
export function toLanxferError(error: unknown): LanxferError {
  if (error instanceof LanxferError) return error;
  // String() of an object runs its code, which may throw in turn.
  const text = error instanceof Error ? error.message : Object(error) === error ? typeof error : String(error);
  return new LanxferError("E_INTERNAL", { text }, { cause: error });
}

/** An error as it is told to a peer: a code it may know and the details it may see. */
export interface WireError {
  readonly code: string;
  readonly details?: Readonly<Record<string, string | number>> | undefined;
}

export function toWire(error: LanxferError): WireError {
  // What we call cancelled is, to the other end, cancelled by us.
  if (error.code === "E_CANCELLED") return { code: "E_CANCELLED_BY_PEER" };
  if (!error.kind.wire) return { code: "E_INTERNAL" };
  const [name] = /[^/]+(?=\/*$)/.exec(String(error.details["path"] ?? "")) ?? [];
  const details = onTheWire(name === undefined ? error.details : { name, ...error.details });
  return Object.keys(details).length > 0 ? { code: error.code, details } : { code: error.code };
}

/** What a peer told us. Unknown codes, and codes that are not a peer's to say, become E_PEER. */
export function fromWire(wire: WireError, peer: string): LanxferError {
  const known = Object.hasOwn(ERRORS, wire.code) ? (wire.code as ErrorCode) : undefined; // an own key of the table
  if (known !== undefined && ERRORS[known].wire) {
    return new LanxferError(known, { ...onTheWire(wire.details ?? {}), peer });
  }
  return new LanxferError("E_PEER", { text: cut(wire.code, MAX_SHOWN), peer });
}

/** The details that may cross, in either direction. A peer's are not trusted to have their types. */
function onTheWire(details: Readonly<Record<string, unknown>>): Record<string, string | number> {
  const kept: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(details)) {
    if (!WIRE_DETAILS.has(name)) continue;
    if (typeof value === "string") kept[name] = cut(value, MAX_SHOWN);
    else if (typeof value === "number") kept[name] = value;
  }
  return kept;
}

/** The `code` of a system error (`ENOSPC`, …), `undefined` for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof LanxferError || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** An error as the control API and `--json` show it. */
export interface ErrorView {
  readonly code: ErrorCode;
  readonly message: string;
  readonly exit: number;
  readonly retryable: boolean;
  readonly hint?: string | undefined;
  /** What the sentence leaves out, or says in short; not made safe for a terminal. */
  readonly details?: Details | undefined;
}

export function toView(error: LanxferError): ErrorView {
  const { exit, retryable, hint, tells = [] } = error.kind;
  const told = tells.flatMap((name) => {
    const value = Object.hasOwn(error.details, name) ? error.details[name] : undefined;
    return value === undefined ? [] : [[name, value] as const];
  });
  const details = told.length > 0 && { details: Object.fromEntries(told) };
  return { code: error.code, message: error.message, exit, retryable, ...(hint && { hint }), ...details };
}
