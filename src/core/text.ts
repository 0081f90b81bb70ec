/** Text for people: untrusted text made safe for a terminal; sizes, rates and durations. */

// C0, DEL, C1; line and paragraph separators; bidirectional controls that can
// make a name read as another one; the byte order mark.
const UNSAFE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu;

/** Characters of a device id that a person is shown: 40 bits. */
export const SHORT_ID_LENGTH = 8;

/** Longest text from the network that is ever shown or logged, in UTF-16 units. */
export const MAX_SHOWN = 256;

/**
 * Makes text from the network, from a file name or from a peer's error safe to
 * print: what could move the cursor, forge a line or reverse the reading
 * direction becomes a visible escape; what is longer than `max` is cut.
 */
export function safe(text: string, max: number = MAX_SHOWN): string {
  const shown = text.length > max ? `${cut(text, max - 1)}…` : text;
  return shown.replace(UNSAFE, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same between quotation marks, which it cannot leave: for what somebody claims. */
export function quoted(text: string, max: number = MAX_SHOWN): string {
  return `"${safe(text, max).replaceAll('"', '\\"')}"`;
}

/** Longest note that goes with a transfer (bytes of UTF-8): a sentence or two, in every event about it. */
export const MAX_NOTE = 1_024;

/** Whether `text` may be the note of a transfer: one line of printable text, not too long. */
export function isNote(text: string): boolean {
  const printable = text.trim() !== "" && text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text);
  return printable && Buffer.byteLength(text) <= MAX_NOTE;
}

/** The start of `text`, at most `max` UTF-16 units, never with half of a surrogate pair at its end. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max).replace(/[\ud800-\udbff]$/, "");
}

/** The start of `text`, at most `max` bytes of UTF-8, cut between code points. */
export function cutToBytes(text: string, max: number): string {
  if (Buffer.byteLength(text) <= max) return text;
  let bytes = 0;
  let end = 0;
  for (const char of text) {
    bytes += Buffer.byteLength(char);
    if (bytes > max) break;
    end += char.length;
  }
  return text.slice(0, end);
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** Bytes as a person reads them, in powers of 1000: `0 B`, `1.5 kB`, `3.1 GB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.95 would round to "1000.0" in its own unit.
  while (value >= (unit === 0 ? 1000 : 999.95) && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Bytes a second: `12.3 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatSize(Math.round(bytesPerSecond))}/s`;
}

/** A duration: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatDuration(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

const PERIODS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** A time that somebody set, in the largest unit in which it is whole: `7 days`, `36 hours`, `1 second`. */
export function formatPeriod(ms: number): string {
  const [unit, length] = PERIODS.find(([, each]) => ms >= each && ms % each === 0) ?? ["second", 1_000];
  const count = Math.round(ms / length);
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
