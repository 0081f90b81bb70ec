/**
 * Addresses that were learned elsewhere: static peers of networks without
 * multicast, and where a paired device was last. Pure. A hint is only as good
 * as its last probe: without an answer there is nothing to show.
 */

import type { DeviceId } from "../core/ids.ts";
import type { Endpoint } from "./types.ts";

export interface Hint {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Who must answer; undefined when anybody may. */
  readonly id: DeviceId | undefined;
  readonly asking: boolean;
  /** Monotonic time of the last probe; null when it is to be asked without delay. */
  readonly askedAt: number | null;
  /** Probes in a row that found nobody. */
  readonly misses: number;
  /** Who answered the last probe, if that is whom it was to be. */
  readonly answer: DeviceId | undefined;
  /** Wall clock of the last right answer. */
  readonly seenAt: number;
}

/** By the key that a probe carries. */
export type Hints = ReadonlyMap<string, Hint>;

const PERIOD = 10_000; // ms between probes
/**
 * ms between probes for a device that has been away for long. It tells us when
 * it is back, by multicast or by asking for us in turn, and so does a user.
 */
const LONGEST_PERIOD = 300_000;
/** Where a device was last: so many addresses, for one that moves between networks. */
export const MAX_KNOWN = 4;

/** With a hint for `name` at `endpoint`; one that is there already keeps what it knows, as far as it is still right. */
export function addHint(hints: Hints, name: string, endpoint: Endpoint, id: DeviceId | undefined): Hints {
  const key = `${name}\n${endpoint.address}\n${endpoint.port}`;
  const before = hints.get(key);
  const answer = id === undefined || before?.answer === id ? before?.answer : undefined;
  const hint = {
    name,
    endpoint,
    id,
    asking: before?.asking ?? false,
    askedAt: null,
    misses: 0,
    answer,
    seenAt: before?.seenAt ?? 0,
  };
  const next = new Map(hints);
  next.delete(key); // the newest is the last
  next.set(key, hint);
  const known = [...next].filter(([, other]) => other.name === name && other.endpoint.source === "known");
  for (const [oldest] of known.slice(0, -MAX_KNOWN)) next.delete(oldest);
  return next;
}

/** On another network what was not there before may be. */
export function freshenHints(hints: Hints): Hints {
  return new Map([...hints].map(([key, hint]) => [key, { ...hint, askedAt: null, misses: 0 }]));
}

export function removeHints(hints: Hints, name: string): Hints {
  return new Map([...hints].filter(([, hint]) => hint.name !== name));
}

/** Marks the hints that are due at `at`, all of them when it is null, and says which to probe. */
export function askHints(
  hints: Hints,
  at: { readonly steady: number; readonly all: boolean },
  isHeard: (id: DeviceId) => boolean,
) {
  const next = new Map(hints);
  const asked: { readonly key: string; readonly endpoint: Endpoint }[] = [];
  for (const [key, hint] of hints) {
    // Where a paired device was last is of no interest while it is heard; to
    // ask there all the same would have everybody probe everybody.
    if (hint.endpoint.source === "known" && hint.id !== undefined && isHeard(hint.id)) {
      next.set(key, { ...hint, answer: undefined });
    } else if (!hint.asking && (at.all || hint.askedAt === null || at.steady - hint.askedAt >= periodOf(hint))) {
      next.set(key, { ...hint, asking: true, askedAt: at.steady });
      asked.push({ key, endpoint: hint.endpoint });
    }
  }
  return { hints: next, asked };
}

/** After `answer`, or nobody, answered. Our own device, met through another of its addresses, is nobody. */
export function judgeHint(
  hints: Hints,
  key: string,
  answer: DeviceId | undefined,
  own: DeviceId | undefined,
  wall: number,
): Hints {
  const hint = hints.get(key);
  if (hint === undefined) return hints;
  const isRight = answer !== undefined && answer !== own && (hint.id ?? answer) === answer;
  const found = isRight ? { answer, seenAt: wall, misses: 0 } : { answer: undefined, misses: hint.misses + 1 };
  return new Map(hints).set(key, { ...hint, asking: false, ...found });
}

/** What the user gave is asked as often as ever: he waits for it. */
function periodOf({ endpoint, misses }: Hint): number {
  return endpoint.source === "static" ? PERIOD : Math.min(PERIOD * 2 ** Math.max(misses - 1, 0), LONGEST_PERIOD);
}
