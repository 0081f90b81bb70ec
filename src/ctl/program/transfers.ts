/** Commands for what is sent and offered, and to whom. */

import { type Command, command } from "../grammar.ts";
import {
  parseFileName,
  parseNote,
  parsePath,
  parsePattern,
  parsePlace,
  parseQueueTtl,
  parseRate,
  parseWait,
} from "../values.ts";
import { JSON_OUTPUT } from "./options.ts";

const ID = { name: "id", summary: "its id, or the beginning of it", arity: "one" } as const;

const TARGETS = {
  name: "target",
  summary: "its id, or the beginning of it; or a device, for all that goes there",
  arity: "many",
} as const;

export const TRANSFERS: readonly Command[] = [
  command(
    {
      words: ["peers"],
      summary: "show who is on the network, paired or not; see also peers add, peers rm",
      positionals: [],
      options: { watch: { summary: "go on and show changes" }, json: JSON_OUTPUT },
    },
    async () => (await import("../commands/peers.ts")).peers,
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
    async () => (await import("../commands/static-peers.ts")).addPeer,
  ),
  command(
    {
      words: ["peers", "rm"],
      summary: "forget an address that was added",
      positionals: [{ name: "name", summary: "the name it was added under", arity: "one", kind: "text" }],
      options: {},
    },
    async () => (await import("../commands/static-peers.ts")).removePeer,
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
    async () => (await import("../commands/send.ts")).send,
  ),
  command(
    {
      words: ["transfers"],
      summary: "show what is being sent and received",
      positionals: [],
      options: { all: { summary: "also what ended lately" }, json: JSON_OUTPUT },
    },
    async () => (await import("../commands/transfers.ts")).transfers,
  ),
  command(
    { words: ["cancel"], summary: "end a transfer", positionals: [{ ...ID, kind: "cancellable" }], options: {} },
    async () => (await import("../commands/transfers.ts")).cancel,
  ),
  command(
    {
      words: ["pause"],
      summary: "keep a transfer from going on; what has arrived of it stays",
      positionals: [{ ...TARGETS, kind: "pausable" }],
      options: {},
    },
    async () => (await import("../commands/transfers.ts")).pause,
  ),
  command(
    {
      words: ["resume"],
      summary: "let a paused transfer go on",
      positionals: [{ ...TARGETS, kind: "paused" }],
      options: {},
    },
    async () => (await import("../commands/transfers.ts")).resume,
  ),
  command(
    {
      words: ["retry"],
      summary: "go on with a transfer that failed, from what the receiver has",
      positionals: [{ ...ID, kind: "retryable" }],
      options: {},
    },
    async () => (await import("../commands/transfers.ts")).retry,
  ),
  command(
    {
      words: ["offers"],
      summary: "show what others want to send and you have not answered",
      positionals: [],
      options: { json: JSON_OUTPUT },
    },
    async () => (await import("../commands/offers.ts")).offers,
  ),
  command(
    {
      words: ["accept"],
      summary: "take what is offered",
      positionals: [{ ...ID, kind: "offer" }],
      options: { pair: { summary: "also trust its sender from now on; nobody checks who that is" } },
    },
    async () => (await import("../commands/offers.ts")).accept,
  ),
  command(
    { words: ["decline"], summary: "refuse what is offered", positionals: [{ ...ID, kind: "offer" }], options: {} },
    async () => (await import("../commands/offers.ts")).decline,
  ),
];
