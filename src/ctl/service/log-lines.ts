/** The log of the service for people: what the daemon wrote as JSON becomes `time level message key=value`. Pure. */

import { safe } from "../../core/text.ts";
import { formatClock, formatWhen } from "../render/time.ts";

const LEVELS: Readonly<Record<number, string>> = { 10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error" };
/** Of every line, or told otherwise. */
const LEFT_OUT = new Set(["level", "time", "pid", "hostname", "msg"]);
const MAX_VALUE = 512;

/** An entry of journalctl's JSON output; what is no such entry is shown as it is. */
export function journalLine(entry: string): string {
  const { MESSAGE: message, __REALTIME_TIMESTAMP: micros } = objectOf(entry) ?? {};
  if (typeof message !== "string") return safe(entry, Number.POSITIVE_INFINITY);
  return logLine(message, Number(micros) / 1_000);
}

/** A line of the daemon's own, or of somebody who wrote beside it at the time `at` (milliseconds). */
export function logLine(line: string, at: number): string {
  const entry = objectOf(line);
  if (entry === undefined || typeof entry["msg"] !== "string") {
    return [moment(at), text(line)].join(" ").trimStart();
  }
  const when = moment(Number(entry["time"]));
  const facts = Object.entries(entry).filter(([name]) => !LEFT_OUT.has(name));
  const level = LEVELS[Number(entry["level"])] ?? "";
  return [when, level, text(entry["msg"]), ...facts.map(([name, value]) => `${text(name)}=${shown(value)}`)].join(" ");
}

/** `2026-05-01 14:03:22`; nothing for what is no time. */
function moment(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "" : `${formatWhen(date.toISOString()).slice(0, 10)} ${formatClock(ms)}`;
}

/** Of an error, its stack says everything, on one line here. */
function shown(value: unknown): string {
  const stack = typeof value === "object" && value !== null && "stack" in value ? value.stack : undefined;
  if (typeof stack === "string") return text(stack.replace(/\n\s*/g, " < "));
  return text(typeof value === "string" ? value : JSON.stringify(value));
}

function text(value: string): string {
  return safe(value, MAX_VALUE);
}

function objectOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined; // JSON has string keys
  } catch {
    return undefined;
  }
}
