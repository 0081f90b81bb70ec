/** Commands for what has come, and for what happens. */

import { type Command, command, type Option } from "../grammar.ts";
import { parseDuration, parseLimit, parseName, parseSince } from "../values.ts";
import { JSON_OUTPUT } from "./options.ts";

const FROM = {
  summary: "only what this paired device sent: its name or id",
  parse: parseName,
  takes: "device",
} as const satisfies Option;

const NULL = {
  short: "0",
  summary: "print paths, each with NUL after it and not a line break",
} as const satisfies Option;

export const ARRIVALS: readonly Command[] = [
  command(
    {
      words: ["inbox"],
      summary: "show what arrived and is still in the inbox",
      positionals: [],
      options: {
        latest: { summary: "only the newest; it is an error when there is none" },
        from: FROM,
        "print-path": { summary: "print nothing but the path of each" },
        null: NULL,
        json: JSON_OUTPUT,
      },
    },
    async () => (await import("../commands/inbox.ts")).inbox,
  ),
  command(
    {
      words: ["receive"],
      summary: "wait for what arrives from now on, and print the path of each file and folder",
      positionals: [],
      options: {
        once: { summary: "end after the next arrival; without it, go on until interrupted" },
        from: FROM,
        timeout: {
          summary: "how long to wait for one, such as 45s or 10m; then exit with 6",
          parse: parseDuration,
          takes: "time",
        },
        null: NULL,
        json: JSON_OUTPUT,
      },
    },
    async () => (await import("../commands/receive.ts")).receive,
  ),
  command(
    {
      words: ["history"],
      summary: "show past transfers, the newest first",
      positionals: [],
      options: {
        peer: {
          summary: "only with this device: its name, its id, or the beginning of that",
          parse: parseName,
          takes: "device",
        },
        since: {
          summary: "only what ended since: 7d or 12h ago, 2026-05-01, 2026-05-01T14:00",
          parse: parseSince,
          takes: "time",
        },
        limit: { summary: "how many at most (100)", parse: parseLimit, takes: "number" },
        json: JSON_OUTPUT,
      },
    },
    async () => (await import("../commands/history.ts")).history,
  ),
  command(
    { words: ["watch"], summary: "tell what happens, as it happens", positionals: [], options: { json: JSON_OUTPUT } },
    async () => (await import("../commands/watch.ts")).watch,
  ),
];
