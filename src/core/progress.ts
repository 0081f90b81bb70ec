/**
 * How something that moves is coming on: a pure state that is told of each look
 * at it. Times are milliseconds on a clock that does not jump.
 */

/** Over how long the rate is averaged (ms); less makes it jump on Wi-Fi. */
const WINDOW = 5_000;
/** Less says nothing of the rate (ms). */
export const TOO_SHORT = 500;

/** What is looked at; a transfer fits. */
export interface Moving {
  readonly state: string;
  readonly bytes: number;
  readonly moved: number;
}

interface Sample {
  readonly at: number;
  readonly moved: number;
}

export interface Progress<T extends Moving = Moving> {
  readonly transfer: T;
  /** Oldest first; the oldest may lie just outside the window. Never empty. */
  readonly samples: readonly Sample[];
  /** Where it stood when the first bytes were to be moved, and until then at the start. */
  readonly from: Sample;
  readonly moving: boolean;
}

export function startProgress<T extends Moving>(transfer: T, at: number): Progress<T> {
  const from = { at, moved: transfer.moved };
  return advance({ transfer, samples: [from], from, moving: false }, transfer, at);
}

/** The state after a further look. */
export function advance<T extends Moving>(before: Progress<T>, transfer: T, at: number): Progress<T> {
  const sample = { at, moved: transfer.moved };
  const moving = before.moving || transfer.state === "running" || transfer.state === "finishing";
  const begins = moving && !before.moving; // the wait for an answer is no slowness
  const startsOver = transfer.moved < before.transfer.moved || transfer.state === "waiting";
  return {
    transfer,
    moving,
    from: begins ? sample : before.from,
    samples: begins || startsOver ? [sample] : [...recent(before.samples, at), sample],
  };
}

/** The samples in the window, and the last before it, so that what is left spans it. */
function recent(samples: readonly Sample[], at: number): readonly Sample[] {
  const first = samples.findLastIndex((sample) => sample.at <= at - WINDOW);
  return samples.slice(Math.max(first, 0));
}

/** Bytes a second over the last seconds; undefined while there is too little to tell. */
export function rateOf(progress: Progress, at: number): number | undefined {
  const from = recent(progress.samples, at)[0];
  const to = progress.samples.at(-1);
  if (from === undefined || to === undefined || at - from.at < TOO_SHORT) return undefined;
  return ((to.moved - from.moved) * 1000) / (at - from.at);
}

/** Milliseconds to go at the present rate; undefined while that is not known, or nothing moves. */
export function timeLeft(progress: Progress, at: number): number | undefined {
  const rate = rateOf(progress, at);
  const { bytes, moved } = progress.transfer;
  return rate === undefined || rate <= 0 ? undefined : (Math.max(bytes - moved, 0) * 1000) / rate;
}

/** 0 to 100; there is nothing to move of an empty file, so only its end tells. */
export function percentOf({ bytes, moved, state }: Moving): number {
  if (bytes === 0) return state === "done" ? 100 : 0;
  return Math.min(100, Math.floor((moved * 100) / bytes));
}
