import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { type Frame, FrameDecoder } from "../../../src/transfer/frames.ts";
import { MAX_CONTROL, parseMessage } from "../../../src/transfer/wire.ts";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/frames.json", import.meta.url), "utf8")) as {
  frames: { hex: string }[]; // our own file
};
const frames = vectors.frames.map(({ hex }) => Buffer.from(hex, "hex"));

/** Frames, and the code of the error that ended them, however `bytes` are cut. */
function decode(bytes: Uint8Array, cuts: readonly number[]): { frames: Frame[]; code: string | undefined } {
  const got: Frame[] = [];
  const decoder = new FrameDecoder({ maxControl: MAX_CONTROL, blocks: true, allocate: Buffer.alloc });
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let at = 0;
  try {
    for (const end of [...ends, bytes.length]) {
      for (const frame of decoder.feed(bytes.subarray(at, end))) got.push(frame);
      at = end;
    }
  } catch (error) {
    if (error instanceof LanxferError) return { frames: got, code: error.code };
    throw error;
  }
  return { frames: got, code: undefined };
}

const cuts = fc.array(fc.nat(10_000), { maxLength: 20 });
const stream = fc
  .array(fc.constantFrom(...frames), { minLength: 1, maxLength: 8 })
  .map((parts) => new Uint8Array(Buffer.concat(parts)));
const mutation = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom("set", "flip", "cut", "insert", "double"),
  byte: fc.nat(255),
});
const mutated = fc.tuple(stream, fc.array(mutation, { minLength: 1, maxLength: 6 })).map(([bytes, mutations]) => {
  let now = Buffer.from(bytes);
  for (const { at, kind, byte } of mutations) {
    const i = at % now.length;
    const [before, after] = [now.subarray(0, i), now.subarray(i)];
    if (kind === "set") now[i] = byte;
    else if (kind === "flip") now[i] = (now[i] ?? 0) ^ (1 << (byte % 8));
    else if (kind === "cut") now = Buffer.concat([before, after.subarray(1 + (byte % 8))]);
    else if (kind === "insert") now = Buffer.concat([before, Buffer.alloc(1 + (byte % 8), byte), after]);
    else now = Buffer.concat([before, after, after]);
    if (now.length === 0) now = Buffer.alloc(1);
  }
  return new Uint8Array(now);
});

/** Messages near the real ones: right names, all kinds of values. */
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(-1, 0, 0.5, 2 ** 53, -0, "", "../x", null, true, [], {}),
  fc.double(),
);
const keys = [
  "t",
  "v",
  "name",
  "features",
  "port",
  "id",
  "entries",
  "bytes",
  "count",
  "items",
  "code",
  "details",
  "index",
];
const more = ["path", "type", "size", "mtime", "executable", "root", "as", "__proto__", "constructor", "toString", "x"];
const types = ["hello", "heartbeat", "offer", "accept", "ask", "decline", "entry", "end", "done", "saved", "progress"];
const messageLike = fc
  .tuple(fc.constantFrom(...types, "complete", "abort"), fc.dictionary(fc.constantFrom(...keys, ...more), value))
  .map(([t, fields]) => JSON.stringify({ ...fields, t }));

describe("frames from anybody", () => {
  it("decode alike however the stream is cut, and give LanxferErrors and nothing else", () => {
    fc.assert(
      fc.property(mutated, cuts, (bytes, at) => {
        const whole = decode(bytes, []);
        expect(decode(bytes, at)).toEqual(whole);
        expect([undefined, "E_FRAME"]).toContain(whole.code);
      }),
      { numRuns: 20_000 },
    );
  });

  it("of nothing but noise do no harm", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, at) => {
        expect(decode(bytes, at)).toEqual(decode(bytes, []));
      }),
      { numRuns: 20_000 },
    );
  });

  it("hold messages that are understood or refused with E_PROTO, and that stay what they are", () => {
    let understood = 0;
    fc.assert(
      fc.property(messageLike, (json) => {
        try {
          const message = parseMessage(JSON.parse(json));
          understood++;
          expect(parseMessage(JSON.parse(JSON.stringify(message)))).toEqual(message);
        } catch (error) {
          if (!(error instanceof LanxferError)) throw error;
          expect(error.code).toBe("E_PROTO");
        }
      }),
      { numRuns: 20_000 },
    );
    expect(understood).toBeGreaterThan(1_000);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
