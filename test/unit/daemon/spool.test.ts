import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { LanxferError } from "../../../src/core/errors.ts";
import { transferIdFrom } from "../../../src/core/ids.ts";
import { Outbox } from "../../../src/daemon/outgoing/outbox.ts";
import { Spool } from "../../../src/daemon/outgoing/spool.ts";
import { SpoolRoom } from "../../../src/daemon/outgoing/spool-room.ts";
import { Flusher } from "../../../src/transfer/flush.ts";
import { toSeconds } from "../../../src/transfer/pinned.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import { LogLines } from "../../support/log-lines.ts";
import { temporaryDirectories, unprivileged } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const never = new AbortController().signal;
/** In seconds this has no exact fraction: what is cut off there is a millisecond here. */
const TIME = 1_700_000_000_007;
const idOf = (n: number) => transferIdFrom(new Uint8Array(10).fill(n));
const id = idOf(0);

async function opened(space = 1_000_000) {
  const home = await directory();
  const room = roomFor(space);
  const outbox = new Outbox(path.join(home, "outbox"), room, new LogLines());
  await outbox.load();
  const spool = new Spool({ outbox, room, files: new SmallFiles(), flusher: new Flusher(systemClock) });
  const copy = (paths: readonly string[], bytes: number, exclude: readonly string[] = [], signal = never) =>
    spool.copy(id, { paths, exclude }, bytes, signal);
  return { home, outbox, room, spool, copy };
}

describe("a copy", () => {
  it("has the content, the names, the times and who may run it, for the user alone", async () => {
    const { home, copy } = await opened();
    const folder = path.join(home, "photos 2026");
    await mkdir(path.join(folder, "inner", "empty"), { recursive: true });
    await writeFile(path.join(folder, "inner", "ü.txt"), "hello");
    await writeFile(path.join(folder, "run.sh"), "#!/bin/sh\n");
    await writeFile(path.join(folder, "nothing"), "");
    await chmod(path.join(folder, "run.sh"), 0o4755);
    for (const name of ["inner/ü.txt", "inner", "."]) await utimes(path.join(folder, name), 1, toSeconds(TIME));
    const [top = ""] = await copy([folder], 15);
    expect(path.basename(top)).toBe("photos 2026");
    expect((await readdir(top, { recursive: true })).toSorted()).toEqual(
      ["inner", "inner/empty", "inner/ü.txt", "nothing", "run.sh"].toSorted(),
    );
    expect(await readFile(path.join(top, "inner/ü.txt"), "utf8")).toBe("hello");
    const facts = async (name: string) => {
      const { mode, mtimeMs } = await stat(path.join(top, name));
      return [(mode & 0o7777).toString(8), Math.floor(mtimeMs)];
    };
    expect(await facts("run.sh")).toEqual(["700", expect.any(Number)]);
    expect(await facts("inner/ü.txt")).toEqual(["600", TIME]);
    expect(await facts("inner")).toEqual(["700", TIME]);
    expect(await facts(".")).toEqual(["700", TIME]);
  });

  it("is of each of several sources, also when two have the same name", async () => {
    const { home, copy } = await opened();
    const paths = ["a/x.txt", "b/x.txt"].map((name) => path.join(home, name));
    for (const file of paths) {
      await mkdir(path.dirname(file));
      await writeFile(file, file);
    }
    const copies = await copy(paths, 100);
    expect(copies.map((file) => path.basename(file))).toEqual(["x.txt", "x.txt"]);
    expect(await Promise.all(copies.map((file) => readFile(file, "utf8")))).toEqual(paths);
  });

  it("leaves out what is not sent: links, and what is excluded; a path that the user named may be a link", async () => {
    const { home, copy } = await opened();
    const folder = path.join(home, "d");
    await mkdir(folder);
    for (const name of ["a.txt", "b.tmp"]) await writeFile(path.join(folder, name), name);
    await symlink("a.txt", path.join(folder, "link"));
    await symlink(folder, path.join(home, "named"));
    const [top = ""] = await copy([path.join(home, "named")], 10, ["*.tmp"]);
    expect([path.basename(top), await readdir(top)]).toEqual(["named", ["a.txt"]]);
  });

  it("is as large as it is, in pieces", async () => {
    const { home, copy } = await opened(10_000_000);
    const content = Buffer.alloc(3 * 1024 * 1024 + 7, "lanxfer");
    await writeFile(path.join(home, "large.bin"), content);
    const [top = ""] = await copy([path.join(home, "large.bin")], content.length);
    expect((await readFile(top)).equals(content)).toBe(true);
  });

  it("is not made when all copies would take more than they may", async () => {
    const { home, copy, outbox, spool } = await opened(10);
    const file = path.join(home, "a.txt");
    await writeFile(file, "hello");
    const other = spool.copy(idOf(1), { paths: [file], exclude: [] }, 6, never);
    await expect(copy([file], 5)).rejects.toMatchObject({ code: "E_SPOOL_FULL" });
    expect(await other).toHaveLength(1);
    await outbox.remove(idOf(1));
    expect(await copy([file], 10)).toHaveLength(1);
  });

  it("fails with what is wrong with the source", async () => {
    const { home, copy } = await opened();
    await expect(copy([path.join(home, "nowhere")], 1)).rejects.toMatchObject({ code: "E_SOURCE_MISSING" });
  });

  it("ends when nobody wants it any more, and goes with the job that it was for", async () => {
    const { home, copy, outbox } = await opened();
    await writeFile(path.join(home, "a.txt"), "hello");
    const gone = new AbortController();
    gone.abort(new LanxferError("E_CANCELLED"));
    await expect(copy([path.join(home, "a.txt")], 5, [], gone.signal)).rejects.toMatchObject({ code: "E_CANCELLED" });
    await outbox.remove(id);
    expect(await readdir(path.join(home, "outbox"))).toEqual([]);
  });
});

