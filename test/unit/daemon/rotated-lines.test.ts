import { appendFile, readdir, readFile, stat, truncate, unlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { RotatedLines, type RotationOptions } from "../../../src/daemon/record/rotated-lines.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const SMALL: RotationOptions = { bytes: 100, files: 3 };
const LARGE: RotationOptions = { bytes: 1_000_000, files: 3 };

async function read(lines: RotatedLines, most = Number.POSITIVE_INFINITY): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = [];
  for await (const { text } of lines.newestFirst()) {
    found.push(text);
    if (found.length >= most) break;
  }
  return found;
}

const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`);

describe("lines in files that rotate", () => {
  it("are read from the newest to the oldest, also by the next run", async () => {
    const file = path.join(await directory(), "history.jsonl");
    const lines = await RotatedLines.open(file, LARGE);
    expect(await read(lines)).toEqual([]);
    await Promise.all(numbered(0, 5).map((text) => lines.append(text)));
    expect(await read(lines)).toEqual(numbered(0, 5).reverse());
    await lines.close();
    const again = await RotatedLines.open(file, LARGE);
    await again.append("line 5");
    expect(await read(again)).toEqual(numbered(0, 6).reverse());
    await again.close();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("are bounded in size and number of files, and the newest stay", async () => {
    const dir = await directory();
    const lines = await RotatedLines.open(path.join(dir, "history.jsonl"), SMALL);
    for (const text of numbered(0, 100)) await lines.append(text);
    expect((await readdir(dir)).sort()).toEqual(["history.1.jsonl", "history.2.jsonl", "history.jsonl"]);
    const found = await read(lines);
    expect(found).toEqual(numbered(100 - found.length, 100).reverse());
    expect(found.length).toBeGreaterThan(20);
    const sizes = await Promise.all((await readdir(dir)).map(async (name) => (await stat(path.join(dir, name))).size));
    for (const size of sizes) expect(size).toBeLessThanOrEqual(100);
    expect(lines.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
    await lines.close();
    const again = await RotatedLines.open(path.join(dir, "history.jsonl"), SMALL);
    expect(again.bytes).toBe(lines.bytes);
    await again.close();
  });

  it("may each be larger than a file should be", async () => {
    const dir = await directory();
    const lines = await RotatedLines.open(path.join(dir, "history.jsonl"), SMALL);
    const large = ["a".repeat(300), "b".repeat(200_000), "c"];
    for (const text of large) await lines.append(text);
    expect(await read(lines)).toEqual(large.toReversed());
    await lines.close();
  });

  it("are all met once by a reader during whose reading files are set aside", async () => {
    const lines = await RotatedLines.open(path.join(await directory(), "history.jsonl"), SMALL);
    for (const text of numbered(0, 20)) await lines.append(text);
    const before = await read(lines);
    const found: (string | undefined)[] = [];
    for await (const { text } of lines.newestFirst()) {
      found.push(text);
      await lines.append(`later ${found.length}`);
    }
    expect(found).toEqual(before);
    await lines.close();
  });

  it("are read no further than somebody wants, and no file stays open", async () => {
    const dir = await directory();
    const lines = await RotatedLines.open(path.join(dir, "history.jsonl"), LARGE);
    for (const text of numbered(0, 20)) await lines.append(text.padEnd(10_000));
    expect((await read(lines, 2)).map((text) => text?.trim())).toEqual(["line 19", "line 18"]);
    await lines.close();
    expect(openFilesBelow(dir)).toEqual([]);
  });

  it("are not lost with one that was cut short", async () => {
    const file = path.join(await directory(), "history.jsonl");
    const lines = await RotatedLines.open(file, LARGE);
    for (const text of numbered(0, 3)) await lines.append(text);
    await lines.close();
    await truncate(file, (await stat(file)).size - 3);
    const again = await RotatedLines.open(file, LARGE);
    await again.append("line 3");
    expect(await read(again)).toEqual(["line 3", "line", "line 1", "line 0"]);
    await again.close();
    expect(await readFile(file, "utf8")).toBe("line 0\nline 1\nline\nline 3\n");
  });

  it("are read past what is too long to be one, of which nothing is kept in memory", async () => {
    const file = path.join(await directory(), "history.jsonl");
    await writeFile(file, "first\n");
    for (let n = 0; n < 65; n++) await appendFile(file, Buffer.alloc(1024 * 1024, "x"));
    await appendFile(file, "\nlast\n");
    const lines = await RotatedLines.open(file, LARGE);
    const before = process.memoryUsage().arrayBuffers;
    expect(await read(lines)).toEqual(["last", undefined, "first"]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150 * 1024 * 1024);
    await lines.close();
  });

  it("are read although a file in between is gone", async () => {
    const dir = await directory();
    const lines = await RotatedLines.open(path.join(dir, "history.jsonl"), SMALL);
    for (const text of numbered(0, 100)) await lines.append(text);
    await unlink(path.join(dir, "history.1.jsonl"));
    const found = await read(lines);
    expect(found.length).toBeGreaterThan(1);
    for (let n = 0; n < 30; n++) await lines.append("more");
    expect((await readdir(dir)).sort()).toEqual(["history.1.jsonl", "history.2.jsonl", "history.jsonl"]);
    await lines.close();
  });

  it("have places by which they are told apart", async () => {
    const lines = await RotatedLines.open(path.join(await directory(), "history.jsonl"), SMALL);
    for (let n = 0; n < 30; n++) await lines.append("the same");
    const places = new Set<string>();
    let count = 0;
    for await (const { place } of lines.newestFirst()) {
      places.add(place);
      count++;
    }
    expect([places.size, count > 20]).toEqual([count, true]);
    await lines.close();
  });
});
