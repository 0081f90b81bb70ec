/**
 * Reaches a device through whichever of its addresses works: they are tried in
 * order, each a moment after the one before (RFC 8305 section 5), and the first
 * that answers with the right key wins. An address that becomes known meanwhile
 * is tried as well: a device that has just moved is found while its old address
 * still keeps us waiting.
 */

import type { Cancel, Clock } from "../../core/clock.ts";
import { LanxferError, toLanxferError } from "../../core/errors.ts";

/** RFC 8305 recommends 250 ms between attempts. */
const STAGGER_MS = 250;

export interface Closable {
  destroy(): void;
}

export interface Targets<T> {
  /** Known now, the best first. */
  readonly known: readonly T[];
  /** Calls `found` with each that becomes known later, until the returned function is called. */
  readonly watch: (found: (target: T) => void) => Cancel;
  /** Targets with the same text are one. */
  readonly key: (target: T) => string;
}

/**
 * Resolves with the first attempt that succeeds; the others are aborted, and a
 * link that comes too late is destroyed. When all have failed, another key is
 * the most telling reason, then the first failure.
 */
export async function firstToAnswer<T, L extends Closable>(
  targets: Targets<T>,
  attempt: (target: T, signal: AbortSignal) => Promise<L>,
  clock: Clock,
  signal: AbortSignal,
): Promise<L> {
  const decided = new AbortController();
  const stop = AbortSignal.any([signal, decided.signal]);
  const waiting: T[] = [];
  const seen = new Set<string>();
  const running = new Set<Promise<void>>();
  const failures: LanxferError[] = [];
  let winner: L | undefined;
  let news: () => void = () => {};

  const add = (target: T): void => {
    if (seen.has(targets.key(target))) return;
    seen.add(targets.key(target));
    waiting.push(target);
    news();
  };
  const run = async (target: T): Promise<void> => {
    try {
      const link = await attempt(target, stop);
      if (winner !== undefined || stop.aborted) return link.destroy();
      winner = link;
      decided.abort(new LanxferError("E_CANCELLED"));
    } catch (error) {
      failures.push(toLanxferError(error));
    }
  };
  const begin = (target: T): void => {
    const attempting = run(target).then(() => {
      running.delete(attempting);
      news(); // a refusal is an answer: the next address need not wait for the clock
    });
    running.add(attempting);
  };

  const unwatch = targets.watch(add);
  try {
    targets.known.forEach(add);
    while (!stop.aborted) {
      const next = waiting.shift();
      if (next !== undefined) begin(next);
      else if (running.size === 0) break;
      const happened = new Promise<void>((resolve) => {
        news = resolve;
      });
      // With nobody left to try, only news can help.
      const patience = waiting.length > 0 ? clock.sleep(STAGGER_MS, stop).catch(() => {}) : happened;
      await Promise.race([happened, patience, aborted(stop)]);
    }
  } finally {
    unwatch();
    decided.abort(new LanxferError("E_CANCELLED"));
    await Promise.all(running);
  }
  if (winner !== undefined) return winner;
  signal.throwIfAborted();
  const none = new LanxferError("E_UNREACHABLE", { text: "no address is known" });
  throw failures.find((failure) => failure.code === "E_IDENTITY") ?? failures[0] ?? none;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
