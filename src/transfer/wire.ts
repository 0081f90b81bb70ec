/**
 * The protocol `lanxfer/1` as bytes: limits, messages, frames. The prose, with
 * the meaning of every field, is docs/PROTOCOL.md; the numbers of sections in
 * this folder refer to it.
 *
 * A frame is `u32 length | u8 type | payload`, big endian; `length` counts type
 * and payload. Nothing is allocated before its length was checked.
 */

import { z } from "zod";
import { LanxferError } from "../core/errors.ts";
import { isTransferId, type TransferId } from "../core/ids.ts";

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

/** Path of an entry: components and bytes of UTF-8, separators counted as one byte each. */
export const MAX_DEPTH = 128;
export const MAX_PATH_BYTES = 3072;
export const MAX_LISTED_ITEMS = 64;
/** Items of one `saved`, `have` or `landed`. */
export const MAX_BATCH = 256;
/** Bytes of JSON that a batch is filled to: well below the largest message, whatever its last item is. */
export const BATCH_BYTES = 32 * 1024;

/** PROTOCOL 10: the extensions that this implementation understands. */
export const RESUME = "resume";

/** PROTOCOL 4.5: a side that has sent nothing for this long sends a heartbeat (milliseconds). */
export const HEARTBEAT_MS = 10_000;
/** Nothing at all received for this long: the connection is dead (milliseconds). */
export const DEAD_MS = 30_000;
/** PROTOCOL 4.5: for the TLS handshake, and after it once more for the hello (milliseconds). */
export const OPENING_MS = 10_000;

const FRAME_CONTROL = 1;
const FRAME_BLOCK = 2;
const HEADER = 5;
const BLOCK_HEADER = 4 + DIGEST_SIZE;

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
    features: z.array(z.string().max(32)).max(32),
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
        }),
      )
      .min(1)
      .max(MAX_BATCH),
  }),
  /** PROTOCOL 4.9: the whole transfer landed earlier; `complete` follows. */
  z.object({
    t: z.literal("landed"),
    items: z
      .array(z.object({ item: size, as: nameOf(255) }))
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
      .array(z.object({ index, root: digestHex.optional(), as: nameOf(255).optional() }))
      .min(1)
      .max(MAX_BATCH),
  }),
  z.object({ t: z.literal("progress"), bytes: size }),
  z.object({ t: z.literal("complete") }),
  z.object({ t: z.literal("abort"), code: errorCode, details: errorDetails }),
]);
export type Message = z.infer<typeof message>;
export type MessageOf<T extends Message["t"]> = Extract<Message, { t: T }>;

export type Frame =
  | { readonly type: "control"; readonly payload: unknown }
  | { readonly type: "block"; readonly entry: number; readonly digest: Buffer; readonly data: Buffer };

/** Throws E_PROTO for anything that is not a message of this protocol. */
export function parseMessage(payload: unknown): Message {
  const parsed = message.safeParse(payload);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new LanxferError("E_PROTO", {
    text: `${issue?.path.join(".") ?? ""} ${issue?.message ?? "not understood"}`.trim(),
  });
}

/** One control frame. Throws E_PROTO when the message is larger than any honest one. */
export function encodeControl(payload: object, max: number = MAX_CONTROL): Buffer {
  const json = Buffer.from(JSON.stringify(payload));
  if (json.length > max) throw new LanxferError("E_PROTO", { text: "message too large to send" });
  const frame = Buffer.allocUnsafe(HEADER + json.length);
  frame.writeUInt32BE(1 + json.length, 0);
  frame[4] = FRAME_CONTROL;
  json.copy(frame, HEADER);
  return frame;
}

/** Bytes in front of the content of a block. Whoever reads a file leaves this room, so that a block is one write. */
export const BLOCK_PREFIX = HEADER + BLOCK_HEADER;

/** Fills the first 41 bytes of `frame`; the content stands behind them. */
export function writeBlockPrefix(frame: Buffer, entry: number, digest: Uint8Array): void {
  frame.writeUInt32BE(frame.length - 4, 0);
  frame[4] = FRAME_BLOCK;
  frame.writeUInt32BE(entry, HEADER);
  frame.set(digest, HEADER + 4);
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

export interface DecoderOptions {
  readonly maxControl: number;
  /** Where block frames are not part of the protocol, they are refused. */
  readonly blocks: boolean;
  /** Memory for the content of a block; may come from a pool. */
  readonly allocate: (length: number) => Buffer;
}

type Part =
  | { readonly at: "header" }
  | { readonly at: "control" }
  | { readonly at: "block-header"; readonly length: number }
  | { readonly at: "block"; readonly entry: number; readonly digest: Buffer };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Turns a stream of bytes, however it is cut, into frames. */
export class FrameDecoder {
  readonly #options: DecoderOptions;
  readonly #header = Buffer.alloc(HEADER);
  #part: Part = { at: "header" };
  #target: Buffer = this.#header;
  #filled = 0;

  constructor(options: DecoderOptions) {
    this.#options = options;
  }

  /** True between frames: the stream may end here without having lost anything. */
  get idle(): boolean {
    return this.#part.at === "header" && this.#filled === 0;
  }

  /** Yields each frame that `chunk` completes. Throws E_FRAME or E_PROTO; the decoder is then of no more use. */
  *feed(chunk: Uint8Array): Generator<Frame> {
    let at = 0;
    while (at < chunk.length) {
      const take = Math.min(chunk.length - at, this.#target.length - this.#filled);
      this.#target.set(chunk.subarray(at, at + take), this.#filled);
      this.#filled += take;
      at += take;
      if (this.#filled < this.#target.length) return;
      const frame = this.#complete();
      if (frame !== undefined) yield frame;
    }
  }

  #complete(): Frame | undefined {
    const part = this.#part;
    const bytes = this.#target;
    switch (part.at) {
      case "header": {
        this.#begin(bytes.readUInt32BE(0), bytes[4] ?? 0);
        return undefined;
      }
      case "control": {
        this.#expect({ at: "header" }, this.#header);
        return { type: "control", payload: parseJson(bytes) };
      }
      case "block-header": {
        const digest = Buffer.from(bytes.subarray(4));
        this.#expect({ at: "block", entry: bytes.readUInt32BE(0), digest }, this.#options.allocate(part.length));
        return undefined;
      }
      case "block": {
        this.#expect({ at: "header" }, this.#header);
        return { type: "block", entry: part.entry, digest: part.digest, data: bytes };
      }
    }
  }

  #begin(length: number, type: number): void {
    const refuse = (text: string): never => {
      throw new LanxferError("E_FRAME", { text });
    };
    if (length === 0) refuse("empty frame");
    const payload = length - 1;
    if (type === FRAME_CONTROL) {
      if (payload === 0 || payload > this.#options.maxControl) refuse(`message of ${payload} bytes`);
      this.#expect({ at: "control" }, Buffer.allocUnsafe(payload));
    } else if (type === FRAME_BLOCK && this.#options.blocks) {
      const data = payload - BLOCK_HEADER;
      if (data < 1 || data > BLOCK_SIZE) refuse(`block of ${data} bytes`);
      this.#expect({ at: "block-header", length: data }, Buffer.allocUnsafe(BLOCK_HEADER));
    } else {
      refuse(`unknown frame type ${type}`);
    }
  }

  #expect(part: Part, target: Buffer): void {
    this.#part = part;
    this.#target = target;
    this.#filled = 0;
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw new LanxferError("E_FRAME", { text: "message is not JSON in UTF-8" }, { cause });
  }
}
