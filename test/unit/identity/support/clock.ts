/** A clock that stands still until a test moves it. Only reading the time is its business. */

import { type Clock, systemClock } from "../../../../src/core/clock.ts";

export interface MovableClock extends Clock {
  /** Time passes, on both clocks. */
  pass(ms: number): void;
  /** Somebody sets the wall clock. */
  setWall(ms: number): void;
}

export function movableClock(): MovableClock {
  let wall = Date.UTC(2026, 0, 2, 3, 4, 5);
  let running = 1_000;
  return {
    ...systemClock,
    now: () => wall,
    monotonic: () => running,
    pass(ms) {
      wall += ms;
      running += ms;
    },
    setWall(ms) {
      wall = ms;
    },
  };
}
