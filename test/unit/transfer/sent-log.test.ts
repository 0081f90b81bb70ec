import { appendFile, mkdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { SentIndex, SentLog } from "../../../src/transfer/sent-log.ts";
import { DIGEST_SIZE, MiB } from "../../../src/transfer/wire.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const opened: SentLog[] = [];
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close();
});

const file = (name: string, size: number, changes = {}) => ({
  path: ["photos", name],
  size,
  modified: 1_767_225_600_123.456,
  inode: 77,
  ...changes,
});

/** As many digests, from number `from` on, none like another. */
function digests(count: number, from = 0): Buffer {
  const all = Buffer.alloc(count * DIGEST_SIZE);
  for (let i = 0; i < count; i++) all.writeUInt32BE(from + i + 1, i * DIGEST_SIZE);
  return all;
}

async function logIn(where?: string) {
  const at = where ?? path.join(await directory(), "job", "sent.log");
  const troubles: unknown[] = [];
  const log = new SentLog(at, (error) => void troubles.push(error));
  opened.push(log);
  return { log, at, troubles };
}

/** What another process would find. */
const found = async (at: string) => (await logIn(at)).log.read();

describe("the log of what was sent", () => {
  it("is found by a later run, file by file", async () => {
    const { log, at } = await logIn();
    const [large, small] = [file("film", 70 * MiB), file("a.jpg", 5)];
    log.add(large, 0, digests(64));
    log.add(large, 64, digests(6, 64));
    log.add(small, 0, digests(1, 99));
    await log.close();
    const index = await found(at);
    expect(index.digestsOf(large)).toEqual(digests(70));
    expect(index.digestsOf(small)).toEqual(digests(1, 99));
    expect(index.covers(large, 70)).toBe(true);
    expect(index.covers(large, 71)).toBe(false);
    expect(index.digestsOf(file("other", 5))).toHaveLength(0);
    expect((await stat(at)).mode & 0o777).toBe(0o600);
  });

  it("can be read while it is written, with all that was added", async () => {
    const { log } = await logIn();
    log.add(file("a", 5), 0, digests(1));
    expect((await log.read()).covers(file("a", 5), 1)).toBe(true);
    log.add(file("b", 5), 0, digests(1));
    expect((await log.read()).covers(file("b", 5), 1)).toBe(true);
  });

  it.each([
    ["its size", { size: 6 }],
    ["its time by a fraction of a millisecond", { modified: 1_767_225_600_123.457 }],
    ["its inode", { inode: 78 }],
    ["its path", { path: ["photos", "b"] }],
  ])("says nothing of a file that has changed in %s", async (_, change) => {
    const { log } = await logIn();
    log.add(file("a", 5), 0, digests(1));
    const index = await log.read();
    expect(index.covers(file("a", 5, change), 1)).toBe(false);
    expect(index.digestsOf(file("a", 5, change))).toHaveLength(0);
  });

  it("costs a small file no write of its own, and is on the disk after 64 MiB of content", async () => {
    const { log, at } = await logIn();
    for (let n = 0; n < 100; n++) log.add(file(`small ${n}`, 4_096), 0, digests(1));
    await expect(stat(at)).rejects.toThrow("ENOENT");
    for (let n = 0; n < 64; n++) log.add(file("large", 100 * MiB), n, digests(1, n));
    await expect.poll(async () => (await found(at)).covers(file("large", 100 * MiB), 64)).toBe(true);
    expect((await found(at)).covers(file("small 99", 4_096), 1)).toBe(true);
  });

  it("does not grow when attempts send the same again", async () => {
    const { log, at } = await logIn();
    for (let attempt = 0; attempt < 5; attempt++) {
      await log.read();
      for (let n = 0; n < 50; n++) log.add(file(`${n}`, 3 * MiB), 0, digests(3));
      await log.flush();
    }
    expect((await readFile(at, "utf8")).trimEnd().split("\n")).toHaveLength(50);
  });

  it("takes digests that replace those before, and keeps what lies behind", async () => {
    const { log } = await logIn();
    log.add(file("a", 9 * MiB), 0, digests(9));
    log.add(file("a", 9 * MiB), 2, digests(3, 500));
    const now = (await log.read()).digestsOf(file("a", 9 * MiB));
    expect(now).toEqual(Buffer.concat([digests(2), digests(3, 500), digests(4, 5)]));
  });

  it("cuts off a line that a crash left unfinished, and goes on behind the last whole one", async () => {
    const { log, at } = await logIn();
    log.add(file("a", 5), 0, digests(1));
    log.add(file("b", 5), 0, digests(1));
    await log.close();
    await truncate(at, (await stat(at)).size - 10);
    const { log: next } = await logIn(at);
    next.add(file("c", 5), 0, digests(1));
    await next.close();
    const lines = (await readFile(at, "utf8")).trimEnd().split("\n");
    expect(lines.map((text) => JSON.parse(text).path)).toEqual(["photos/a", "photos/c"]);
  });

  it("cuts off an unfinished beginning, too, however long it is", async () => {
    const { log, at } = await logIn();
    await mkdir(path.dirname(at));
    await writeFile(at, "x".repeat(300_000));
    log.add(file("a", 5), 0, digests(1));
    await log.close();
    expect((await readFile(at, "utf8")).startsWith('{"path":"photos/a"')).toBe(true);
  });

  it.each([
    ["no JSON", "{{{"],
    ["an endless line", "z".repeat(1_000_000)],
    ["another shape", '{"path":7}'],
    ["blocks that the file cannot have", JSON.stringify(lineOf({ from: 5 }))],
    ["half a digest", JSON.stringify(lineOf({ digests: "AAAA" }))],
    ["blocks without those before them", JSON.stringify(lineOf({ path: "photos/new", size: 9 * MiB, from: 3 }))],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00]).toString("latin1")],
  ])("passes over a line that is damaged: %s", async (_, damaged) => {
    const { log, at } = await logIn();
    log.add(file("a", 5), 0, digests(1));
    await log.close();
    await appendFile(at, `${damaged}\n`, "latin1");
    const { log: next } = await logIn(at);
    next.add(file("b", 5), 0, digests(1));
    const index = await next.read();
    expect([index.covers(file("a", 5), 1), index.covers(file("b", 5), 1)]).toEqual([true, true]);
    expect(index.digestsOf({ ...file("new", 9 * MiB) })).toHaveLength(0);
  });

  it("knows nothing after it was cleared, and goes on from there", async () => {
    const { log, at } = await logIn();
    log.add(file("a", 5), 0, digests(1));
    await log.flush();
    log.add(file("b", 5), 0, digests(1));
    await log.clear();
    log.add(file("c", 5), 0, digests(1));
    await log.close();
    const index = await found(at);
    expect(["a", "b", "c"].map((name) => index.covers(file(name, 5), 1))).toEqual([false, false, true]);
  });

  it("creates nothing when nobody will ask for it, and holds nothing open", async () => {
    const { log, at } = await logIn();
    log.add(file("a", 5), 0, digests(1));
    await log.discard();
    await expect(stat(path.dirname(at))).rejects.toThrow("ENOENT");
    const { log: kept, at: there } = await logIn();
    kept.add(file("a", 5), 0, digests(1));
    await kept.flush();
    expect(openFilesBelow(there)).not.toEqual([]);
    await kept.close();
    await kept.close();
    expect(openFilesBelow(there)).toEqual([]);
  });

  it("tells once that it cannot be written, and is in nobody's way", async () => {
    const home = await directory();
    await writeFile(path.join(home, "job"), "a file where the directory should be");
    const { log, troubles } = await logIn(path.join(home, "job", "sent.log"));
    for (let n = 0; n < 3; n++) {
      log.add(file("a", 100 * MiB), n * 32, digests(32, n * 32));
      await log.flush();
    }
    expect((await log.read()).digestsOf(file("a", 100 * MiB))).toHaveLength(0);
    expect(troubles).toHaveLength(1);
  });

  it("is not written through a symbolic link", async () => {
    const home = await directory();
    await writeFile(path.join(home, "other"), "precious");
    await symlink(path.join(home, "other"), path.join(home, "sent.log"));
    const { log, troubles } = await logIn(path.join(home, "sent.log"));
    log.add(file("a", 5), 0, digests(1));
    await log.flush();
    expect(troubles).toHaveLength(1);
    expect(await readFile(path.join(home, "other"), "utf8")).toBe("precious");
  });
});

describe("the index of what was sent", () => {
  it("forgets what a file was before it changed", () => {
    const index = new SentIndex();
    index.read(JSON.stringify(lineOf({ inode: 1 })));
    index.read(JSON.stringify(lineOf({ inode: 2 })));
    expect(index.covers(file("a", 5, { inode: 1 }), 1)).toBe(false);
    expect(index.covers(file("a", 5, { inode: 2 }), 1)).toBe(true);
  });
});

function lineOf(change: object) {
  const { size, modified, inode } = file("a", 5);
  return { path: "photos/a", size, modified, inode, from: 0, digests: digests(1).toString("base64"), ...change };
}
