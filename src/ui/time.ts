/** Time in a browser. The only place of the page that touches its clocks and timers. */

export type Cancel = () => void;

/** Milliseconds that do not jump. */
export function steadyNow(): number {
  return performance.now();
}

/** Milliseconds since 1970. */
export function wallNow(): number {
  return Date.now();
}

/** Resolves after `ms`, or when the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

export function after(ms: number, run: () => void): Cancel {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

export function every(ms: number, run: () => void): Cancel {
  const timer = setInterval(run, ms);
  return () => clearInterval(timer);
}
