/** Bounded concurrency that keeps the order, and waiting that can be given up. */

/**
 * Applies `map` to what `source` yields, at most `width` at a time, and yields
 * the results in the order of the source. A failure is thrown when its turn comes;
 * results that nobody will see are awaited and dropped.
 */
export async function* mapAhead<In, Out>(
  source: AsyncIterable<In>,
  width: number,
  map: (input: In) => Promise<Out>,
): AsyncGenerator<Out, void> {
  const iterator = source[Symbol.asyncIterator]();
  const running: Promise<Out>[] = [];
  let ended = false;
  try {
    for (;;) {
      while (!ended && running.length < width) {
        const next = await iterator.next();
        if (next.done) ended = true;
        else running.push(map(next.value));
        // A failure is met when its turn comes; until then it is not unhandled.
        running.at(-1)?.catch(() => {});
      }
      const first = running.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    await iterator.return?.();
    await Promise.allSettled(running);
  }
}

/** Lets at most `limit` units in at a time; later ones wait their turn. */
export class Budget {
  readonly #limit: number;
  #used = 0;
  #waiting: { readonly units: number; readonly enter: () => void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits for room. A request for more than the whole limit is let in when nothing else is. */
  async take(units: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(units)) {
      this.#used += units;
      return;
    }
    await new Promise<void>((enter) => this.#waiting.push({ units, enter }));
  }

  give(units: number): void {
    this.#used -= units;
    for (let first = this.#waiting[0]; first !== undefined && this.#fits(first.units); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += first.units;
      first.enter();
    }
  }

  #fits(units: number): boolean {
    return this.#used === 0 || this.#used + units <= this.#limit;
  }
}

/**
 * Runs `work` for whoever asks, but never twice at once: callers that come while
 * it runs share the next run, so that each caller sees a run that began after it
 * asked. Made for fsync of a directory after many renames.
 */
export function coalesce(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let following: Promise<void> | undefined;
  const start = (): Promise<void> => {
    following = undefined;
    const run: Promise<void> = work().finally(() => {
      if (running === run) running = undefined;
    });
    running = run;
    return run;
  };
  return () => {
    // Asked first: between two runs none is running, but the next is already due.
    if (following !== undefined) return following;
    if (running === undefined) return start();
    following = running.then(start, start);
    return following;
  };
}

/**
 * What `source` yields, until `signal` aborts; then it throws the signal's
 * reason, also while the source is silent. The source is let go of, not awaited.
 */
export async function* until<T>(signal: AbortSignal, source: AsyncIterable<T>): AsyncGenerator<T, void> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await orAborted(signal, iterator.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    iterator.return?.().catch(() => {});
  }
}

/** A race with one long-lived promise would keep something for each that took part. */
function orAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
