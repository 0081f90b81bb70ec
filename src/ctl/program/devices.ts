/** Commands for the devices that are trusted. */

import { type Command, command, type Positional } from "../grammar.ts";
import { parseAddress, parseInviteSource, parseNewFile, parseTtl } from "../values.ts";
import { JSON_OUTPUT } from "./options.ts";

const DEVICE = {
  name: "device",
  summary: "its name, its id, or the beginning of that",
  arity: "one",
  kind: "device",
} as const satisfies Positional;

export const DEVICES: readonly Command[] = [
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
    async () => (await import("../commands/invite.ts")).invite,
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
    async () => (await import("../commands/pairing.ts")).pair,
  ),
  command(
    { words: ["devices"], summary: "show the paired devices", positionals: [], options: { json: JSON_OUTPUT } },
    async () => (await import("../commands/devices.ts")).devices,
  ),
  command(
    { words: ["unpair"], summary: "end the trust in a device", positionals: [DEVICE], options: {} },
    async () => (await import("../commands/devices.ts")).unpair,
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
    async () => (await import("../commands/devices.ts")).policy,
  ),
  command(
    {
      words: ["rename"],
      summary: "give a paired device another name, on this machine only",
      positionals: [DEVICE, { name: "name", summary: "the new name", arity: "one", kind: "text" }],
      options: {},
    },
    async () => (await import("../commands/devices.ts")).rename,
  ),
];
