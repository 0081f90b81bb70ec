import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { blocksOf, bytesIn, DigestList, digestBlock } from "../../../src/transfer/blocks.ts";
import vectors from "../../vectors/frames.json" with { type: "json" };

describe("block digests", () => {
  it("are BLAKE3, as its authors' vectors have them", () => {
    // Inputs of the BLAKE3 test vectors repeat the bytes 0 to 250.
    const input = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i % 251));
    expect(digestBlock(input(0)).toString("hex")).toBe(
      "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    );
    expect(digestBlock(input(1)).toString("hex")).toBe(
      "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    );
    expect(digestBlock(input(1024)).toString("hex")).toBe(
      "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    );
  });

  it.each(vectors.digests)("give the root of the examples: $root", ({ content, block, root }) => {
    const digests = new DigestList();
    if (block !== null) {
      const digest = digestBlock(Buffer.from(content, "hex"));
      expect(digest.toString("hex")).toBe(block);
      digests.push(digest);
    }
    expect(digests.root()).toBe(root);
  });

  it.each([1, 2, 63, 64, 65, 1_000])("have the root over the list of all %i of them, in order", (count) => {
    const digests = new DigestList();
    const list = Array.from({ length: count }, (_, i) => createHash("sha256").update(String(i)).digest());
    for (const [i, digest] of list.entries()) {
      digests.push(digest);
      expect(digests.count).toBe(i + 1);
      // At each length, so that growing loses nothing.
      if (i % 31 === 0) expect(digests.root()).toBe(digestBlock(Buffer.concat(list.slice(0, i + 1))).toString("hex"));
    }
    expect(digests.root()).toBe(digestBlock(Buffer.concat(list)).toString("hex"));
  });

  it("keep a copy: the memory of a digest may be used again", () => {
    const digest = Buffer.alloc(32, 1);
    const digests = new DigestList();
    digests.push(digest);
    const root = digests.root();
    digest.fill(2);
    expect(digests.root()).toBe(root);
  });

  it("give back a part of the list, take it in again, and have the root of its beginning", () => {
    const list = Array.from({ length: 100 }, (_, i) => createHash("sha256").update(String(i)).digest());
    const digests = new DigestList();
    for (const digest of list) digests.push(digest);
    expect(Buffer.from(digests.slice(0)).equals(Buffer.concat(list))).toBe(true);
    expect(Buffer.from(digests.slice(70, 90)).equals(Buffer.concat(list.slice(70, 90)))).toBe(true);
    const again = new DigestList();
    again.append(digests.slice(0, 70));
    again.append(digests.slice(70));
    expect(again.count).toBe(100);
    expect(again.root()).toBe(digests.root());
    expect(digests.root(70)).toBe(digestBlock(Buffer.concat(list.slice(0, 70))).toString("hex"));
    expect(digests.root(0)).toBe(new DigestList().root());
  });

  it("are as many as the size says, and hold as many bytes", () => {
    const MiB = 1_048_576;
    expect([0, 1, MiB, MiB + 1, 5 * 2 ** 32].map(blocksOf)).toEqual([0, 1, 1, 2, 20_480]);
    expect([bytesIn(0, 5), bytesIn(1, 5), bytesIn(1, MiB + 5), bytesIn(2, MiB + 5)]).toEqual([0, 5, MiB, MiB + 5]);
  });
});
