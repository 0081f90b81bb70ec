import { execFileSync } from "node:child_process";
import { chmod, mkdir, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import { measure, type SourceEntry, type Walked, walk } from "../../../src/transfer/source.ts";
import { temporaryDirectories, unprivileged } from "../../support/temporary.ts";

const never = new AbortController().signal;
const files = new SmallFiles();
const directory = temporaryDirectories();

async function walked(...paths: string[]): Promise<Walked[]> {
  const all: Walked[] = [];
  for await (const each of walk({ paths, exclude: [] }, files, never)) all.push(each);
  return all;
}

async function entries(...paths: string[]): Promise<SourceEntry[]> {
  return (await walked(...paths)).flatMap((each) => (each.kind === "entry" ? [each.entry] : []));
}

/** Paths on the wire, in order. */
async function order(...paths: string[]): Promise<string[]> {
  return (await entries(...paths)).map((entry) => entry.path.join("/"));
}

async function failure(work: Promise<unknown>): Promise<LanxferError> {
  const error = await work.then(
    () => new Error("nothing went wrong"),
    (reason: unknown) => reason,
  );
  if (error instanceof LanxferError) return error;
  throw error;
}

/** Another file in its place, with its size and times. */
async function replaced(file: string): Promise<void> {
  const { mtime } = await stat(file);
  await writeFile(`${file}~`, "7654");
  await utimes(`${file}~`, mtime, mtime);
  await rename(`${file}~`, file);
}

const nameOf = (each: Walked) => (each.kind === "entry" ? (each.entry.path.at(-1) ?? "") : path.basename(each.path));
const pipe = (name: string) => execFileSync("mkfifo", [name]);

describe("what is to be sent", () => {
  it("is a folder, then all that is in it, names sorted, at each level", async () => {
    const dir = await directory();
    for (const name of ["b/2", "b/10/x", "b/1", "b/a", "b/B", "a", "b/empty/"]) {
      const target = path.join(dir, "top", name);
      await mkdir(name.endsWith("/") ? target : path.dirname(target), { recursive: true });
      if (!name.endsWith("/")) await writeFile(target, "");
    }
    expect(await order(path.join(dir, "top"))).toEqual([
      "top",
      "top/a",
      "top/b",
      "top/b/1",
      "top/b/10",
      "top/b/10/x",
      "top/b/2",
      "top/b/B",
      "top/b/a",
      "top/b/empty",
    ]);
    expect(await walked(path.join(dir, "top"))).toEqual(await walked(path.join(dir, "top")));
  });

  it("stays sorted in folders larger than what is looked up at a time", async () => {
    const dir = await directory();
    const names = Array.from({ length: 100 }, (_, i) => `f${i}`);
    await Promise.all(names.map((name) => writeFile(path.join(dir, name), "")));
    expect((await order(dir)).slice(1)).toEqual(names.toSorted().map((name) => `${path.basename(dir)}/${name}`));
  });

  it("comes in the order of the paths that were given", async () => {
    const dir = await directory();
    const paths = ["z", "a", "m"].map((name) => path.join(dir, name));
    await Promise.all(paths.map((each) => writeFile(each, "")));
    expect(await order(...paths)).toEqual(["z", "a", "m"]);
  });

  it("is described by type, size, whole milliseconds and the user's executable bit", async () => {
    const dir = await directory();
    const file = path.join(dir, "run.sh");
    await writeFile(file, "12345");
    await chmod(file, 0o4711);
    await utimes(file, 1_700_000_000.1239, 1_700_000_000.1239);
    const [entry] = await entries(file);
    expect(entry).toMatchObject({ type: "file", size: 5, mtime: 1_700_000_000_123, executable: true, source: file });
    await chmod(file, 0o677);
    expect((await entries(file))[0]).toMatchObject({ executable: false });
    expect((await entries(dir))[0]).toMatchObject({ type: "folder", size: 0, executable: false });
  });

  it("may be an empty folder or an empty file", async () => {
    const dir = await directory();
    await mkdir(path.join(dir, "nothing"));
    await writeFile(path.join(dir, "zero"), "");
    const totals = await measure(
      { paths: [path.join(dir, "nothing"), path.join(dir, "zero")], exclude: [] },
      files,
      never,
      () => {},
    );
    expect(totals).toEqual({
      items: [
        { name: "nothing", type: "folder" },
        { name: "zero", type: "file" },
      ],
      entries: 2,
      bytes: 0,
      skipped: 0,
      excluded: 0,
      stamp: expect.any(String),
    });
  });

  it("is added up, the skipped apart", async () => {
    const dir = await directory();
    const top = path.join(dir, "top");
    await mkdir(path.join(top, "in"), { recursive: true });
    await writeFile(path.join(top, "a"), "123");
    await writeFile(path.join(top, "in", "b"), "4567");
    await symlink("a", path.join(top, "link"));
    const skipped: [string, string][] = [];
    const totals = await measure({ paths: [top], exclude: [] }, files, never, (name, reason) =>
      skipped.push([name, reason]),
    );
    const counts = { entries: 4, bytes: 7, skipped: 1, excluded: 0, stamp: expect.any(String) };
    expect(totals).toEqual({ items: [{ name: "top", type: "folder" }], ...counts });
    expect(skipped).toEqual([[path.join(top, "link"), "symbolic link"]]);
  });

  it.each<[string, (top: string) => Promise<unknown>]>([
    ["a file was written to", (top) => writeFile(path.join(top, "in", "b"), "7654")],
    ["a file came", (top) => writeFile(path.join(top, "in", "c"), "")],
    ["a file went", (top) => rm(path.join(top, "a"))],
    ["a file is called otherwise", (top) => rename(path.join(top, "a"), path.join(top, "z"))],
    ["a file was replaced by one that looks the same", (top) => replaced(path.join(top, "in", "b"))],
  ])("has another stamp when %s, and else the same", async (_, change) => {
    const top = path.join(await directory(), "top");
    await mkdir(path.join(top, "in"), { recursive: true });
    await writeFile(path.join(top, "a"), "123");
    await writeFile(path.join(top, "in", "b"), "4567");
    const stamp = async () => (await measure({ paths: [top], exclude: [] }, files, never, () => {})).stamp;
    const before = await stamp();
    expect(await stamp()).toBe(before);
    await change(top);
    expect(await stamp()).not.toBe(before);
  });

  it("ends when it is cancelled", async () => {
    const dir = await directory();
    await writeFile(path.join(dir, "a"), "");
    const cancel = new AbortController();
    const reason = new LanxferError("E_CANCELLED");
    const walking = walk({ paths: [dir], exclude: [] }, files, cancel.signal);
    expect((await walking.next()).value).toMatchObject({ kind: "entry" });
    cancel.abort(reason);
    await expect(walking.next()).rejects.toBe(reason);
  });
});

describe("a path that the user named", () => {
  it("may be a symbolic link to a file or a folder, which keeps the name of the link", async () => {
    const dir = await directory();
    await mkdir(path.join(dir, "real"));
    await writeFile(path.join(dir, "real", "file"), "1");
    await symlink("real", path.join(dir, "folder-link"));
    await symlink("real/file", path.join(dir, "file-link"));
    expect(await order(path.join(dir, "folder-link"))).toEqual(["folder-link", "folder-link/file"]);
    expect(await entries(path.join(dir, "file-link"))).toMatchObject([
      { path: ["file-link"], type: "file", size: 1, source: path.join(dir, "real", "file") },
    ]);
  });

  it("may end in slashes and hold dots", async () => {
    const dir = await directory();
    await mkdir(path.join(dir, "top"));
    expect(await order(`${dir}/./x/../top//`)).toEqual(["top"]);
  });

  it("is refused when it is a pipe, a socket or a device", async () => {
    const dir = await directory();
    pipe(path.join(dir, "pipe"));
    await symlink("pipe", path.join(dir, "link"));
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(path.join(dir, "socket"), resolve));
    for (const name of [path.join(dir, "pipe"), path.join(dir, "link"), path.join(dir, "socket"), "/dev/null"]) {
      const error = await failure(walked(name));
      expect(error).toMatchObject({ code: "E_SOURCE_TYPE", details: { path: name } });
    }
    await new Promise((resolve) => socket.close(resolve));
  });

  it.each([
    ["missing", "E_SOURCE_MISSING"],
    ["file/inner", "E_SOURCE_MISSING"],
    ["dangling", "E_SOURCE_MISSING"],
    ["loop", "E_SOURCE_UNREADABLE"],
  ])("is refused when it leads nowhere: %s", async (name, code) => {
    const dir = await directory();
    await writeFile(path.join(dir, "file"), "");
    await symlink("nowhere", path.join(dir, "dangling"));
    await symlink("loop", path.join(dir, "loop"));
    expect((await failure(walked(path.join(dir, name)))).code).toBe(code);
  });

  it("is refused when it is the root, which has no name", async () => {
    expect((await failure(walked("/"))).code).toBe("E_SOURCE_TYPE");
  });

  it("is refused when a receiver would have to refuse its name", async () => {
    const dir = await directory();
    await writeFile(path.join(dir, "..\\x"), "");
    expect((await failure(walked(path.join(dir, "..\\x")))).code).toBe("E_NAME");
  });
});

