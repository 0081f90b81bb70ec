import { open, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { linesOf } from "../../../src/transfer/lines.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();

async function read(content: string | Buffer, longest = 1_000): Promise<[text: string | undefined, end: number][]> {
  const file = path.join(await directory(), "lines");
  await writeFile(file, content);
  const handle = await open(file);
  const lines: [string | undefined, number][] = [];
  try {
    for await (const { text, end } of linesOf(handle, longest)) lines.push([text, end]);
  } finally {
    await handle.close();
  }
  return lines;
}

describe("the lines of a file", () => {
  it("are those that have an end, with where it is", async () => {
    expect(await read("")).toEqual([]);
    expect(await read("torn")).toEqual([]);
    expect(await read("a\n\nbc\ntorn")).toEqual([
      ["a", 2],
      ["", 3],
      ["bc", 6],
    ]);
  });

  it("are whole wherever the pieces end in which they are read, in the middle of a character as well", async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => "é".repeat(i % 50));
    const found = await read(`${lines.join("\n")}\n`);
    expect(found.map(([text]) => text)).toEqual(lines);
    expect(found.at(-1)?.[1]).toBe(Buffer.byteLength(`${lines.join("\n")}\n`));
  });

  it("that are too long are told without their text, and never held in memory", async () => {
    const long = "x".repeat(600_000);
    expect(await read(`a\n${long}\nb\n${"y".repeat(1_000)}\n${"z".repeat(1_001)}\nc\n${long}`)).toEqual([
      ["a", 2],
      [undefined, 600_003],
      ["b", 600_005],
      ["y".repeat(1_000), 601_006],
      [undefined, 602_008],
      ["c", 602_010],
    ]);
  });
});
