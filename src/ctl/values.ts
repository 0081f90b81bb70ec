/** The values that options and arguments take, as a person writes them. Every function throws E_USAGE. */

import { type HostPort, parseHostPort } from "../core/address.ts";
import { LanxferError, toLanxferError } from "../core/errors.ts";
import { checkFileName } from "../core/names.ts";
import { DEFAULT_PORT } from "../core/places.ts";
import { isNote, MAX_NOTE } from "../core/text.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function usage(text: string): never {
  throw new LanxferError("E_USAGE", { text });
}

/** `45s`, `10m`, `1h30m`, `7d`: milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/.exec(text);
  if (match === null || text === "") return usage(`not a duration: ${text} (write 45s, 10m, 1h30m or 7d)`);
  const units = [DAY, HOUR, MINUTE, SECOND];
  return units.reduce((sum, unit, at) => sum + Number(match[at + 1] ?? 0) * unit, 0);
}

/** How long an invite may be good for: milliseconds. */
export function parseTtl(text: string): number {
  const ttl = parseDuration(text);
  return ttl >= SECOND && ttl <= DAY ? ttl : usage(`an invite lasts 1s to 24h, not ${text}`);
}

/** For how long a queued transfer may wait to begin: milliseconds. */
export function parseQueueTtl(text: string): number {
  const ttl = parseDuration(text);
  return ttl >= SECOND && ttl <= 365 * DAY ? ttl : usage(`a queued transfer waits for 1s to 365d, not ${text}`);
}

/** How long to wait for something: milliseconds. */
export function parseWait(text: string): number {
  const wait = parseDuration(text);
  return wait >= SECOND ? wait : usage(`to wait for ${text} is not to wait (write 1s or more)`);
}

/** How many lines of the history. */
export function parseLimit(text: string): number {
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= 10_000 ? limit : usage(`the limit is a number from 1 to 10000, not ${text}`);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };
/** What the daemon takes at least (bytes a second). */
const LEAST_RATE = 1_000;

/** `500k`, `2M`, `1.5MB/s`: bytes a second. */
export function parseRate(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)([kmg]?)(?:b(?:\/s)?)?$/i.exec(text);
  if (match === null) return usage(`not a rate: ${text} (write 500k or 2M, for bytes a second)`);
  const [, number, unit = ""] = match;
  const rate = Math.round(Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
  return rate >= LEAST_RATE ? rate : usage(`a transfer needs at least 1k bytes a second, not ${text}`);
}

/** A point in time: so long ago, or milliseconds since 1970. */
export type Since = { readonly ago: number } | { readonly at: number };

/** `7d`, `12h`, `30m` ago, `2026-05-01`, or `2026-05-01T14:00`, in the time of this machine unless it says its zone. */
export function parseSince(text: string): Since {
  if (/^[\ddhms]+$/.test(text)) return { ago: parseDuration(text) };
  // Of a date alone, JavaScript would take the midnight of Greenwich.
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text);
  const at = isDate ? new Date(text.includes("T") ? text : `${text}T00:00`).getTime() : Number.NaN;
  return Number.isNaN(at) ? usage(`not a time: ${text} (write 7d, 12h, 2026-05-01 or 2026-05-01T14:00)`) : { at };
}

/** Where a daemon is; without a port it is on the usual one. */
export function parsePlace(text: string): HostPort {
  return parseHostPort(text, DEFAULT_PORT);
}

/** An address that is passed on as it was written, but checked. */
export function parseAddress(text: string): string {
  parsePlace(text);
  return text;
}

/** The name or id of a device. */
export function parseName(text: string): string {
  return text === "" ? usage("an empty name names nobody") : text;
}

/** A path to send. `send alice "$UNSET"` must not send the current folder. */
export function parsePath(text: string): string {
  return text === "" ? usage("an empty path names nothing") : text;
}

/** A name for what is piped in. */
export function parseFileName(text: string): string {
  try {
    checkFileName(text);
    return text;
  } catch (error) {
    const { details } = toLanxferError(error);
    return usage(`--name is not the name of a file: ${details["text"]}`);
  }
}

/** A pattern of what is not to be sent; lanxferd knows what may stand in one. */
export function parsePattern(text: string): string {
  return text === "" ? usage("an empty pattern excludes nothing") : text;
}

/** What goes with a transfer for the person at the other end. */
export function parseNote(text: string): string {
  return isNote(text) ? text : usage(`a note is one line of printable text, at most ${MAX_NOTE} bytes`);
}

// `lanxfer-` and at least 93 characters of base32, perhaps in groups; no file is called so.
const INVITE = /lanxfer(?:[\s-]*[a-z2-7]){60}/i;

// Where an invite may be meant, also a part of one that has all of its secret.
const BEGINNING_OF_INVITE = /^\s*lanxfer[\s-]*[a-z2-7]{26}[a-z2-7\s-]*$/i;

/** `-`, or the path of a file. */
export function parseInviteSource(text: string): string {
  if (BEGINNING_OF_INVITE.test(text)) return refuseSecret();
  return text === "" ? usage("--invite needs a file, or - for standard input") : text;
}

/** The path of a file that is to be made. */
export function parseNewFile(text: string): string {
  if (text === "-") return usage("standard output is where an invite goes without --out");
  return text === "" ? usage("--out needs the name of a file") : text;
}

/** Refuses an invite among the arguments, which any user can see while a program runs, without repeating it. */
export function refuseInvite(argv: readonly string[]): void {
  if (argv.some((arg) => INVITE.test(arg))) refuseSecret();
}

function refuseSecret(): never {
  return usage(
    'an invite is a secret, but arguments can be seen by all: make a new one, and use "lanxferctl pair --invite -"',
  );
}

/** The name of a user of this machine. */
export function parseUser(text: string): string {
  return text !== "" && !/[\p{Cc}/:]/u.test(text) && !text.startsWith("-")
    ? text
    : usage(`not the name of a user: ${text}`);
}