describe("inside a folder", () => {
  it("links, pipes and sockets are skipped and reported, not followed, not opened", async () => {
    const dir = await directory();
    const top = path.join(dir, "top");
    await mkdir(top);
    await writeFile(path.join(dir, "secret"), "secret");
    await symlink("../secret", path.join(top, "a-link"));
    await symlink("..", path.join(top, "b-up"));
    await symlink("nowhere", path.join(top, "c-dangling"));
    pipe(path.join(top, "d-pipe"));
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(path.join(top, "e-socket"), resolve));
    await writeFile(path.join(top, "f-file"), "");
    expect((await walked(top)).map((each) => (each.kind === "skipped" ? each.reason : nameOf(each)))).toEqual([
      "top",
      "symbolic link",
      "symbolic link",
      "symbolic link",
      "named pipe",
      "socket",
      "f-file",
    ]);
    await new Promise((resolve) => socket.close(resolve));
  });

  it("a name that is not UTF-8 is an error: no other name may arrive in its place", async () => {
    const dir = await directory();
    await mkdir(path.join(dir, "top"));
    await writeFile(Buffer.concat([Buffer.from(`${dir}/top/caf`), Buffer.of(0xe9)]), "latin-1");
    const error = await failure(walked(path.join(dir, "top")));
    expect(error.code).toBe("E_NAME");
    expect(error.message).toMatch(/not valid UTF-8/);
  });

  it("a name that is not UTF-8 is noticed also beside a file that has the name it would become", async () => {
    const dir = await directory();
    await mkdir(path.join(dir, "top"));
    await writeFile(Buffer.concat([Buffer.from(`${dir}/top/caf`), Buffer.of(0xe9)]), "latin-1");
    await writeFile(path.join(dir, "top", "caf\ufffd"), "another file");
    expect((await failure(walked(path.join(dir, "top")))).code).toBe("E_NAME");
  });

  it("a name with the replacement character itself is a name like any other", async () => {
    const dir = await directory();
    await mkdir(path.join(dir, "top"));
    await writeFile(path.join(dir, "top", "caf\ufffd"), "");
    expect(await order(path.join(dir, "top"))).toEqual(["top", "top/caf\ufffd"]);
  });

  it("a name that would climb on another system is an error, an ordinary backslash is not", async () => {
    const dir = await directory();
    await mkdir(path.join(dir, "top"));
    await writeFile(path.join(dir, "top", "dev-disk\\x2dby.mount"), "");
    expect(await order(path.join(dir, "top"))).toEqual(["top", "top/dev-disk\\x2dby.mount"]);
    await writeFile(path.join(dir, "top", "..\\..\\x"), "");
    expect((await failure(walked(path.join(dir, "top")))).code).toBe("E_NAME");
  });

  it("what cannot be read is an error that names it", async () => {
    const dir = await directory();
    await mkdir(path.join(dir, "top", "closed"), { recursive: true });
    await chmod(path.join(dir, "top", "closed"), 0);
    const error = await unprivileged(dir, () => failure(walked(path.join(dir, "top"))));
    expect(error).toMatchObject({
      code: "E_SOURCE_UNREADABLE",
      details: { path: path.join(dir, "top", "closed"), text: "permission denied" },
    });
    await chmod(path.join(dir, "top", "closed"), 0o700);
  });

  it("128 levels are sent and 129 are too deep", async () => {
    const dir = await directory();
    const deepest = path.join(dir, ...Array.from({ length: 128 }, () => "d"));
    await mkdir(deepest, { recursive: true });
    expect(await order(path.join(dir, "d"))).toHaveLength(128);
    await writeFile(path.join(deepest, "f"), "");
    expect((await failure(walked(path.join(dir, "d")))).code).toBe("E_NAME");
  });

  it("a path of 3072 bytes is sent and one more is too long", async () => {
    const dir = await directory();
    // 15 folders of 191 characters, with their separators 2880 bytes, and the file.
    const folder = "é".repeat(95).concat("x");
    const deepest = path.join(dir, ...Array.from({ length: 15 }, () => folder));
    await mkdir(deepest, { recursive: true });
    await writeFile(path.join(deepest, "f".repeat(192)), "");
    expect(await order(path.join(dir, folder))).toHaveLength(16);
    await writeFile(path.join(deepest, "g".repeat(193)), "");
    expect((await failure(walked(path.join(dir, folder)))).code).toBe("E_NAME");
  });
});

