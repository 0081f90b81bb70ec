/** Points in time for people: local, to the minute or the second. Intl would take 7 ms to load. */

const two = (value: number) => String(value).padStart(2, "0");

/** `2026-05-01 14:03` for an ISO time; `?` for anything else. */
export function formatWhen(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "?";
  return `${formatDay(date)} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `14:03:22` for milliseconds since 1970. */
export function formatClock(ms: number): string {
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function formatDay(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
