import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SentIndex } from "../../../src/transfer/sent-log.ts";
import { BLOCK_SIZE, DIGEST_SIZE } from "../../../src/transfer/wire.ts";

const file = fc.record({
  path: fc.constantFrom("a", "d/a", "d/b"),
  size: fc.nat(8 * BLOCK_SIZE),
  modified: fc.constantFrom(0, 1.5, 1e12 + 0.25),
  inode: fc.constantFrom(1, 2 ** 53),
});
const honest = fc.tuple(file, fc.nat(8), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([of, from, marks]) => {
  const digests = Buffer.concat([...marks].map((mark) => Buffer.alloc(DIGEST_SIZE, mark)));
  return JSON.stringify({ ...of, from, digests: digests.toString("base64") });
});
/** A line with something else in the place of one of its members, or cut, or anything. */
const damaged = fc.oneof(
  fc
    .tuple(honest, fc.constantFrom("path", "size", "modified", "inode", "from", "digests"), fc.anything())
    .map(([line, member, value]) => stringified({ ...JSON.parse(line), [member]: value })),
  fc.tuple(honest, fc.nat(300)).map(([line, at]) => line.slice(0, at)),
  fc.string({ unit: "binary" }),
  fc.json(),
);

function stringified(value: object): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "{}";
  }
}

describe("the index of what was sent", () => {
  it("reads any lines without an error, and never covers more than a file has", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(honest, damaged), { maxLength: 20 }), file, (lines, { path, ...of }) => {
        const index = new SentIndex();
        for (const line of lines) index.read(line);
        const digests = index.digestsOf({ path: path.split("/"), ...of });
        expect(digests.length % DIGEST_SIZE).toBe(0);
        expect(digests.length / DIGEST_SIZE).toBeLessThanOrEqual(Math.ceil(of.size / BLOCK_SIZE));
      }),
      { numRuns: 20_000 },
    );
  });

  it("says of each block what the last line about it said, whatever stands between", () => {
    const size = 8 * BLOCK_SIZE;
    const line = fc.tuple(fc.nat(7), fc.uint8Array({ minLength: 1, maxLength: 8 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(line, damaged), { maxLength: 20 }), (lines) => {
        const index = new SentIndex();
        const model: number[] = [];
        for (const [[from, marks], noise] of lines) {
          const fits = from <= model.length && from + marks.length <= 8;
          if (fits) model.splice(from, marks.length, ...marks);
          const digests = Buffer.concat([...marks].map((mark) => Buffer.alloc(DIGEST_SIZE, mark))).toString("base64");
          index.read(JSON.stringify({ path: "z", size, modified: 1, inode: 1, from, digests }));
          index.read(noise);
        }
        const known = index.digestsOf({ path: ["z"], size, modified: 1, inode: 1 });
        expect([...known].filter((_, at) => at % DIGEST_SIZE === 0)).toEqual(model);
      }),
      { numRuns: 5_000 },
    );
  });
});
