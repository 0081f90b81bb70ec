/**
 * What to do now about the transfers that wait: which to start, which have waited
 * too long, when to look again. Pure: it knows transfers only by their order, the
 * moment of their last attempt and how long they may wait. All times are queue
 * time (queue-time.ts), milliseconds.
 */

import type { DeviceId } from "../../core/ids.ts";

export interface Task {
  readonly phase: "idle" | "running";
  /** Waits for its user, for as long as that takes; those behind it go on. */
  readonly paused: boolean;
  /** When its last attempt ended; before all times when there was none. */
  readonly triedAt: number;
  /** When the next attempt is due, unless the device shows up before. */
  readonly dueAt: number;
  /** It has waited long enough then, unless it is just being sent. */
  readonly expiresAt: number;
}

/** What goes to one device, one after another, the first first. */
export interface Lane<T extends Task> {
  readonly peer: DeviceId;
  readonly tasks: readonly T[];
  /** It does not count as one of those that may be sent at a time: a user waits for it. */
  readonly urgent: boolean;
}

export interface World {
  readonly now: number;
  readonly isPresent: (peer: DeviceId) => boolean;
  /** When the device last showed up. */
  readonly seenAt: (peer: DeviceId) => number | undefined;
  /** How many lanes may be busy at a time. */
  readonly width: number;
}

/** Why the first of a lane is not being sent: its device is away, or failed it a moment ago, or others are served first. */
export type Wait = "away" | "again" | "turn";

export interface Plan<T> {
  readonly start: readonly T[];
  readonly expire: readonly T[];
  /** The first of each lane that has to wait; the others wait for it. */
  readonly waits: ReadonlyMap<T, Wait>;
  /** When time alone may change something; Infinity when it cannot. */
  readonly lookAt: number;
}

export function plan<T extends Task>(lanes: Iterable<Lane<T>>, world: World): Plan<T> {
  const start: T[] = [];
  const expire: T[] = [];
  const waits = new Map<T, Wait>();
  const ready: { readonly task: T; readonly present: boolean }[] = [];
  let busy = 0;
  let lookAt = Number.POSITIVE_INFINITY;

  for (const lane of lanes) {
    const { first, isBusy, expired, expiresAt } = survey(lane.tasks, world.now);
    expire.push(...expired);
    lookAt = Math.min(lookAt, expiresAt);
    if (isBusy && !lane.urgent) busy++;
    if (isBusy || first === undefined) continue;
    const present = world.isPresent(lane.peer);
    const isDue = world.now >= first.dueAt || (world.seenAt(lane.peer) ?? Number.NEGATIVE_INFINITY) > first.triedAt;
    if (!isDue) {
      waits.set(first, present ? "again" : "away");
      lookAt = Math.min(lookAt, first.dueAt);
    } else if (lane.urgent) start.push(first);
    else ready.push({ task: first, present });
  }

  // Devices that are there before those that only may be; then whoever has waited longest.
  ready.sort((a, b) => Number(b.present) - Number(a.present) || a.task.triedAt - b.task.triedAt);
  const free = Math.max(0, world.width - busy);
  start.push(...ready.slice(0, free).map(({ task }) => task));
  for (const { task } of ready.slice(free)) waits.set(task, "turn");
  return { start, expire, waits, lookAt };
}

/** One pass, because a lane may hold ten thousand. */
function survey<T extends Task>(tasks: readonly T[], now: number) {
  const expired: T[] = [];
  let first: T | undefined;
  let isBusy = false;
  let expiresAt = Number.POSITIVE_INFINITY;
  for (const task of tasks) {
    if (task.phase === "running") isBusy = true;
    else if (task.paused) continue;
    else if (now >= task.expiresAt) expired.push(task);
    else {
      first ??= task;
      expiresAt = Math.min(expiresAt, task.expiresAt);
    }
  }
  return { first, isBusy, expired, expiresAt };
}
