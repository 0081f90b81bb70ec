import { mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { Flusher } from "../../../src/transfer/flush.ts";
import { PinnedDir } from "../../../src/transfer/pinned.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import { SmallPart } from "../../../src/transfer/small-part.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const flusher = new Flusher(systemClock);
const files = new SmallFiles();
const ATTRIBUTES = { mtime: 1_600_000_000_987, mode: 0o640 };

async function inFolder(work: (root: string, dir: PinnedDir) => Promise<void>): Promise<void> {
  const root = path.join(await directory(), "folder");
  await mkdir(root);
  const dir = await PinnedDir.open(root);
  await files.during(() => work(root, dir));
  await dir.close();
  expect(openFilesBelow(root)).toEqual([]);
}

describe("a small part", () => {
  it("is on the disk when it is finished, with its attributes, and not before", () =>
    inFolder(async (root, dir) => {
      const part = new SmallPart(dir, "name", files);
      const written: number[] = [];
      part.write(Buffer.from("content"), 0, (bytes) => written.push(bytes));
      expect([await readdir(root), written]).toEqual([[], []]);
      await part.finish(ATTRIBUTES, flusher);
      const { mode, mtimeMs } = await stat(path.join(root, "name"));
      expect([mode & 0o777, Math.floor(mtimeMs)]).toEqual([0o640, ATTRIBUTES.mtime]);
      expect(await readFile(path.join(root, "name"), "utf8")).toBe("content");
      expect([part.name, written]).toEqual(["name", [7]]);
    }));

  it("may be empty, and was then never written to", () =>
    inFolder(async (root, dir) => {
      await new SmallPart(dir, "empty", files).finish(ATTRIBUTES, flusher);
      expect((await stat(path.join(root, "empty"))).size).toBe(0);
    }));

  it("gets the next free name where its own is taken, also by a link that leads nowhere", () =>
    inFolder(async (root, dir) => {
      await writeFile(path.join(root, "a"), "mine");
      await symlink("nowhere", path.join(root, "b"));
      await mkdir(path.join(root, "c"));
      for (const name of ["a", "b", "c"]) {
        const part = new SmallPart(dir, name, files);
        const written: number[] = [];
        part.write(Buffer.from("theirs"), 0, (bytes) => written.push(bytes));
        await part.finish(ATTRIBUTES, flusher);
        expect([part.name, written]).toEqual([`${name} (1)`, [6]]);
        expect(await readFile(path.join(root, part.name), "utf8")).toBe("theirs");
      }
      expect(await readFile(path.join(root, "a"), "utf8")).toBe("mine");
    }));

  it("stays in the folder that was opened, whatever its path leads to now", () =>
    inFolder(async (root, dir) => {
      await rename(root, `${root}.moved`);
      await mkdir(root);
      await new SmallPart(dir, "name", files).finish(ATTRIBUTES, flusher);
      const here = process.platform === "linux" ? `${root}.moved` : root;
      expect(await readdir(here)).toEqual(["name"]);
    }));

  it("says what the disk says, and gives up what it holds", () =>
    inFolder(async (root, dir) => {
      const part = new SmallPart(dir, "x".repeat(300), files);
      const written: number[] = [];
      part.write(Buffer.from("content"), 0, (bytes) => written.push(bytes));
      await expect(part.finish(ATTRIBUTES, flusher)).rejects.toMatchObject({ code: "ENAMETOOLONG" });
      expect([await readdir(root), written]).toEqual([[], [0]]);
    }));

  it("leaves nothing when it is abandoned", () =>
    inFolder(async (root, dir) => {
      const part = new SmallPart(dir, "name", files);
      const written: number[] = [];
      part.write(Buffer.from("content"), 0, (bytes) => written.push(bytes));
      await part.abandon();
      await part.abandon();
      expect([await readdir(root), written]).toEqual([[], [0]]);
    }));
});
