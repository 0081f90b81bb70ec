/**
 * Time as a port, so that tests own it. The only place, with daemon/deps.ts,
 * that touches the timers of the platform.
 */

/** Stops what it was returned for. Calling it again does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Wall clock, milliseconds since 1970. For display and records, never for deadlines. */
  now(): number;
  /** Milliseconds that never go back and do not jump when the wall clock is set. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when that comes first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once, `ms` from now. Does not keep the process alive. */
  after(ms: number, run: () => void): Cancel;
  /** Calls `run` every `ms`. Does not keep the process alive. */
  every(ms: number, run: () => void): Cancel;
}

// A timer of the platform counts 31 bits of milliseconds, 24 days, and fires at
// once when asked for more.
const LONGEST_TIMER = 2 ** 31 - 1;

function startTimer(ms: number, run: () => void, adjust: (timer: NodeJS.Timeout) => void = () => {}): Cancel {
  let timer: NodeJS.Timeout;
  const arm = (left: number) => {
    const next = left > LONGEST_TIMER ? () => arm(left - LONGEST_TIMER) : run;
    timer = setTimeout(next, Math.min(left, LONGEST_TIMER));
    adjust(timer);
  };
  arm(ms);
  return () => clearTimeout(timer);
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const stop = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = startTimer(ms, () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      });
      signal?.addEventListener("abort", stop, { once: true });
    });
  },
  after: (ms, run) => startTimer(ms, run, (timer) => timer.unref()),
  every(ms, run) {
    const timer = setInterval(run, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};
