/**
 * Lines of `lanxferctl --json` that the control API does not have: those that
 * the CLI makes itself. Each line has `"v":1` besides. The CLI uses the types,
 * tests the checks; docs/automation.md is held against both.
 */

import { z } from "zod";
import { partyView, peerView } from "./schema.ts";

/** The last line of every command, also of one that fails. */
export const doneLine = z.object({
  event: z.literal("done"),
  ok: z.boolean(),
  exit: z.number().int(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type DoneLine = z.infer<typeof doneLine>;

/** `receive`: everything of a transfer is in the inbox. */
export const arrivalLine = z.object({
  event: z.literal("arrival"),
  id: z.string(),
  from: partyView,
  entries: z.number().int(),
  bytes: z.number().int(),
  paths: z.array(z.string()),
});
export type ArrivalLine = z.infer<typeof arrivalLine>;

/** `peers --watch`: who is here at first. */
export const peersLine = z.object({
  type: z.literal("snapshot"),
  seq: z.number().int(),
  peers: z.array(peerView),
});
export type PeersLine = z.infer<typeof peersLine>;

/** `invite --out`: the file that has the invite. */
export const inviteFileLine = z.object({ file: z.string(), expiresAt: z.string() });
export type InviteFileLine = z.infer<typeof inviteFileLine>;

/** `service status`. */
export const serviceLine = z.object({
  enabled: z.boolean(),
  running: z.boolean(),
  words: z.string(),
  definition: z.string().nullable(),
  outdated: z.boolean(),
  node: z.string().nullable(),
  program: z.string().nullable(),
  lingers: z.boolean().nullable(),
});
export type ServiceLine = z.infer<typeof serviceLine>;
