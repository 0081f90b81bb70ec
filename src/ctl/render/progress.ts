/**
 * How a transfer is coming on: a pure state that is told of each view of the
 * transfer, and the line that shows it. Times are milliseconds on a clock that
 * does not jump.
 */

import type { TransferView } from "../../control/schema.ts";
import { assertNever } from "../../core/assert.ts";
import { formatDuration, formatRate, formatSize, safe } from "../../core/text.ts";
import { clip, type Measure } from "./width.ts";
import { alreadyThere, isAllThere, queuedText, what } from "./words.ts";

const WINDOW = 5_000; // ms over which the rate is averaged; less makes it jump on Wi-Fi
const TOO_SHORT = 500; // ms: less says nothing of the rate
const MIN_BAR = 10;
const MAX_BAR = 40;
const MIN_NAME = 8;

interface Sample {
  readonly at: number;
  readonly moved: number;
}

export interface Progress {
  readonly transfer: TransferView;
  /** Oldest first; the oldest may lie just outside the window. Never empty. */
  readonly samples: readonly Sample[];
  /** Where it stood when the first bytes were to be moved, and until then at the start. */
  readonly from: Sample;
  readonly moving: boolean;
}

export function startProgress(transfer: TransferView, at: number): Progress {
  const from = { at, moved: transfer.moved };
  return advance({ transfer, samples: [from], from, moving: false }, transfer, at);
}

/** The state after a further view of the transfer. */
export function advance(before: Progress, transfer: TransferView, at: number): Progress {
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
export function percentOf({ bytes, moved, state }: TransferView): number {
  if (bytes === 0) return state === "done" ? 100 : 0;
  return Math.min(100, Math.floor((moved * 100) / bytes));
}

/** `resumed at 63%`, when an earlier attempt had moved something. */
export function resumedAt({ bytes, resumed }: TransferView): string[] {
  return resumed > 0 ? [`resumed at ${Math.min(100, Math.floor((resumed * 100) / bytes))}%`] : [];
}

/** What is going on, on one line of at most `columns`. */
export function statusLine(progress: Progress, at: number, columns: number, measure: Measure): string {
  const { transfer } = progress;
  const { state } = transfer;
  const peer = safe(transfer.peer.name);
  switch (state) {
    case "queued":
      return clip(`queued: ${queuedText(transfer)}`, columns, measure);
    case "paused":
      return clip(`paused: ${what(transfer.items)} for ${peer}`, columns, measure);
    case "preparing":
      return clip(`preparing ${what(transfer.items)}`, columns, measure);
    case "connecting":
      return clip(`connecting to ${peer}`, columns, measure);
    case "asking":
      return clip(waitingLine(transfer), columns, measure);
    case "running":
      return barLine(progress, at, columns, measure);
    case "finishing":
      return clip(`${what(transfer.items)} 100%, ${peer} is writing it to disk`, columns, measure);
    case "waiting":
      return clip(`waiting for ${peer}: ${safe(transfer.waitingFor?.message ?? "trying again")}`, columns, measure);
    case "done":
    case "failed":
    case "cancelled":
      return clip(`${what(transfer.items)} ${state}`, columns, measure);
    default:
      return assertNever(state);
  }
}

export function waitingLine(transfer: TransferView): string {
  return `waiting for ${safe(transfer.peer.name)} to accept ${what(transfer.items)} (${formatSize(transfer.bytes)})`;
}

/** `report.pdf  42% [====      ] 258.0 MB/s  12 s left`; what does not fit is left out, the least wanted first. */
function barLine(progress: Progress, at: number, columns: number, measure: Measure): string {
  const { transfer } = progress;
  const rate = rateOf(progress, at);
  const left = timeLeft(progress, at);
  const name = what(transfer.items);
  const percent = ` ${String(percentOf(transfer)).padStart(3)}%`;
  const speed = rate === undefined ? "" : `  ${formatRate(rate)}`;
  const time = left === undefined ? "" : `  ${formatDuration(left)} left`;
  for (const tail of [speed + time, speed, ""]) {
    const room = columns - percent.length - tail.length;
    if (room < MIN_NAME && tail !== "") continue;
    const shown = clip(name, Math.max(room, 0), measure);
    const bar = barOf(transfer, room - measure(shown));
    return clip(`${shown}${percent}${bar}${tail}`, columns, measure);
  }
  return "";
}

function barOf(transfer: TransferView, room: number): string {
  const width = Math.min(room - 3, MAX_BAR); // " [" and "]"
  if (width < MIN_BAR) return "";
  const full = Math.floor((width * percentOf(transfer)) / 100);
  return ` [${"=".repeat(full)}${" ".repeat(width - full)}]`;
}

/** The same for a log: one line, without a bar. */
export function plainLine(progress: Progress, at: number): string {
  const { transfer } = progress;
  const rate = rateOf(progress, at);
  const left = timeLeft(progress, at);
  return [
    `${what(transfer.items)}: ${percentOf(transfer)}% of ${formatSize(transfer.bytes)}`,
    ...(rate === undefined ? [] : [formatRate(rate)]),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
    ...alreadyThere(transfer),
  ].join(", ");
}

/**
 * What became of a transfer that is done: `sent report.pdf to alice (3.1 GB in
 * 12 s, 258.0 MB/s)`, `alice already has report.pdf (3.1 GB)`.
 */
export function summary(progress: Progress, at: number): string {
  const { transfer, from } = progress;
  const peer = safe(transfer.peer.name);
  if (isAllThere(transfer)) return `${peer} already has ${what(transfer.items)} (${formatSize(transfer.bytes)})`;
  const ms = at - from.at;
  const sent = Math.max(0, transfer.moved - Math.max(from.moved, transfer.already.bytes));
  const figures = [
    `${formatSize(transfer.bytes)} in ${formatDuration(ms)}`,
    ...(ms >= TOO_SHORT && transfer.bytes > 0 ? [formatRate((sent * 1000) / ms)] : []),
    ...resumedAt(transfer),
    ...alreadyThere(transfer),
  ];
  return `sent ${what(transfer.items)} to ${peer} (${figures.join(", ")})`;
}
