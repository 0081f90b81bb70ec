/**
 * When a transfer that was interrupted is tried again: soon at first, then less
 * and less often, from the beginning once more after each bit of progress. Pure;
 * the caller also tries at once when the other device is seen again.
 */

import type { ErrorCode } from "../../core/errors.ts";

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** As long as a receiver keeps what it has (PROTOCOL 4.9). */
const GIVE_UP_MS = 7 * 24 * 60 * 60 * 1_000;
/** More damage than this is no accident of the network. */
const MAX_DAMAGED = 3;

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

/** How the attempts at a transfer have gone. Times are milliseconds since 1970. */
export interface Trail {
  /** Failures in a row without progress. */
  readonly failures: number;
  /** Those at the end of it that were damaged data. */
  readonly damaged: number;
  /** Most bytes that the receiver ever confirmed. */
  readonly furthest: number;
  readonly progressAt: number;
}

export function startTrail(progressAt: number): Trail {
  return { failures: 0, damaged: 0, furthest: 0, progressAt };
}

/** The trail after an attempt that got to `moved` bytes and failed with `code`. */
export function failedAgain(trail: Trail, code: ErrorCode, moved: number, now: number): Trail {
  const progress = moved > trail.furthest;
  const before = progress ? startTrail(now) : trail;
  return {
    failures: before.failures + 1,
    damaged: code === "E_INTEGRITY" ? before.damaged + 1 : 0,
    furthest: Math.max(trail.furthest, moved),
    progressAt: before.progressAt,
  };
}

/**
 * Milliseconds until the next attempt; undefined when there is none. `code` is
 * why the last one failed, `chance` from 0 up to 1 keeps many senders apart.
 */
export function patience(trail: Trail, code: ErrorCode, now: number, chance: number): number | undefined {
  const mayPass = code === "E_INTEGRITY" ? trail.damaged < MAX_DAMAGED : PASSING.has(code);
  if (!mayPass || now - trail.progressAt > GIVE_UP_MS) return undefined;
  const backOff = Math.min(FIRST_MS * 2 ** Math.max(trail.failures - 1, 0), LONGEST_MS);
  return Math.round(backOff * (0.75 + chance / 2));
}