describe("what is excluded", () => {
  it("is left out and told of, a folder without what is in it", async () => {
    const dir = await directory();
    const top = path.join(dir, "top");
    for (const name of ["a.txt", "a.tmp", "cache/x", "cache/y/z", "sub/cache", "sub/b.tmp", "sub/b.txt"]) {
      await mkdir(path.dirname(path.join(top, name)), { recursive: true });
      await writeFile(path.join(top, name), "12345");
    }
    await symlink("nowhere", path.join(top, "link.tmp"));
    const sources = { paths: [top], exclude: ["*.tmp", "cache/"] };
    const all: Walked[] = [];
    for await (const each of walk(sources, files, never)) all.push(each);
    expect(all.flatMap((each) => (each.kind === "entry" ? [each.entry.path.join("/")] : []))).toEqual([
      "top",
      "top/a.txt",
      "top/sub",
      "top/sub/b.txt",
      "top/sub/cache",
    ]);
    expect(all.filter(({ kind }) => kind === "excluded")).toEqual([
      { kind: "excluded", path: path.join(top, "a.tmp"), type: "file" },
      { kind: "excluded", path: path.join(top, "cache"), type: "folder" },
      { kind: "excluded", path: path.join(top, "link.tmp"), type: "file" },
      { kind: "excluded", path: path.join(top, "sub", "b.tmp"), type: "file" },
    ]);
    const totals = await measure(sources, files, never, () => {});
    expect(totals).toMatchObject({ entries: 5, bytes: 15, skipped: 0, excluded: 4 });
  });

  it("is not looked into: what could not be sent does no harm in it", async () => {
    const dir = await directory();
    const top = path.join(dir, "top");
    await mkdir(path.join(top, "closed"), { recursive: true });
    await writeFile(path.join(top, "closed", "..\\..\\x"), "");
    await writeFile(path.join(top, "a\\..\\x"), "");
    await chmod(path.join(top, "closed"), 0);
    const sources = { paths: [top], exclude: ["closed", "a*"] };
    const totals = await unprivileged(dir, () => measure(sources, files, never, () => {}));
    expect(totals).toMatchObject({ entries: 1, excluded: 2 });
    await chmod(path.join(top, "closed"), 0o700);
  });

  it("is the same in a folder of many, which another thread looks at", async () => {
    const dir = await directory();
    const top = path.join(dir, "top");
    await mkdir(top);
    for (let n = 0; n < 600; n++) await writeFile(path.join(top, `${n}.${n % 3 === 0 ? "tmp" : "txt"}`), "");
    const sources = { paths: [top], exclude: ["*.tmp"] };
    const totals = await files.during(() => measure(sources, files, never, () => {}));
    expect(totals).toMatchObject({ entries: 401, excluded: 200 });
  });

  it("may be what the user named, but not all of it", async () => {
    const dir = await directory();
    for (const name of ["a.txt", "a.tmp"]) await writeFile(path.join(dir, name), "");
    const paths = [path.join(dir, "a.txt"), path.join(dir, "a.tmp")];
    const some = await measure({ paths, exclude: ["*.tmp"] }, files, never, () => {});
    expect(some).toMatchObject({ items: [{ name: "a.txt", type: "file" }], excluded: 1 });
    const none = await failure(measure({ paths, exclude: ["a.*"] }, files, never, () => {}));
    expect(none.code).toBe("E_NOTHING");
  });
});
