/**
 * The protocol `lanxfer/1`: limits and messages; as bytes it is frames.ts. The
 * prose, with the meaning of every field, is docs/PROTOCOL.md; the numbers of
 * sections in this folder refer to it.
 */

import { z } from "zod";
import { LanxferError } from "../core/errors.ts";
import { isTransferId, type TransferId } from "../core/ids.ts";
import { MAX_WIRE_NAME_BYTES } from "../core/names.ts";
import { isNote } from "../core/text.ts";

/** The version gate (PROTOCOL 2.2). */
export const ALPN_TRANSFER = "lanxfer/1";
export const ALPN_PAIR = "lanxfer-pair/1";

export const MiB = 1024 * 1024;

/** Bytes of content in every block but the last of a file. */
export const BLOCK_SIZE = MiB;
export const DIGEST_SIZE = 32;

/** Largest JSON payload. An offer lists at most 64 names, so honest messages stay far below. */
export const MAX_CONTROL = 64 * 1024;
/** Before two devices are paired they have little to say. */
export const MAX_PAIR_CONTROL = 1024;
export const MAX_PAIR_MESSAGES = 8;
/** PROTOCOL 4.10: what a device that is not paired may say until its offer is accepted: hello, the offer, heartbeats (bytes). */
export const MAX_UNACCEPTED = 3 * MAX_CONTROL;

/** Path of an entry: components and bytes of UTF-8, separators counted as one byte each. */
export const MAX_DEPTH = 128;
export const MAX_PATH_BYTES = MAX_WIRE_NAME_BYTES;
export const MAX_LISTED_ITEMS = 64;
/** Items of one `saved`, `have` or `landed`. */
export const MAX_BATCH = 256;
/** Bytes of JSON that a batch is filled to: well below the largest message, whatever its last item is. */
export const BATCH_BYTES = 32 * 1024;

/** PROTOCOL 4.11: of what is there from earlier transfers so many more items may be told than the offer has entries. */
export const MORE_THERE = 1_000;

/** PROTOCOL 10: the extensions that this implementation understands. */
export const RESUME = "resume";

/** PROTOCOL 4.5: a side that has sent nothing for this long sends a heartbeat (milliseconds). */
export const HEARTBEAT_MS = 10_000;
/** Nothing at all received for this long: the connection is dead (milliseconds). */
export const DEAD_MS = 30_000;
/** PROTOCOL 4.5: for the TLS handshake, and after it once more for the hello (milliseconds). */
export const OPENING_MS = 10_000;

const index = z.number().int().min(0).max(0xffff_ffff);
const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const errorCode = z.string().min(1).max(64);
const errorDetails = z.record(z.string(), z.union([z.string(), z.number()])).optional();
const digestHex = z.string().regex(/^[0-9a-f]{64}$/);
const component = z.string().refine((name) => name.isWellFormed(), "not well-formed");
/** A name of at most `bytes` bytes of UTF-8. */
const nameOf = (bytes: number) =>
  component.min(1).refine((name) => Buffer.byteLength(name) <= bytes, `longer than ${bytes} bytes`);
const itemType = z.enum(["file", "folder"]);
const path = z.array(component).min(1).max(MAX_DEPTH);
/** Milliseconds since 1970. */
const mtime = z.number().int().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);
/** A number of whole blocks; of a finished file, all of them. */
const blocks = z
  .number()
  .int()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER / BLOCK_SIZE);

export const offerMessage = z
  .object({
    t: z.literal("offer"),
    id: z.custom<TransferId>(isTransferId, "not a transfer id"),
    entries: size,
    bytes: size,
    /** How many top-level items there are; the first 64 of them are listed. */
    count: size,
    items: z
      .array(z.object({ name: component, type: itemType }))
      .min(1)
      .max(MAX_LISTED_ITEMS),
    /** What the sender's user says about it. */
    note: z.string().refine(isNote, "not a note").optional(),
    /** What the receiver has of it from earlier transfers need not come again (PROTOCOL 4.11). */
    there: z.boolean().optional(),
  })
  // A person may be asked about this list: nothing may come that was left out of it.
  .refine(({ items, count }) => items.length === Math.min(count, MAX_LISTED_ITEMS), "not all items are listed")
  .refine(({ count, entries }) => count <= entries, "fewer entries than items");

/** PROTOCOL 4: every message. Unknown fields are ignored, anything else that does not fit is refused. */
export const message = z.discriminatedUnion("t", [
  z.object({
    t: z.literal("hello"),
    v: z.literal(1),
    name: nameOf(63),
    features: z.array(z.string().regex(/^[ -~]{0,32}$/)).max(32),
    /** TCP port that the sender of this message listens on. */
    port: z.number().int().min(1).max(65_535),
  }),
  z.object({ t: z.literal("heartbeat") }),
  offerMessage,
  z.object({ t: z.literal("accept") }),
  z.object({ t: z.literal("ask") }),
  z.object({ t: z.literal("decline"), code: errorCode, details: errorDetails }),
  /** PROTOCOL 4.9: what an earlier attempt at this transfer left at the receiver. */
  z.object({
    t: z.literal("have"),
    items: z
      .array(
        z.object({
          path,
          type: itemType,
          size,
          mtime,
          executable: z.boolean().optional(),
          blocks,
          /** Over the digests of these blocks; left out for a folder. */
          root: digestHex.optional(),
          /** Set when it is a top-level item that has this final name already. */
          as: nameOf(255).optional(),
          /** From an earlier transfer, not from an earlier attempt at this one. */
          there: z.boolean().optional(),
        }),
      )
      .min(1)
      .max(MAX_BATCH),
  }),
  /** PROTOCOL 4.9: the whole transfer landed earlier; `complete` follows. */
  z.object({
    t: z.literal("landed"),
    items: z
      .array(z.object({ item: size, as: nameOf(255), there: z.boolean().optional() }))
      .min(1)
      .max(MAX_BATCH),
  }),
  z.object({
    t: z.literal("entry"),
    index,
    path,
    type: itemType,
    /** Bytes; 0 for a folder. */
    size,
    mtime,
    executable: z.boolean().optional(),
    /** Takes up what the receiver said it has of this entry: so many blocks are not sent again. */
    held: blocks.optional(),
  }),
  z.object({ t: z.literal("end"), index, root: digestHex }),
  z.object({ t: z.literal("done") }),
  z.object({
    t: z.literal("saved"),
    items: z
      .array(
        z.object({
          index,
          root: digestHex.optional(),
          as: nameOf(255).optional(),
          /** Of a top-level item: it stood there already, and nothing was published. */
          there: z.boolean().optional(),
        }),
      )
      .min(1)
      .max(MAX_BATCH),
  }),
  z.object({ t: z.literal("progress"), bytes: size }),
  z.object({ t: z.literal("complete") }),
  z.object({ t: z.literal("abort"), code: errorCode, details: errorDetails }),
]);
export type Message = z.infer<typeof message>;
export type MessageOf<T extends Message["t"]> = Extract<Message, { t: T }>;

/** Throws E_PROTO for anything that is not a message of this protocol. */
export function parseMessage(payload: unknown): Message {
  const parsed = message.safeParse(payload);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new LanxferError("E_PROTO", {
    text: `${issue?.path.join(".") ?? ""} ${issue?.message ?? "not understood"}`.trim(),
  });
}

/** Cuts a list into pieces that fit one `saved`, `have` or `landed` each. */
export function* batches<T extends object>(items: Iterable<T>): Generator<T[], void> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item));
    if (batch.length === MAX_BATCH || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
