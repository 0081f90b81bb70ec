/** The command line of lanxferd: what may stand on it, what --help says of that, and what was asked for. Pure. */

import { parseArgs } from "node:util";
import { LanxferError } from "../core/errors.ts";
import { DEFAULT_PORT } from "../core/places.ts";
import type { SettingName } from "./host/settings.ts";

interface Option {
  readonly summary: string;
  /** What its value is called. Without this it is a switch. */
  readonly takes?: string;
  /** What it overrules. */
  readonly setting?: SettingName;
}

export const OPTIONS = {
  name: { takes: "name", setting: "name", summary: "how this device is called on the network" },
  port: { takes: "port", setting: "port", summary: `TCP port to listen on (${DEFAULT_PORT})` },
  inbox: { takes: "folder", setting: "inbox", summary: "where received files appear (~/LanInbox)" },
  "log-level": { takes: "level", setting: "log.level", summary: "trace, debug, info, warn, error or silent" },
  check: { summary: 'look at this machine as "lanxferctl doctor" does, and end' },
  version: { summary: "show the version" },
  help: { summary: "show this text" },
} as const satisfies Record<string, Option>;

const ALL: readonly (readonly [string, Option])[] = Object.entries(OPTIONS);

export type Flags = Partial<Record<SettingName, string>>;
export type Task =
  | { readonly is: "serve"; readonly flags: Flags }
  | { readonly is: "check" }
  | { readonly is: "help" }
  | { readonly is: "version" };

/** What `argv` asks for. Throws E_USAGE. */
export function readArguments(argv: readonly string[]): Task {
  const values = valuesOf(argv);
  if (values["help"] === true) return { is: "help" };
  if (values["version"] === true) return { is: "version" };
  if (values["check"] === true) return { is: "check" };
  const flags: Flags = {};
  for (const [name, { setting }] of ALL) {
    const value = values[name];
    if (setting !== undefined && typeof value === "string") flags[setting] = value;
  }
  return { is: "serve", flags };
}

function valuesOf(argv: readonly string[]): Readonly<Record<string, string | boolean | undefined>> {
  const options = Object.fromEntries(
    ALL.map(([name, { takes }]) => [name, { type: takes === undefined ? ("boolean" as const) : ("string" as const) }]),
  );
  try {
    // None of the options is a list.
    return parseArgs({ args: [...argv], options, allowPositionals: false }).values as Record<string, string | boolean>;
  } catch (error) {
    const text = error instanceof Error ? (error.message.split(". ")[0] ?? "").toLowerCase() : String(error);
    throw new LanxferError("E_USAGE", { text });
  }
}

export function helpText(): string {
  const rows = ALL.map(
    ([name, { takes = "", summary }]) => [`--${name} ${takes.toUpperCase()}`.trim(), summary] as const,
  );
  const width = Math.max(...rows.map(([option]) => option.length)) + 2;
  return `usage: lanxferd [options]

Receives files from paired devices and sends to them. Runs in the foreground;
lanxferctl talks to it.

${rows.map(([option, summary]) => `  ${option.padEnd(width)}${summary}\n`).join("")}`;
}
