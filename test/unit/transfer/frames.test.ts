import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import {
  BLOCK_PREFIX,
  encodeControl,
  type Frame,
  FrameDecoder,
  writeBlockPrefix,
} from "../../../src/transfer/frames.ts";
import { BLOCK_SIZE, MAX_CONTROL, MAX_PAIR_CONTROL, parseMessage } from "../../../src/transfer/wire.ts";

interface Vectors {
  readonly frames: readonly {
    readonly hex: string;
    readonly control?: object;
    readonly block?: { readonly entry: number; readonly digest: string; readonly content: string };
  }[];
  readonly refusedFrames: readonly { readonly because: string; readonly hex: string }[];
  readonly refusedMessages: readonly { readonly because: string; readonly json: string }[];
}

// Not imported: the loader of the test runner refuses lone surrogates.
const vectors = JSON.parse(readFileSync(new URL("../../vectors/frames.json", import.meta.url), "utf8")) as Vectors; // our own file

function decoder(options: { readonly maxControl?: number; readonly blocks?: boolean } = {}) {
  const allocated: number[] = [];
  const allocate = (length: number) => {
    allocated.push(length);
    return Buffer.alloc(length);
  };
  return { allocated, decoder: new FrameDecoder({ maxControl: MAX_CONTROL, blocks: true, ...options, allocate }) };
}

/** Feeds `bytes` in pieces of `size`. */
function decode(bytes: Buffer, size = bytes.length, into = decoder().decoder): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; at += size) frames.push(...into.feed(bytes.subarray(at, at + size)));
  return frames;
}