describe("what is piped in", () => {
  async function* chunks(...texts: string[]) {
    for (const text of texts) yield Buffer.from(text);
  }

  it("is a file of that name which only its user can read", async () => {
    const { spool, outbox, room } = await opened();
    const received = await spool.receive(id, "a b.sql", chunks("select ", "1;"), never);
    expect(received).toEqual({ path: path.join(outbox.copyOf(id), "a b.sql"), bytes: 9 });
    expect(await readFile(received.path, "utf8")).toBe("select 1;");
    expect((await stat(received.path)).mode & 0o777).toBe(0o600);
    expect((await stat(outbox.copyOf(id))).mode & 0o777).toBe(0o700);
    expect(room.total).toBe(9);
  });

  it("may be empty", async () => {
    const { spool, outbox } = await opened();
    expect(await spool.receive(id, "x", chunks(), never)).toMatchObject({ bytes: 0 });
    expect(await readdir(outbox.copyOf(id))).toEqual(["x"]);
  });

  it("fails with what its source says", async () => {
    async function* broken() {
      yield Buffer.from("half");
      throw new LanxferError("E_CANCELLED");
    }
    const { spool } = await opened();
    await expect(spool.receive(id, "x", broken(), never)).rejects.toMatchObject({ code: "E_CANCELLED" });
  });

  it("fails when there is no more room, which the outbox gives back", async () => {
    const { spool, outbox, room } = await opened(5);
    await expect(spool.receive(id, "x", chunks("123", "456"), never)).rejects.toMatchObject({ code: "E_SPOOL_FULL" });
    await outbox.remove(id);
    expect(room.total).toBe(0);
  });

  it("is given up at once while nothing comes", async () => {
    async function* silent() {
      yield Buffer.from("some");
      await new Promise(() => {});
    }
    const stop = new AbortController();
    const { spool } = await opened();
    const copying = spool.receive(id, "x", silent(), stop.signal);
    setTimeout(() => stop.abort(new LanxferError("E_NOT_PAIRED")), 50);
    await expect(copying).rejects.toMatchObject({ code: "E_NOT_PAIRED" });
  });

  it("replaces nothing", async () => {
    const { spool, outbox } = await opened();
    await mkdir(outbox.copyOf(id), { recursive: true });
    await writeFile(path.join(outbox.copyOf(id), "x"), "mine");
    await expect(spool.receive(id, "x", chunks("y"), never)).rejects.toMatchObject({
      code: "E_STATE",
      details: { path: outbox.copyOf(id), text: "EEXIST" },
    });
    expect(await readFile(path.join(outbox.copyOf(id), "x"), "utf8")).toBe("mine");
  });

  it("says where it cannot be kept", async () => {
    const { spool, outbox, home } = await opened();
    await unprivileged(home, async () => {
      const received = spool.receive(id, "x", chunks("y"), never);
      await expect(received).rejects.toMatchObject({
        code: "E_STATE",
        details: { path: outbox.copyOf(id), text: "EACCES" },
      });
    });
  });
});

/** Room for copies on a disk that is large enough. */
function roomFor(space: number): SpoolRoom {
  return new SpoolRoom(
    () => ({ space, reserve: 0 }),
    async () => ({ bavail: 1_000, blocks: 1_000, bsize: 1_000_000 }),
  );
}
