/**
 * Time as the queue counts it: for how long something has waited, whatever the
 * wall clock shows. A machine without a battery for its clock starts in 1970 and
 * is set right minutes later; another one shows 2099 for a while. Neither may end
 * what a user queued for a week.
 *
 * While this program runs, its steady clock counts. What it did not see (it did
 * not run, the machine slept, the clock was set) is taken from the wall clock,
 * but never more than a day at a time. Pure.
 */

/** What one look at the wall clock can add (ms): less than what is queued by default is kept for. */
const MOST_UNSEEN_MS = 24 * 60 * 60 * 1_000;
/** A wall clock that went back is believed when it has stayed there for so long (ms). */
const BELIEVED_AFTER_MS = 60 * 60 * 1_000;

/** Milliseconds: `wall` since 1970, `steady` monotonic. */
export interface Instant {
  readonly wall: number;
  readonly steady: number;
}

/** What the next run has to know. */
export interface Saved {
  /** Queue time (ms). Never goes back. */
  readonly lived: number;
  /** What the wall clock showed then, as far as it is believed. */
  readonly wall: number;
}

export interface Reckoning extends Saved {
  readonly steady: number;
  /** For how long the wall clock has been behind what is believed (ms). */
  readonly behind: number;
}

export function beginReckoning({ lived, wall }: Saved, at: Instant): Reckoning {
  return reckon({ lived, wall, steady: at.steady, behind: 0 }, at);
}

/** The reckoning at a later moment. */
export function reckon(before: Reckoning, { wall, steady }: Instant): Reckoning {
  const seen = steady - before.steady;
  const expected = before.wall + seen;
  if (wall >= expected) {
    const unseen = Math.min(wall - expected, MOST_UNSEEN_MS);
    return { lived: before.lived + seen + unseen, wall, steady, behind: 0 };
  }
  const behind = before.behind + seen;
  const lived = before.lived + seen;
  // Until then it is taken for the one that is wrong: set right, it must not count the same time twice.
  return behind < BELIEVED_AFTER_MS ? { lived, wall: expected, steady, behind } : { lived, wall, steady, behind: 0 };
}
