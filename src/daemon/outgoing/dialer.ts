/**
 * Reaches a device through whichever of its addresses works: they are tried in
 * order, each a moment after the one before (RFC 8305 section 5), and the first
 * that answers with the right key wins.
 */

import type { Clock } from "../../core/clock.ts";
import { LanxferError, toLanxferError } from "../../core/errors.ts";

/** RFC 8305 recommends 250 ms between attempts. */
const STAGGER_MS = 250;

export interface Closable {
  destroy(): void;
}

/**
 * Resolves with the first attempt that succeeds; later ones are aborted, and a
 * link that comes too late is destroyed. When all fail, another key is the most
 * important reason, then the first failure.
 */
export async function firstToAnswer<T, L extends Closable>(
  targets: readonly T[],
  attempt: (target: T, signal: AbortSignal) => Promise<L>,
  clock: Clock,
  signal: AbortSignal,
): Promise<L> {
  if (targets.length === 0) throw new LanxferError("E_UNREACHABLE", { text: "no address is known" });
  const settled = new AbortController();
  const stop = AbortSignal.any([signal, settled.signal]);
  let winner: L | undefined;
  const failures: LanxferError[] = [];
  let failedEarly: () => void = () => {};
  const run = async (target: T): Promise<void> => {
    try {
      const link = await attempt(target, stop);
      if (winner === undefined && !signal.aborted) {
        winner = link;
        settled.abort(new LanxferError("E_CANCELLED"));
      } else link.destroy();
    } catch (error) {
      failures.push(toLanxferError(error));
      failedEarly();
    }
  };
  const attempts: Promise<void>[] = [];
  for (const target of targets) {
    if (stop.aborted) break;
    const early = new Promise<void>((resolve) => {
      failedEarly = resolve;
    });
    attempts.push(run(target));
    // A refusal is an answer: the next address need not wait for the clock.
    await Promise.race([clock.sleep(STAGGER_MS, stop).catch(() => {}), early]);
  }
  await Promise.all(attempts);
  if (winner !== undefined) return winner;
  signal.throwIfAborted();
  throw failures.find((failure) => failure.code === "E_IDENTITY") ?? failures[0] ?? new LanxferError("E_UNREACHABLE");
}
