/** Commands for the daemon itself: how it is, its settings, its service; and completion. */

import { type Command, command, type Option, type Positional } from "../grammar.ts";
import { SHELLS } from "../shells.ts";
import { parseLimit, parseUser } from "../values.ts";
import { JSON_OUTPUT } from "./options.ts";

const SETTING = { name: "name", summary: "the setting", arity: "one", kind: "setting" } as const satisfies Positional;

const SERVICE = {
  system: { summary: "one of the system, which runs without anybody logged in" },
  user: { summary: "with --system: whose files it receives and sends", parse: parseUser, takes: "name" },
} as const satisfies Record<string, Option>;

const DRY_RUN = { summary: "only print what would be done" } as const satisfies Option;

export const DAEMON: readonly Command[] = [
  command(
    {
      words: ["ui"],
      summary: "show all of this in a browser, on a page that only this machine can reach",
      positionals: [],
      options: { "no-open": { summary: "only print the address of the page" } },
    },
    async () => (await import("../commands/page.ts")).openPage,
  ),
  command(
    { words: ["status"], summary: "show how lanxferd is doing", positionals: [], options: { json: JSON_OUTPUT } },
    async () => (await import("../commands/status.ts")).status,
  ),
  command(
    {
      words: ["doctor"],
      summary: "look at all that transfers depend on, and say what to do about it",
      positionals: [],
      options: { json: JSON_OUTPUT },
      offline: "perhaps",
    },
    async () => (await import("../commands/doctor.ts")).doctor,
  ),
  command(
    {
      words: ["id"],
      summary: "show the name and the id of this device",
      positionals: [],
      options: { json: JSON_OUTPUT },
    },
    async () => (await import("../commands/status.ts")).id,
  ),
  command(
    {
      words: ["config", "list"],
      summary: "show all settings",
      positionals: [],
      options: { json: JSON_OUTPUT },
    },
    async () => (await import("../commands/config.ts")).list,
  ),
  command(
    { words: ["config", "get"], summary: "show one setting", positionals: [SETTING], options: { json: JSON_OUTPUT } },
    async () => (await import("../commands/config.ts")).get,
  ),
  command(
    {
      words: ["config", "set"],
      summary: "change a setting",
      positionals: [
        SETTING,
        {
          name: "value",
          summary: "the value; of a list, the parts with commas between, or a JSON array",
          arity: "one",
          kind: "value",
        },
      ],
      options: { json: JSON_OUTPUT },
    },
    async () => (await import("../commands/config.ts")).set,
  ),
  command(
    {
      words: ["config", "unset"],
      summary: "go back to the default of a setting",
      positionals: [SETTING],
      options: { json: JSON_OUTPUT },
    },
    async () => (await import("../commands/config.ts")).unset,
  ),
  command(
    {
      words: ["service", "install"],
      summary: "let lanxferd start by itself; again, after an update",
      positionals: [],
      options: { ...SERVICE, "dry-run": DRY_RUN },
      offline: true,
    },
    async () => (await import("../commands/service.ts")).install,
  ),
  command(
    {
      words: ["service", "uninstall"],
      summary: "stop it and remove it; what was received stays, and who is paired",
      positionals: [],
      options: { ...SERVICE, "dry-run": DRY_RUN },
      offline: true,
    },
    async () => (await import("../commands/service.ts")).uninstall,
  ),
  command(
    {
      words: ["service", "status"],
      summary: "show whether it runs, and what it starts",
      positionals: [],
      options: { ...SERVICE, json: JSON_OUTPUT },
      offline: true,
    },
    async () => (await import("../commands/service.ts")).status,
  ),
  command(
    {
      words: ["service", "logs"],
      summary: "show what it wrote to its log",
      positionals: [],
      options: {
        ...SERVICE,
        follow: { summary: "go on and show what is added" },
        lines: { summary: "how many at most (100)", parse: parseLimit, takes: "number" },
      },
      offline: true,
    },
    async () => (await import("../commands/service.ts")).logs,
  ),
  command(
    {
      words: ["completion"],
      summary: "print a script that makes a shell complete these commands",
      positionals: [
        {
          name: "shell",
          summary: "the shell (that of $SHELL)",
          arity: "optional",
          kind: "text",
          choices: SHELLS,
        },
      ],
      options: {},
      offline: true,
    },
    async () => (await import("../commands/completion.ts")).completion,
  ),
];
