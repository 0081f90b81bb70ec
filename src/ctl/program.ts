/** Every command of lanxferctl. What a command does is in its file; this says how it is called. */

import { type Command, command, type Option, type Positional } from "./grammar.ts";
import { SHELLS } from "./shells.ts";
import {
  parseAddress,
  parseDuration,
  parseFileName,
  parseInviteSource,
  parseLimit,
  parseName,
  parseNewFile,
  parseNote,
  parsePath,
  parsePattern,
  parsePlace,
  parseQueueTtl,
  parseRate,
  parseSince,
  parseTtl,
  parseUser,
  parseWait,
} from "./values.ts";

const JSON_OUTPUT = { summary: "print one JSON object a line" } as const satisfies Option;

const ID = { name: "id", summary: "its id, or the beginning of it", arity: "one" } as const;
const TARGETS = {
  name: "target",
  summary: "its id, or the beginning of it; or a device, for all that goes there",
  arity: "many",
} as const;
const DEVICE = {
  name: "device",
  summary: "its name, its id, or the beginning of that",
  arity: "one",
  kind: "device",
} as const satisfies Positional;
const FROM = {
  summary: "only what this paired device sent: its name or id",
  parse: parseName,
  takes: "device",
} as const satisfies Option;
const NULL = {
  short: "0",
  summary: "print paths, each with NUL after it and not a line break",
} as const satisfies Option;
const SETTING = { name: "name", summary: "the setting", arity: "one", kind: "setting" } as const satisfies Positional;

const SERVICE = {
  system: { summary: "one of the system, which runs without anybody logged in" },
  user: { summary: "with --system: whose files it receives and sends", parse: parseUser, takes: "name" },
} as const satisfies Record<string, Option>;
const DRY_RUN = { summary: "only print what would be done" } as const satisfies Option;

