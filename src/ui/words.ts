/** Numbers, times and states in words, in the locale of the reader. Names are made safe here and are only ever text. */

import type { TransferView } from "../control/schema.ts";
import { assertNever } from "../core/assert.ts";
import { safe } from "../core/text.ts";

/** Longest path or note that is shown: all of it. */
const MAX_LONG = 4_096;

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;

/** In powers of 1000, as the locale writes it. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= (unit === 0 ? 1000 : 999.95) && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const style = { style: "unit", unit: UNITS[unit] ?? "byte", unitDisplay: unit === 0 ? "long" : "short" } as const;
  const digits = unit === 0 ? 0 : 1;
  return new Intl.NumberFormat(undefined, { ...style, maximumFractionDigits: digits }).format(value);
}

export function rate(bytesPerSecond: number): string {
  return `${size(Math.round(Math.max(0, bytesPerSecond)))}/s`;
}

export function count(value: number): string {
  return new Intl.NumberFormat().format(value);
}

/** `1 file`, `3 files`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** `12 sec`, `3 min`, `2 hr 10 min`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const part = (value: number, unit: string) =>
    new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "short" }).format(value);
  if (seconds < 60) return part(seconds, "second");
  if (seconds < 3600) return part(Math.round(seconds / 60), "minute");
  const minutes = Math.round(seconds / 60);
  return `${part(Math.floor(minutes / 60), "hour")} ${part(minutes % 60, "minute")}`;
}

/** Of today only the time, else the day, too. */
export function when(iso: string, now: number): string {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date(now).toDateString();
  const time = { hour: "numeric", minute: "2-digit" } as const;
  const isThisYear = at.getFullYear() === new Date(now).getFullYear();
  const day = { day: "numeric", month: "short", ...(!isThisYear && { year: "numeric" }) } as const;
  return new Intl.DateTimeFormat(undefined, isToday ? time : { ...day, ...time }).format(at);
}

export function name(text: string): string {
  return safe(text);
}

/** A path or a note in full. */
export function long(text: string): string {
  return safe(text, MAX_LONG);
}

/** `report.pdf`, `report.pdf and 2 more`. */
export function what(names: readonly string[], total: number = names.length): string {
  const [first] = names;
  if (first === undefined) return "files";
  return total <= 1 ? name(first) : `${name(first)} and ${count(total - 1)} more`;
}

export function whatOf({ items, count: total }: Pick<TransferView, "items" | "count">): string {
  return what(
    items.map((item) => item.name),
    Math.max(total, items.length),
  );
}

/** What becomes of a transfer now, for a person. */
export function stateOf(transfer: TransferView): string {
  const { state, direction, peer, waitingFor, error } = transfer;
  const who = name(peer.name);
  switch (state) {
    case "queued":
      return queuedText(transfer);
    case "paused":
      return "Paused";
    case "preparing":
      return "Preparing";
    case "connecting":
      return `Connecting to ${who}`;
    case "asking":
      return direction === "out" ? `Waiting for ${who} to accept` : "Waiting for your answer";
    case "running":
      return direction === "out" ? "Sending" : "Receiving";
    case "finishing":
      return "Being written to the disk";
    case "waiting":
      return `Interrupted, goes on by itself: ${sentence(waitingFor?.message ?? "")}`;
    case "done":
      return doneText(transfer);
    case "failed":
      return `Failed: ${sentence(error?.message ?? "")}`;
    case "cancelled":
      return error?.code === "E_CANCELLED_BY_PEER" ? `Cancelled by ${who}` : "Cancelled";
    default:
      return assertNever(state);
  }
}

function queuedText({ peer, queue, waitingFor }: TransferView): string {
  const who = name(peer.name);
  switch (queue?.why) {
    case "behind":
      return `Another one to ${who} goes first`;
    case "turn":
      return "Others go first";
    case "again":
      return `Trying again soon: ${sentence(waitingFor?.message ?? "")}`;
    default:
      return `Waits until ${who} is here`;
  }
}

function doneText({ direction, peer, items }: TransferView): string {
  const who = name(peer.name);
  const wasThere = items.length > 0 && items.every(({ there }) => there);
  if (direction === "in") return wasThere ? `From ${who}, was here already` : `Received from ${who}`;
  if (wasThere) return `Already at ${who}`;
  const renamed = items.find((item) => item.as !== null && item.as !== item.name)?.as;
  return `Delivered to ${who}${renamed == null ? "" : `, saved there as ${name(renamed)}`}`;
}

/** A message of the daemon, whose parts were made safe where it was put together. */
export function sentence(message: string): string {
  return long(message);
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
