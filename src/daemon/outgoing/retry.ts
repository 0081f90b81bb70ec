/**
 * When a transfer that was interrupted is tried again: soon at first, then less
 * and less often, from the beginning once more after each bit of progress. Pure;
 * the caller also tries at once when the other device is seen again.
 *
 * All times are queue time (queue-time.ts).
 */

import type { ErrorCode } from "../../core/errors.ts";

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** While a queued one waits for its device, or for room there, nobody looks on; and discovery tells of a device. */
const LONGEST_AWAY_MS = 5 * 60_000;
/** As long as a receiver keeps what it has (PROTOCOL 4.9). */
const GIVE_UP_MS = 7 * 24 * 60 * 60 * 1_000;
/** More damage than this is no accident of the network, and what changes so often never comes to rest. */
const MAX_SPOILED = 3;

/**
 * What passes by itself. Another key at the known address is among them: an
 * address may get a new owner while the device that we want is away. That one
 * is told nothing, and whoever takes an address ends no transfer of others.
 */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  "E_LOST",
  "E_UNREACHABLE",
  "E_STOPPING",
  "E_TIMEOUT",
  "E_BUSY",
  "E_IDENTITY",
]);

/**
 * What a queue waits for besides: the user has turned away, and finding it all
 * failed for want of an hour's patience is what a queue is there to prevent.
 */
const WAITED_FOR: ReadonlySet<ErrorCode> = new Set(["E_NO_SPACE", "E_INBOX"]);

/** How the attempts at a transfer have gone. */
export interface Trail {
  /** Failures in a row without progress. */
  readonly failures: number;
  /** Those at the end of it that were damaged data, or a source that changed meanwhile. */
  readonly spoiled: number;
  /** Most bytes that the receiver ever confirmed. */
  readonly furthest: number;
  /** Infinity for one that has not begun: something else says how long it may wait. */
  readonly progressAt: number;
}

/** What else matters of a transfer that was interrupted. */
export interface Circumstances {
  readonly queued: boolean;
  /** Its device is there. */
  readonly present: boolean;
}

export function startTrail(progressAt: number): Trail {
  return { failures: 0, spoiled: 0, furthest: 0, progressAt };
}

/** The trail after an attempt that got to `moved` bytes and failed with `code`. */
export function failedAgain(trail: Trail, code: ErrorCode, moved: number, now: number): Trail {
  const progress = moved > trail.furthest;
  const before = progress ? startTrail(now) : trail;
  return {
    failures: before.failures + 1,
    spoiled: isSpoiled(code) ? before.spoiled + 1 : 0,
    furthest: Math.max(trail.furthest, moved),
    progressAt: before.progressAt,
  };
}

/**
 * Milliseconds until the next attempt; undefined when there is none. `code` is
 * why the last one failed, `chance` from 0 up to 1 keeps many senders apart.
 */
export function patience(
  trail: Trail,
  code: ErrorCode,
  now: number,
  chance: number,
  { queued, present }: Circumstances,
): number | undefined {
  if (!mayPass(trail, code, queued) || now - trail.progressAt > GIVE_UP_MS) return undefined;
  const longest = queued && (!present || WAITED_FOR.has(code)) ? LONGEST_AWAY_MS : LONGEST_MS;
  const backOff = Math.min(FIRST_MS * 2 ** Math.max(trail.failures - 1, 0), longest);
  return Math.round(backOff * (0.75 + chance / 2));
}

function mayPass(trail: Trail, code: ErrorCode, queued: boolean): boolean {
  if (code === "E_INTEGRITY" || (code === "E_SOURCE_CHANGED" && queued)) return trail.spoiled < MAX_SPOILED;
  return PASSING.has(code) || (queued && WAITED_FOR.has(code));
}

function isSpoiled(code: ErrorCode): boolean {
  return code === "E_INTEGRITY" || code === "E_SOURCE_CHANGED";
}
