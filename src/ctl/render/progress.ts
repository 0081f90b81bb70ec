/** The lines that show how a transfer is coming on. */

import type { TransferView } from "../../control/schema.ts";
import { assertNever } from "../../core/assert.ts";
import { type Progress, percentOf, rateOf, TOO_SHORT, timeLeft } from "../../core/progress.ts";
import { formatDuration, formatRate, formatSize, safe } from "../../core/text.ts";
import { clip, type Measure } from "./width.ts";
import { alreadyThere, isAllThere, queuedText, what } from "./words.ts";

const MIN_BAR = 10;
const MAX_BAR = 40;
const MIN_NAME = 8;

type TransferProgress = Progress<TransferView>;

/** `resumed at 63%`, when an earlier attempt had moved something. */
export function resumedAt({ bytes, resumed }: TransferView): string[] {
  return resumed > 0 ? [`resumed at ${Math.min(100, Math.floor((resumed * 100) / bytes))}%`] : [];
}

/** What is going on, on one line of at most `columns`. */
export function statusLine(progress: TransferProgress, at: number, columns: number, measure: Measure): string {
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
function barLine(progress: TransferProgress, at: number, columns: number, measure: Measure): string {
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
export function plainLine(progress: TransferProgress, at: number): string {
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
export function summary(progress: TransferProgress, at: number): string {
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
