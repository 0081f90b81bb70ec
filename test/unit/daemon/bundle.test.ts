import { describe, expect, it } from "vitest";
import { unbundle } from "../../../src/daemon/outgoing/bundle.ts";
import { bundleOf, type Entry, piecesOf } from "../../support/bundles.ts";

async function read(source: AsyncIterable<Uint8Array>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const entry of unbundle(source)) {
    if (entry.is === "folder") found.push({ path: entry.path });
    else {
      const parts: Uint8Array[] = [];
      for await (const part of entry.content) parts.push(part);
      found.push({ path: entry.path, content: Buffer.concat(parts).toString(), mtime: entry.mtime });
    }
  }
  return found;
}

const ENTRIES: readonly Entry[] = [
  { path: ["a.txt"], content: "line\n{\n", mtime: 1_000 },
  { path: ["empty"], content: "", mtime: -1 },
  { path: ["photos"] },
  { path: ["photos", "ü.jpg"], content: "x".repeat(100), mtime: 1_767_225_600_000 },
];

describe("a bundle", () => {
  it.each([1, 2, 3, 7, 10_000])("is taken apart however it is cut, here into pieces of %i bytes", async (size) => {
    expect(await read(piecesOf(bundleOf(ENTRIES), size))).toEqual(ENTRIES);
  });

  it.each([
    ["is no JSON", "{\n", "a line is not JSON"],
    ["is no UTF-8", Buffer.from([0xff, 0x0a]), "a line is not UTF-8"],
    ["is another object", '{"name":"x"}\n', "a line is not understood"],
    ["has a path that is a text", '{"path":"x","size":1,"mtime":0}\n', "a line is not understood"],
    ["has no path", '{"path":[],"folder":true}\n', "a line is not understood"],
    ["is too deep", `${JSON.stringify({ path: Array(129).fill("x"), folder: true })}\n`, "a line is not understood"],
    ["has a size below nothing", '{"path":["x"],"size":-1,"mtime":0}\n', "a line is not understood"],
    ["has a size that is no number", '{"path":["x"],"size":"1","mtime":0}\n', "a line is not understood"],
    ["has a size beyond counting", '{"path":["x"],"size":9007199254740992,"mtime":0}\n', "a line is not understood"],
    ["never ends", "x".repeat(100_000), "a line is too long"],
    ["is followed by more than the end", '{"end":true}\n{', "something follows its end"],
  ])("is refused when a line %s", async (_, bytes, text) => {
    await expect(read(piecesOf(Buffer.from(bytes), 1_000))).rejects.toMatchObject({
      code: "E_USAGE",
      message: `bad bundle: ${text}`,
    });
  });

  it.each(["..", ".", "", "a/b", "a\0b", "x".repeat(256), "..\\x"])("is refused with the name %j", async (name) => {
    for (const path of [[name], ["folder", name], [name, "file"]]) {
      const bytes = bundleOf([{ path, content: "" }]);
      await expect(read(piecesOf(bytes, 100))).rejects.toMatchObject({ code: "E_NAME" });
    }
  });

  it("that is cut off anywhere is not taken for whole", async () => {
    const whole = bundleOf(ENTRIES);
    for (let length = 0; length < whole.length; length++) {
      await expect(read(piecesOf(whole.subarray(0, length), 64))).rejects.toMatchObject({ code: "E_CANCELLED" });
    }
  });

  it("lets go of its source when it is refused, and when nobody reads on", async () => {
    let open = 0;
    async function* watched(bytes: Uint8Array) {
      open++;
      try {
        yield* piecesOf(bytes, 10);
      } finally {
        open--;
      }
    }
    await expect(read(watched(Buffer.from("{\n{\n")))).rejects.toThrow();
    for await (const _ of unbundle(watched(bundleOf(ENTRIES)))) break;
    expect(open).toBe(0);
  });
});
