import { randomBytes } from "node:crypto";
import { appendFile, mkdir, open, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { Flusher } from "../../../src/transfer/flush.ts";
import { clampTime, Part } from "../../../src/transfer/part.ts";
import { PinnedDir } from "../../../src/transfer/pinned.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const NOW = { mtime: 1_767_323_045_123, mode: 0o644 };

async function pinned(): Promise<{ root: string; dir: PinnedDir } & AsyncDisposable> {
  const root = await directory();
  const dir = await PinnedDir.open(root);
  return { root, dir, [Symbol.asyncDispose]: () => dir.close() };
}

const flusher = new Flusher(systemClock);

describe("a part", () => {
  it("holds what was written, wherever and in whatever order", async () => {
    await using at = await pinned();
    const bytes = randomBytes(300_000);
    const part = await Part.create(at.dir, "part");
    const done: number[] = [];
    for (const position of [200_000, 0, 100_000]) {
      part.write(bytes.subarray(position, position + 100_000), position, (written) => done.push(written));
    }
    await part.finish(NOW, flusher);
    expect(done).toEqual([100_000, 100_000, 100_000]);
    expect((await readFile(path.join(at.root, "part"))).equals(bytes)).toBe(true);
  });

  it("is private while it grows, and has the mode and the time it was given when it is finished", async () => {
    await using at = await pinned();
    const part = await Part.create(at.dir, "part");
    expect((await stat(path.join(at.root, "part"))).mode & 0o7777).toBe(0o600);
    part.write(Buffer.from("x"), 0, () => {});
    await part.finish({ mtime: 1_600_000_000_987, mode: 0o751 }, flusher);
    const { mode, mtimeMs } = await stat(path.join(at.root, "part"));
    expect(mode & 0o7777).toBe(0o751);
    expect(Math.floor(mtimeMs)).toBe(1_600_000_000_987);
  });

  it.each([
    ["1970", 0, 0],
    ["before 1970", -62_135_596_800_000, 0],
    ["the year 9999", 253_402_300_799_000, 4_294_967_295_000],
    ["the end of numbers", Number.MAX_SAFE_INTEGER, 4_294_967_295_000],
    ["the other end of numbers", Number.MIN_SAFE_INTEGER, 0],
  ])("of %s gets a time that file systems and tools can show", async (_, mtime, kept) => {
    await using at = await pinned();
    const part = await Part.create(at.dir, "part");
    await part.finish({ mtime, mode: 0o600 }, flusher);
    expect(Math.floor((await stat(path.join(at.root, "part"))).mtimeMs)).toBe(kept);
    expect(clampTime(mtime)).toBe(kept);
  });

  it("of nothing is an empty file", async () => {
    await using at = await pinned();
    await (await Part.create(at.dir, "part")).finish(NOW, flusher);
    expect((await stat(path.join(at.root, "part"))).size).toBe(0);
  });

  it("never opens what is there already: it takes the next free name", async () => {
    await using at = await pinned();
    await writeFile(path.join(at.root, "a.txt"), "before");
    await mkdir(path.join(at.root, "a (1).txt"));
    await symlink("target", path.join(at.root, "a (2).txt"));
    const part = await Part.create(at.dir, "a.txt");
    part.write(Buffer.from("new"), 0, () => {});
    await part.finish(NOW, flusher);
    expect(part.name).toBe("a (3).txt");
    expect(await readFile(path.join(at.root, "a.txt"), "utf8")).toBe("before");
    expect(await readdir(at.root)).not.toContain("target");
  });

  it("stays open to writing when it has shared, or could not share, a file that is not", async () => {
    await using at = await pinned();
    const file = path.join(at.root, "file");
    await writeFile(file, "abc", { mode: 0o444 });
    const from = await open(file, "r");
    const part = await Part.create(at.dir, "part");
    const cloned = await part.clone(from, 2);
    expect(await stat(path.join(at.root, "part"))).toMatchObject({ mode: 0o100600, size: cloned ? 2 : 0 });
    await from.close();
    await part.abandon();
  });

  it("is not finished when somebody has written to it", async () => {
    await using at = await pinned();
    const part = await Part.create(at.dir, "part");
    part.write(Buffer.from("abc"), 0, () => {});
    await expect.poll(() => readFile(path.join(at.root, "part"), "utf8")).toBe("abc");
    await appendFile(path.join(at.root, "part"), "d");
    await expect(part.finish(NOW, flusher)).rejects.toMatchObject({ code: "E_INBOX" });
  });

  it("that is abandoned is closed, after what was being written", async () => {
    await using at = await pinned();
    const part = await Part.create(at.dir, "part");
    const done: number[] = [];
    part.write(Buffer.alloc(1000), 0, (written) => done.push(written));
    await part.abandon();
    await part.abandon(); // once more does nothing
    expect(done).toEqual([1000]);
    expect(openFilesBelow(path.join(at.root, "part"))).toEqual([]);
  });

  it("whose write failed says so at the next write and at its end, counts nothing, and is closed", async () => {
    await using at = await pinned();
    const part = await Part.create(at.dir, "part");
    const done: number[] = [];
    const note = (written: number) => done.push(written);
    const beyond = Number.MAX_SAFE_INTEGER - 1; // EFBIG or EINVAL on every file system
    part.write(Buffer.from("x"), beyond, note);
    await expect.poll(() => done).toEqual([0]);
    expect(() => part.write(Buffer.from("y"), 0, note)).toThrow(/EFBIG|EINVAL/);
    expect(done).toEqual([0, 0]);
    await expect(part.finish(NOW, flusher)).rejects.toThrow(/EFBIG|EINVAL/);
    expect(openFilesBelow(path.join(at.root, "part"))).toEqual([]);
  });

  it("whose last write fails while it is being finished is not finished", async () => {
    await using at = await pinned();
    const part = await Part.create(at.dir, "part");
    part.write(Buffer.alloc(1 << 20), 0, () => {});
    part.write(Buffer.from("x"), Number.MAX_SAFE_INTEGER - 1, () => {});
    await expect(part.finish(NOW, flusher)).rejects.toThrow(/EFBIG|EINVAL/);
  });

  it("keeps the data of each write until that write is done", async () => {
    await using at = await pinned();
    const part = await Part.create(at.dir, "part");
    const data = Buffer.alloc(1 << 20, 1);
    const written = new Promise<void>((resolve) => {
      part.write(data, 0, () => {
        data.fill(2); // what a pool does with memory that came back
        resolve();
      });
    });
    await written;
    await part.finish(NOW, flusher);
    expect((await readFile(path.join(at.root, "part"))).every((byte) => byte === 1)).toBe(true);
  });
});
