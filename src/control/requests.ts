/**
 * What programs ask of lanxferd: bodies and queries of the control API
 * (schema.ts), with the bounds of what is taken. Only the daemon runs the checks.
 */

import { z } from "zod";
import { isNote, MAX_NOTE } from "../core/text.ts";
import { policy } from "./schema.ts";

const name = z.string().min(1).max(255);

/** Slower than this, the other end would take us for dead between two pieces (bytes a second). */
const LEAST_RATE = 1_000;
const rate = z.number().int().min(LEAST_RATE).max(Number.MAX_SAFE_INTEGER);
/** A line of a .gitignore; those that mean nothing there are mistakes here. */
const pattern = z
  .string()
  .max(1024)
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), "a pattern is printable text")
  .refine((text) => !/^!?\s*$/.test(text), "an empty pattern matches nothing")
  .refine((text) => !text.startsWith("#"), "a pattern that begins with # is a comment, write \\#")
  .refine((text) => !/(?<!\\)(?:\\\\)*\\$/.test(text), "a pattern cannot end with a single backslash");

export const queueRequest = z.object({
  /** For how many milliseconds it may wait to begin, 1 s to a year; the setting `queue.ttl` when left out. */
  ttl: z.number().int().min(1_000).max(31_536_000_000).optional(),
  /** Send a copy that is made now, not what the source is then. */
  copy: z.boolean().optional(),
  /** Refuse with E_UNREACHABLE when the device does not answer now. */
  reachable: z.boolean().optional(),
});
export type QueueRequest = z.infer<typeof queueRequest>;

export const sendRequest = z.object({
  /** Name, petname, id or id prefix of the receiver. */
  peer: name,
  /** Absolute paths on this machine. */
  paths: z.array(z.string().min(1).max(4096).startsWith("/", "must be absolute")).min(1).max(10_000),
  /** Most bytes a second. */
  rate: rate.optional(),
  /** The receiver need not be paired: then the device that is known under that name or id now is meant. */
  unpaired: z.boolean().optional(),
  /** What of it is left out. */
  exclude: z.array(pattern).max(256).optional(),
  /** Send also what the receiver has from earlier transfers. */
  always: z.boolean().optional(),
  note: z.string().refine(isNote, `a note is one line of printable text, at most ${MAX_NOTE} bytes`).optional(),
  /** Deliver it whenever the device is there; without this, now or never. Answered when that is durable. */
  queue: queueRequest.optional(),
});
export type SendRequest = z.infer<typeof sendRequest>;

/** The same to several devices: their names with commas between them. */
export const groupRequest = sendRequest.extend({ peer: z.string().min(1).max(4096) });
export type GroupRequest = z.infer<typeof groupRequest>;

/** A query; the content is the body of the request. */
export const streamRequest = sendRequest.pick({ peer: true, note: true }).extend({
  /** What the file is called. */
  name: z.string().min(1),
  rate: z.coerce.number().pipe(rate).optional(),
  unpaired: z.stringbool().optional(),
  /** The same object as text. */
  queue: z.string().transform(parsed).pipe(queueRequest).optional(),
});
export type StreamRequest = z.infer<typeof streamRequest>;

/** A query; the body is a bundle (daemon/outgoing/bundle.ts). */
export const bundleRequest = streamRequest.omit({ name: true });
export type BundleRequest = z.infer<typeof bundleRequest>;

function parsed(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue("not valid JSON");
    return z.NEVER;
  }
}

export const addPeerRequest = z.object({
  name,
  host: z.string().min(1).max(253),
  port: z.number().int().min(1).max(65_535),
});
export const inviteRequest = z.object({
  /** Lifetime in milliseconds: 1 s to 24 h. */
  ttl: z.number().int().min(1_000).max(86_400_000).optional(),
  /** Where this device can be reached, for networks without multicast: `HOST[:PORT]`. */
  address: z.string().min(1).max(260).optional(),
});
export const redeemRequest = z.object({ invite: z.string().min(1).max(1024) });
export const pairRequest = z.object({
  /** Name, id or id prefix of the device; any that comes when left out. */
  peer: name.optional(),
});
export const codeRequest = z.object({ code: z.string().min(1).max(64) });
export const devicePatch = z.object({ name: name.optional(), policy: policy.optional() });
export const settingValue = z.object({ value: z.unknown() });
export const acceptRequest = z.object({
  /** Also trusts its sender from now on. */
  pair: z.boolean().optional(),
});
export const inboxQuery = z.object({
  /** Only what this paired device sent: its name, id or id prefix. */
  from: name.optional(),
  limit: z.coerce.number().int().min(1).max(10_000).optional(),
});
export type InboxQuery = z.infer<typeof inboxQuery>;
export const historyQuery = z.object({
  limit: z.coerce.number().int().min(1).max(10_000).optional(),
  /** Name, or id or beginning of it, also of a device that is not paired any more. */
  peer: name.optional(),
  /** Only what ended then or later: milliseconds since 1970. */
  since: z.coerce.number().min(0).max(8.64e15).optional(),
});
export type HistoryQuery = z.infer<typeof historyQuery>;
export const transfersQuery = z.object({ all: z.enum(["true", "false"]).optional() });