function refusal(act: () => unknown): LanxferError {
  try {
    act();
  } catch (error) {
    if (error instanceof LanxferError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

const header = (length: number, type: number) => {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(length);
  bytes[4] = type;
  return bytes;
};

function blockFrame(entry: number, content: Uint8Array): Buffer {
  const frame = Buffer.alloc(BLOCK_PREFIX + content.length);
  frame.set(content, BLOCK_PREFIX);
  writeBlockPrefix(frame, entry, Buffer.alloc(32, 7));
  return frame;
}

const stream = Buffer.concat(vectors.frames.map(({ hex }) => Buffer.from(hex, "hex")));
const expected: Frame[] = vectors.frames.map(({ control, block }) =>
  block === undefined
    ? { type: "control", payload: control }
    : {
        type: "block",
        entry: block.entry,
        digest: Buffer.from(block.digest, "hex"),
        data: Buffer.from(block.content, "hex"),
      },
);

describe("frames", () => {
  it.each([1, 2, 3, 7, stream.length])("are the same when their bytes come %i at a time", (size) => {
    expect(decode(stream, size)).toEqual(expected);
  });

  it("are the same wherever a stream of them is cut in two", () => {
    for (let cut = 1; cut < stream.length; cut++) {
      const { decoder: into } = decoder();
      expect([...into.feed(stream.subarray(0, cut)), ...into.feed(stream.subarray(cut))]).toEqual(expected);
      expect(into.idle).toBe(true);
    }
  });

  it("are encoded as the examples say", () => {
    for (const { hex, control, block } of vectors.frames) {
      if (control !== undefined) expect(encodeControl(control).toString("hex")).toBe(hex);
      if (block === undefined) continue;
      const content = Buffer.from(block.content, "hex");
      const frame = Buffer.concat([Buffer.alloc(BLOCK_PREFIX), content]);
      writeBlockPrefix(frame, block.entry, Buffer.from(block.digest, "hex"));
      expect(frame.toString("hex")).toBe(hex);
    }
  });

  it("carry every message of the examples", () => {
    for (const { control } of vectors.frames) if (control !== undefined) expect(parseMessage(control)).toEqual(control);
  });

  it("of the largest allowed sizes pass", () => {
    const json = Buffer.from(JSON.stringify({ t: "x".repeat(MAX_CONTROL - 8) }));
    expect(json.length).toBe(MAX_CONTROL);
    const largest = [
      Buffer.concat([header(1 + json.length, 1), json]),
      blockFrame(0xffff_ffff, Buffer.alloc(BLOCK_SIZE)),
    ];
    const frames = decode(Buffer.concat(largest), 1000);
    expect(frames.map(({ type }) => type)).toEqual(["control", "block"]);
    expect(frames[1]).toMatchObject({ entry: 0xffff_ffff, data: { length: BLOCK_SIZE } });
  });

  it.each(vectors.refusedFrames)("are refused: $because", ({ hex }) => {
    const bytes = Buffer.from(hex, "hex");
    for (const size of [1, 2, 3, 7, bytes.length]) {
      expect(refusal(() => decode(bytes, size)).code).toBe("E_FRAME");
    }
  });

  it.each([
    [0, 1],
    [MAX_CONTROL + 2, 1],
    [0x8000_0000, 1],
    [0xffff_ffff, 1],
    [1 + 36 + BLOCK_SIZE + 1, 2],
    [0xffff_ffff, 2],
  ])("of length %i and type %i are refused before anything is allocated for them", (length, type) => {
    const { decoder: into, allocated } = decoder();
    expect(refusal(() => decode(header(length, type), 5, into)).code).toBe("E_FRAME");
    expect(allocated).toEqual([]);
  });

  it("that were complete before the garbage are given out first", () => {
    const frames: Frame[] = [];
    const error = refusal(() => {
      for (const frame of decoder().decoder.feed(Buffer.concat([stream, header(0, 1)]))) frames.push(frame);
    });
    expect(error.code).toBe("E_FRAME");
    expect(frames).toEqual(expected);
  });

  it("with blocks are refused where a protocol has none", () => {
    const { decoder: into } = decoder({ blocks: false });
    expect(refusal(() => decode(blockFrame(0, Buffer.of(1)), 100, into)).code).toBe("E_FRAME");
  });

  it("are held to the smaller limit of pairing", () => {
    const small = () => decoder({ maxControl: MAX_PAIR_CONTROL, blocks: false }).decoder;
    const json = (length: number) => Buffer.from(JSON.stringify({ t: "x".repeat(length - 8) }));
    const frame = (length: number) => Buffer.concat([header(1 + length, 1), json(length)]);
    expect(decode(frame(MAX_PAIR_CONTROL), 100, small())).toHaveLength(1);
    expect(refusal(() => decode(frame(MAX_PAIR_CONTROL + 1), 100, small())).code).toBe("E_FRAME");
  });

  it("tell whether the stream may end here", () => {
    const { decoder: into } = decoder();
    const frame = encodeControl({ t: "done" });
    expect(into.idle).toBe(true);
    for (let at = 0; at < frame.length - 1; at++) {
      decode(frame.subarray(at, at + 1), 1, into);
      expect(into.idle).toBe(false);
    }
    decode(frame.subarray(-1), 1, into);
    expect(into.idle).toBe(true);
  });

  it("are not sent when they are larger than any honest message", () => {
    expect(refusal(() => encodeControl({ t: "x".repeat(MAX_CONTROL) })).code).toBe("E_PROTO");
  });
});

describe("messages", () => {
  it.each(vectors.refusedMessages)("are refused: $because", ({ json }) => {
    expect(refusal(() => parseMessage(JSON.parse(json))).code).toBe("E_PROTO");
  });

  it("may have fields of a later version, which are left out", () => {
    expect(parseMessage({ t: "done", colour: "blue", __proto__: null })).toEqual({ t: "done" });
    expect(parseMessage(JSON.parse('{"t":"done","__proto__":{"t":"abort"},"constructor":1}'))).toEqual({ t: "done" });
  });

  it("cannot change what every object has", () => {
    const details = '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":1}}';
    expect(refusal(() => parseMessage(JSON.parse(`{"t":"abort","code":"E_LOST","details":${details}}`))).code).toBe(
      "E_PROTO",
    );
    parseMessage(JSON.parse('{"t":"abort","code":"E_LOST","details":{"__proto__":"x"}}'));
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it.each(["[", '{"a":'])("nested as deep as a frame allows (%s) are refused without harm", (open) => {
    const depth = Math.floor((MAX_CONTROL - 2) / (open.length + 1));
    const close = open === "[" ? "]" : "}";
    const nested = open.repeat(depth) + (open === "[" ? "" : "1") + close.repeat(depth);
    const frame = Buffer.concat([header(1 + nested.length, 1), Buffer.from(nested)]);
    const [got] = decode(frame);
    expect(got?.type).toBe("control");
    if (got?.type === "control") expect(refusal(() => parseMessage(got.payload)).code).toBe("E_PROTO");
    const hidden = JSON.parse(`{"t":"done","x":${nested}}`);
    expect(parseMessage(hidden)).toEqual({ t: "done" });
  });

  it("say what is wrong in a sentence that stays short", () => {
    const error = refusal(() => parseMessage({ t: "entry", index: "x".repeat(10_000) }));
    expect(error.message).toMatch(/^protocol violation between this device and the peer: index /);
    expect(error.message.length).toBeLessThan(400);
  });
});
