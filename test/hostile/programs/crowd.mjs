// Many of the same at once, and what became of them.

/**
 * Calls `one` with 0 … count − 1, `width` at a time; resolves when all have settled.
 * @param {number} count
 * @param {number} width
 * @param {(n: number) => Promise<void>} one
 */
export async function inParallel(count, width, one) {
  let next = 0;
  const worker = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}

/** How often each thing happened. */
export class Tally {
  /** @type {Record<string, number>} */
  counts = {};

  /** @param {string} what */
  add(what) {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

/** @param {number} ms */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
