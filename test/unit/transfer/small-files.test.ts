import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFile,
  lstat,
  mkdir,
  readFile,
  rename,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { FileThread } from "../../../src/transfer/file-thread.ts";
import { BLOCK_PREFIX } from "../../../src/transfer/frames.ts";
import { isFile, isFolder, isNotCreated, SmallFiles, type SmallSource } from "../../../src/transfer/small-files.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const files = new SmallFiles();
const directory = temporaryDirectories();
afterAll(() => files.during(async () => {}));

async function listed(source: string): Promise<SmallSource> {
  const { size, mtimeMs, ino } = await lstat(source);
  return { source, size, modified: mtimeMs, inode: ino };
}

describe("looking", () => {
  it("tells what lstat tells, without following links", async () => {
    const dir = await directory();
    await writeFile(path.join(dir, "file"), "12345");
    await mkdir(path.join(dir, "folder"));
    await symlink("file", path.join(dir, "link"));
    execFileSync("mkfifo", [path.join(dir, "pipe")]);
    const names = ["file", "folder", "link", "pipe"];
    const looked = await files.look(dir, names);
    for (const [i, name] of names.entries()) {
      const { mode, size, mtimeMs, ino } = await lstat(path.join(dir, name));
      expect(looked[i]).toEqual({ mode, size, modified: mtimeMs, inode: ino });
    }
    const kinds = looked.map((each) => !(each instanceof Error) && [isFile(each), isFolder(each)]);
    expect(kinds).toEqual([
      [true, false],
      [false, true],
      [false, false],
      [false, false],
    ]);
  });

  it("says of a name that is gone what the system says, and goes on", async () => {
    const dir = await directory();
    await writeFile(path.join(dir, "b"), "");
    const [gone, there] = await files.look(dir, ["a", "b"]);
    expect(gone).toMatchObject({ code: "ENOENT", syscall: "lstat" });
    expect(there).toMatchObject({ size: 0 });
  });
});

describe("reading", () => {
  it("gives each file whole, behind the room for a header", async () => {
    const dir = await directory();
    const contents = [10, 0, 4096, 1, 65_536].map((size) => randomBytes(size));
    const sources: SmallSource[] = [];
    for (const [i, content] of contents.entries()) {
      await writeFile(path.join(dir, String(i)), content);
      sources.push(await listed(path.join(dir, String(i))));
    }
    const frames = await files.read(sources);
    expect(frames.map((frame) => !(frame instanceof Error) && frame.subarray(BLOCK_PREFIX))).toEqual(contents);
  });

  const changes: Record<string, (file: string) => Promise<unknown>> = {
    "was replaced": async (file) => {
      const { mtime, atime } = await stat(file);
      await writeFile(`${file}.new`, "other");
      await utimes(`${file}.new`, atime, mtime);
      await rename(`${file}.new`, file);
    },
    "is shorter": (file) => truncate(file, 2),
    "is longer": (file) => appendFile(file, "more"),
    "has another time": (file) => utimes(file, 1, 1),
    "is a folder now": async (file) => {
      await rename(file, `${file}.old`);
      await mkdir(file);
    },
    "is a pipe now, for which nobody waits": async (file) => {
      await rename(file, `${file}.old`);
      execFileSync("mkfifo", [file]);
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`refuses a file that ${what}, and no other`, async () => {
      const dir = await directory();
      for (const name of ["a", "b"]) await writeFile(path.join(dir, name), "12345");
      const sources = [await listed(path.join(dir, "a")), await listed(path.join(dir, "b"))];
      await change(path.join(dir, "a"));
      const [changed, same] = await files.read(sources);
      expect(changed).toMatchObject({ code: "E_SOURCE_CHANGED", details: { path: path.join(dir, "a") } });
      expect(same).toBeInstanceOf(Buffer);
      expect(openFilesBelow(dir)).toEqual([]);
    });
  }

  it("does not follow a link that took the file's place, and says so as the system does", async () => {
    const dir = await directory();
    await writeFile(path.join(dir, "a"), "12345");
    const source = await listed(path.join(dir, "a"));
    await rename(path.join(dir, "a"), path.join(dir, "b"));
    await symlink("b", path.join(dir, "a"));
    const gone = { ...source, source: path.join(dir, "gone") };
    expect(await files.read([source, gone])).toMatchObject([{ code: "ELOOP" }, { code: "ENOENT" }]);
  });
});

describe("writing", () => {
  const content = (n: number) => Buffer.from(`content of ${n}`);

  it("creates many files with their content, mode and time, and leaves none open", async () => {
    const dir = await directory();
    const names = Array.from({ length: 300 }, (_, n) => path.join(dir, String(n)));
    await Promise.all(
      names.map((name, n) => files.write({ path: name, data: content(n), mode: 0o640, mtime: 1000 + n })),
    );
    for (const [n, name] of names.entries()) {
      const { mode, mtimeMs } = await stat(name);
      expect([await readFile(name), mode & 0o777, mtimeMs]).toEqual([content(n), 0o640, (1000 + n) * 1000]);
    }
    expect(openFilesBelow(dir)).toEqual([]);
  });

  it("replaces nothing, follows no link, and tells that apart from a failure of the disk", async () => {
    const dir = await directory();
    await writeFile(path.join(dir, "taken"), "mine");
    await symlink(path.join(dir, "elsewhere"), path.join(dir, "link"));
    const write = (name: string) =>
      files.write({ path: path.join(dir, name), data: content(1), mode: 0o600, mtime: 1 });
    const outcomes = await Promise.allSettled(["taken", "link", "free"].map(write));
    expect(outcomes).toMatchObject([
      { status: "rejected", reason: { code: "EEXIST" } },
      { status: "rejected", reason: { code: "EEXIST" } },
      { status: "fulfilled" },
    ]);
    const reasons = outcomes.map((outcome) => outcome.status === "rejected" && isNotCreated(outcome.reason));
    expect(reasons).toEqual([true, true, false]);
    expect(await readFile(path.join(dir, "taken"), "utf8")).toBe("mine");
    await expect(stat(path.join(dir, "elsewhere"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("the threads", () => {
  it("end with their last user, and start again for the next", async () => {
    const dir = await directory();
    for (let round = 0; round < 2; round++) {
      const nested = files.during(() => files.during(() => files.look(dir, ["gone"])));
      expect(await nested).toMatchObject([{ code: "ENOENT" }]);
    }
  });

  it("leave nobody waiting who asked one that ends", async () => {
    const program = new URL("data:text/javascript,");
    const thread = new FileThread(program, undefined);
    const asked = thread.run("anything");
    const outcome = expect(asked).rejects.toThrow("the thread for files ended");
    await thread.end();
    await outcome;
  });

  it("tell those who wait why they failed", async () => {
    const program = new URL("data:text/javascript,throw new RangeError('on purpose')");
    await expect(new FileThread(program, undefined).run("anything")).rejects.toThrow("on purpose");
  });
});