export const COMMANDS: readonly Command[] = [
  command(
    {
      words: ["peers"],
      summary: "show who is on the network, paired or not; see also peers add, peers rm",
      positionals: [],
      options: { watch: { summary: "go on and show changes" }, json: JSON_OUTPUT },
    },
    async () => (await import("./commands/peers.ts")).peers,
  ),
  command(
    {
      words: ["peers", "add"],
      summary: "say where a device is, for a network without multicast",
      positionals: [
        { name: "name", summary: "a name for the entry", arity: "one", kind: "text" },
        { name: "address", summary: "HOST or HOST:PORT", arity: "one", kind: "text", parse: parsePlace },
      ],
      options: {},
    },
    async () => (await import("./commands/static-peers.ts")).addPeer,
  ),
  command(
    {
      words: ["peers", "rm"],
      summary: "forget an address that was added",
      positionals: [{ name: "name", summary: "the name it was added under", arity: "one", kind: "text" }],
      options: {},
    },
    async () => (await import("./commands/static-peers.ts")).removePeer,
  ),
  command(
    {
      words: ["send"],
      summary: "send files and folders; ends when they are on the receiver's disk",
      positionals: [
        {
          name: "peer",
          summary: "name or id of the receiver; several with commas between them",
          arity: "one",
          kind: "peers",
        },
        {
          name: "path",
          summary: "files and folders, or - for what is piped in",
          arity: "many",
          kind: "path",
          parse: parsePath,
        },
      ],
      options: {
        bwlimit: { summary: "most bytes a second, such as 500k or 2M", parse: parseRate, takes: "rate" },
        unpaired: { summary: "also to a device that is not paired; nobody checks who that is" },
        exclude: {
          summary: "leave out what matches, as in a .gitignore; may be given more than once",
          parse: parsePattern,
          takes: "pattern",
          many: true,
        },
        always: { summary: "send also what the receiver has already" },
        note: { summary: "a line of text for the receiver", parse: parseNote, takes: "text" },
        name: { summary: "what the file is called that is piped in", parse: parseFileName },
        "dry-run": { summary: "only show what would be sent" },
        queue: { summary: "deliver it whenever the receiver is here; ends when that is safe on this disk" },
        wait: {
          summary: "with --queue, stay until it is delivered; with =TIME, such as 10m, no longer than that",
          parse: parseWait,
          takes: "time",
          bare: Number.POSITIVE_INFINITY,
        },
        detach: { summary: "queue it for a receiver that is here; do not stay" },
        copy: { summary: "with --queue, send a copy that is made now: the source may go away" },
        ttl: {
          summary: "with --queue, how long it may wait to begin: 12h, 30d (7d)",
          parse: parseQueueTtl,
          takes: "time",
        },
        json: JSON_OUTPUT,
      },
    },
    async () => (await import("./commands/send.ts")).send,
  ),
  command(
    {
      words: ["transfers"],
      summary: "show what is being sent and received",
      positionals: [],
      options: { all: { summary: "also what ended lately" }, json: JSON_OUTPUT },
    },
    async () => (await import("./commands/transfers.ts")).transfers,
  ),
  command(
    { words: ["cancel"], summary: "end a transfer", positionals: [{ ...ID, kind: "cancellable" }], options: {} },
    async () => (await import("./commands/transfers.ts")).cancel,
  ),
  command(
    {
      words: ["pause"],
      summary: "keep a transfer from going on; what has arrived of it stays",
      positionals: [{ ...TARGETS, kind: "pausable" }],
      options: {},
    },
    async () => (await import("./commands/transfers.ts")).pause,
  ),
  command(
    {
      words: ["resume"],
      summary: "let a paused transfer go on",
      positionals: [{ ...TARGETS, kind: "paused" }],
      options: {},
    },
    async () => (await import("./commands/transfers.ts")).resume,
  ),
  command(
    {
      words: ["retry"],
      summary: "go on with a transfer that failed, from what the receiver has",
      positionals: [{ ...ID, kind: "retryable" }],
      options: {},
    },
    async () => (await import("./commands/transfers.ts")).retry,
  ),
  command(
    {
      words: ["offers"],
      summary: "show what others want to send and you have not answered",
      positionals: [],
      options: { json: JSON_OUTPUT },
    },
    async () => (await import("./commands/offers.ts")).offers,
  ),
  command(
    {
      words: ["accept"],
      summary: "take what is offered",
      positionals: [{ ...ID, kind: "offer" }],
      options: { pair: { summary: "also trust its sender from now on; nobody checks who that is" } },
    },
    async () => (await import("./commands/offers.ts")).accept,
  ),
  command(
    { words: ["decline"], summary: "refuse what is offered", positionals: [{ ...ID, kind: "offer" }], options: {} },
    async () => (await import("./commands/offers.ts")).decline,
  ),
  command(
    {
      words: ["invite"],
      summary: "print a text that lets one other device pair with this one",
      positionals: [],
      options: {
        ttl: { summary: "how long it can be used: 45s, 10m, 1h30m (up to 24h)", parse: parseTtl, takes: "time" },
        address: { summary: "HOST or HOST:PORT of this device, for a network without multicast", parse: parseAddress },
        qr: { summary: "also as a QR code, which a terminal shows anyway" },
        out: { summary: "write it to a new file that only you can read", parse: parseNewFile, takes: "file" },
        json: JSON_OUTPUT,
      },
    },
    async () => (await import("./commands/invite.ts")).invite,
  ),
  command(
    {
      words: ["pair"],
      summary: "pair with a device: each shows a code that is typed into the other",
      positionals: [
        {
          name: "peer",
          summary: "its name or id; without one, wait for any that calls",
          arity: "optional",
          kind: "peer",
        },
      ],
      options: {
        invite: {
          summary: "instead, by an invite: the file that holds it, or - for standard input",
          parse: parseInviteSource,
          takes: "file",
        },
        unlock: { summary: "allow pairing by code again after it failed too often" },
        json: JSON_OUTPUT,
      },
    },
    async () => (await import("./commands/pairing.ts")).pair,
  ),
  command(
    { words: ["devices"], summary: "show the paired devices", positionals: [], options: { json: JSON_OUTPUT } },
    async () => (await import("./commands/devices.ts")).devices,
  ),
  command(
    { words: ["unpair"], summary: "end the trust in a device", positionals: [DEVICE], options: {} },
    async () => (await import("./commands/devices.ts")).unpair,
  ),
  command(
    {
      words: ["policy"],
      summary: "say what happens to what a device sends",
      positionals: [
        DEVICE,
        {
          name: "policy",
          summary: "take it, ask first, or refuse it",
          arity: "one",
          kind: "text",
          choices: ["auto", "ask", "block"],
        },
      ],
      options: {},
    },
    async () => (await import("./commands/devices.ts")).policy,
  ),
  command(
    {
      words: ["rename"],
      summary: "give a paired device another name, on this machine only",
      positionals: [DEVICE, { name: "name", summary: "the new name", arity: "one", kind: "text" }],
      options: {},
    },
    async () => (await import("./commands/devices.ts")).rename,
  ),
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
    async () => (await import("./commands/inbox.ts")).inbox,
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
    async () => (await import("./commands/receive.ts")).receive,
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
    async () => (await import("./commands/history.ts")).history,
  ),
  command(
    { words: ["watch"], summary: "tell what happens, as it happens", positionals: [], options: { json: JSON_OUTPUT } },
    async () => (await import("./commands/watch.ts")).watch,
  ),
  command(
    { words: ["status"], summary: "show how lanxferd is doing", positionals: [], options: { json: JSON_OUTPUT } },
    async () => (await import("./commands/status.ts")).status,
  ),
  command(
    {
      words: ["doctor"],
      summary: "look at all that transfers depend on, and say what to do about it",
      positionals: [],
      options: { json: JSON_OUTPUT },
      offline: "perhaps",
    },
    async () => (await import("./commands/doctor.ts")).doctor,
  ),
  command(
    {
      words: ["id"],
      summary: "show the name and the id of this device",
      positionals: [],
      options: { json: JSON_OUTPUT },
    },
    async () => (await import("./commands/status.ts")).id,
  ),
  command(
    {
      words: ["config", "list"],
      summary: "show all settings",
      positionals: [],
      options: { json: JSON_OUTPUT },
    },
    async () => (await import("./commands/config.ts")).list,
  ),
  command(
    { words: ["config", "get"], summary: "show one setting", positionals: [SETTING], options: { json: JSON_OUTPUT } },
    async () => (await import("./commands/config.ts")).get,
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
    async () => (await import("./commands/config.ts")).set,
  ),
  command(
    {
      words: ["config", "unset"],
      summary: "go back to the default of a setting",
      positionals: [SETTING],
      options: { json: JSON_OUTPUT },
    },
    async () => (await import("./commands/config.ts")).unset,
  ),
  command(
    {
      words: ["service", "install"],
      summary: "let lanxferd start by itself; again, after an update",
      positionals: [],
      options: { ...SERVICE, "dry-run": DRY_RUN },
      offline: true,
    },
    async () => (await import("./commands/service.ts")).install,
  ),
  command(
    {
      words: ["service", "uninstall"],
      summary: "stop it and remove it; what was received stays, and who is paired",
      positionals: [],
      options: { ...SERVICE, "dry-run": DRY_RUN },
      offline: true,
    },
    async () => (await import("./commands/service.ts")).uninstall,
  ),
  command(
    {
      words: ["service", "status"],
      summary: "show whether it runs, and what it starts",
      positionals: [],
      options: { ...SERVICE, json: JSON_OUTPUT },
      offline: true,
    },
    async () => (await import("./commands/service.ts")).status,
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
    async () => (await import("./commands/service.ts")).logs,
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
    async () => (await import("./commands/completion.ts")).completion,
  ),
];

/** What the groups of commands are about, for those that are not a command themselves. */
export const GROUPS: Readonly<Record<string, string>> = {
  config: "show and change settings",
  service: "let lanxferd start by itself and run in the background",
};
