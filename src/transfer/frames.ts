/**
 * The frames of the protocol (PROTOCOL 3): `u32 length | u8 type | payload`, big
 * endian; `length` counts type and payload. Nothing is allocated before its
 * length was checked.
 */

import { LanxferError } from "../core/errors.ts";
import { BLOCK_SIZE, DIGEST_SIZE, MAX_CONTROL } from "./wire.ts";

const FRAME_CONTROL = 1;
const FRAME_BLOCK = 2;
const HEADER = 5;
const BLOCK_HEADER = 4 + DIGEST_SIZE;

export type Frame =
  | { readonly type: "control"; readonly payload: unknown }
  | { readonly type: "block"; readonly entry: number; readonly digest: Buffer; readonly data: Buffer };

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
