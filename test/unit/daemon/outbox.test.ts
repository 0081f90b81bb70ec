import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { LanxferError, toView } from "../../../src/core/errors.ts";
import { deviceIdFromHash, transferIdFrom } from "../../../src/core/ids.ts";
import { type Job, parseJob } from "../../../src/daemon/outgoing/job.ts";
import { Outbox } from "../../../src/daemon/outgoing/outbox.ts";
import { SpoolRoom } from "../../../src/daemon/outgoing/spool-room.ts";
import { LogLines } from "../../support/log-lines.ts";
import { temporaryDirectories, unprivileged } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const DAY = 24 * 60 * 60 * 1_000;
const NOW = Date.UTC(2026, 4, 1);

const idOf = (n: number) => transferIdFrom(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, n >> 8, n));

function job(n: number, change: Partial<Job> = {}): Job {
  return {
    v: 1,
    id: idOf(n),
    recipient: { id: deviceIdFromHash(new Uint8Array(32).fill(n)), name: "alice" },
    paths: ["/home/me/report.pdf"],
    exclude: [],
    note: null,
    always: false,
    copied: null,
    createdAt: NOW + n,
    items: [{ name: "report.pdf", type: "file" }],
    entries: 1,
    bytes: 1_000,
    queue: null,
    paused: false,
    state: { is: "begun", progressAt: NOW },
    ...change,
  };
}

const queued = (n: number, change: Partial<Job> = {}): Job =>
  job(n, {
    queue: { order: n, ttl: DAY, expiresAt: NOW + DAY, stamp: "0123456789abcdef" },
    state: { is: "queued" },
    ...change,
  });

const failed = (n: number, until: number): Job =>
  job(n, {
    state: { is: "failed", at: NOW, until, moved: 5, error: toView(new LanxferError("E_NO_SPACE", { peer: "alice" })) },
  });

async function outbox(home?: string) {
  const at = home ?? path.join(await directory(), "outbox");
  const log = new LogLines();
  const room = new SpoolRoom(
    () => ({ space: 0, reserve: 0 }),
    async () => ({ bavail: 1_000, blocks: 1_000, bsize: 1_000_000 }),
  );
  const box = new Outbox(at, room, log);
  await box.load();
  return { box, at, log, room };
}

const jobsOf = (box: Outbox) => [...box.jobs()].sort((a, b) => a.createdAt - b.createdAt);
const ids = (box: Outbox) => jobsOf(box).map(({ id }) => id);

describe("a job of the first version", () => {
  it("excludes nothing and has no note", () => {
    const { exclude: _, note: __, always: ___, ...old } = job(1);
    expect(parseJob(JSON.stringify(old))).toEqual(job(1));
  });
});

describe("the outbox", () => {
  it("holds jobs across runs, in files of the user's own", async () => {
    const { box, at } = await outbox();
    for (const one of [job(2), failed(1, NOW), queued(3)]) await box.put(one);
    const { box: next, log } = await outbox(at);
    expect(jobsOf(next)).toEqual([failed(1, NOW), job(2), queued(3)]);
    expect(jobsOf(next)).toEqual(jobsOf(box));
    expect(log.lines).toEqual([]);
    expect(await readdir(path.join(at, idOf(2)))).toEqual(["job.json"]);
  });

  it("holds the last of several states of a job", async () => {
    const { box, at } = await outbox();
    await Promise.all([box.put(job(1)), box.put(failed(1, NOW)), box.put(job(1, { bytes: 7 }))]);
    expect(jobsOf((await outbox(at)).box)).toEqual([job(1, { bytes: 7 })]);
  });

  it("says what a job came to at once, also while an earlier state of it is being written", async () => {
    const { box } = await outbox();
    const began = box.put(job(1));
    const ended = box.put(failed(1, NOW));
    await began;
    expect(jobsOf(box)).toEqual([failed(1, NOW)]);
    await ended;
    const paused = box.commit(job(1, { paused: true }));
    const endedAgain = box.put(failed(1, NOW + 1));
    await paused;
    expect(jobsOf(box)).toEqual([failed(1, NOW + 1)]);
    await endedAgain;
  });

  it("brings nothing back that was removed, also when it was just being written", async () => {
    const { box, at } = await outbox();
    const putting = box.put(job(1));
    const log = box.sentLog(idOf(1));
    log.add({ path: ["a"], size: 1, modified: 1, inode: 1 }, 0, new Uint8Array(32));
    await log.close();
    await Promise.all([putting, box.remove(idOf(1))]);
    expect(jobsOf(box)).toEqual([]);
    expect(await readdir(at)).toEqual([]);
    expect(jobsOf((await outbox(at)).box)).toEqual([]);
  });

  it("keeps failed jobs until their time is over and the latest hundred of them, and others as long as it takes", async () => {
    const { box, at } = await outbox();
    for (const one of [job(500), queued(501), failed(502, NOW)]) await box.put(one);
    for (let n = 0; n < 101; n++) await box.put(failed(n, NOW + 1_000 - n));
    await box.trim(NOW);
    expect(ids(box)).toHaveLength(102);
    expect([0, 99, 500, 501].map((n) => ids(box).includes(idOf(n)))).toEqual([true, true, true, true]);
    expect([100, 502].map((n) => ids(box).includes(idOf(n)))).toEqual([false, false]);
    const later = await outbox(at);
    await later.box.trim(NOW + 999);
    expect(ids(later.box)).toEqual([idOf(0), idOf(500), idOf(501)]);
    expect((await readdir(at)).toSorted()).toEqual([idOf(0), idOf(500), idOf(501)].toSorted());
  });

  it("knows how much room copies take, and gives it back with the job", async () => {
    const { box, at, room } = await outbox();
    for (const [n, bytes] of [10, 20, 30].entries()) {
      await mkdir(box.copyOf(idOf(n)), { recursive: true });
      await writeFile(path.join(box.copyOf(idOf(n)), "db.sql"), "x".repeat(bytes));
      room.hold(idOf(n), bytes);
      await box.put(job(n, { copied: bytes }));
    }
    await box.remove(idOf(0));
    await box.remove(idOf(1));
    expect(room.total).toBe(30);
    expect((await readdir(at, { recursive: true })).filter((name) => name.endsWith("db.sql"))).toEqual([
      path.join(idOf(2), "copy", "db.sql"),
    ]);
    expect((await outbox(at)).room.total).toBe(30);
  });

  it("removes a copy that no job came to need before a crash", async () => {
    const { box, at } = await outbox();
    await mkdir(box.copyOf(idOf(1)), { recursive: true });
    await writeFile(path.join(box.copyOf(idOf(1)), "db.sql"), "half");
    const { room, log } = await outbox(at);
    expect(await readdir(at)).toEqual([]);
    expect(room.total).toBe(0);
    expect(log.lines).toEqual([]);
  });

  it("knows the latest time that it tells of", async () => {
    const { box } = await outbox();
    expect(box.latest).toBe(0);
    await box.put(queued(1, { queue: { order: 1, ttl: 5, expiresAt: 1_005, stamp: "" } }));
    expect(box.latest).toBe(1_000);
    await box.put(job(2, { state: { is: "begun", progressAt: 2_000 } }));
    expect(box.latest).toBe(2_000);
  });

  it.each<[string, (at: string) => Promise<unknown>]>([
    ["a file", (at) => writeFile(path.join(at, "notes.txt"), "mine")],
    ["a folder with another name", (at) => mkdir(path.join(at, "photos"))],
    ["a file in the place of a job", (at) => writeFile(path.join(at, idOf(9)), "mine")],
    ["a job that is no JSON", (at) => made(at, "{")],
    ["a job that is empty", (at) => made(at, "")],
    ["a job of another version", (at) => made(at, JSON.stringify({ ...job(9), v: 2 }))],
    ["the job of another transfer", (at) => made(at, JSON.stringify(job(8)))],
    ["a job with a path that is not whole", (at) => made(at, JSON.stringify(job(9, { paths: ["report.pdf"] })))],
    ["a job with a state of the future", (at) => made(at, JSON.stringify({ ...job(9), state: { is: "sold" } }))],
    ["a job that is queued by no rules", (at) => made(at, JSON.stringify({ ...job(9), state: { is: "queued" } }))],
    ["a symbolic link", (at) => symlink("/etc", path.join(at, idOf(9)))],
    ["files of others where a job was", (at) => made(at, "mine", "notes.txt")],
  ])("leaves alone what it does not understand: %s", async (_, make) => {
    const { box, at } = await outbox();
    await box.put(job(1));
    await make(at);
    const before = await readdir(at, { recursive: true });
    const { box: next, log } = await outbox(at);
    expect(ids(next)).toEqual([idOf(1)]);
    expect(await readdir(at, { recursive: true })).toEqual(before);
    expect(log.lines.map(({ level }) => level).filter((level) => level === "error")).toEqual([]);
    expect(next.strangers.count).toBe(1);
    expect(next.strangers.listed).toEqual([
      { path: expect.stringContaining(at), text: expect.stringMatching(/^\S.{5,200}$/) },
    ]);
  });

  it("tidies up what a crash left of a job", async () => {
    const { box, at } = await outbox();
    await box.put(job(1));
    await writeFile(path.join(at, idOf(1), "job.json.0123456789abcdef.tmp"), "{");
    await mkdir(path.join(at, idOf(2)));
    await writeFile(path.join(at, idOf(2), "sent.log"), "{}\n");
    await mkdir(path.join(at, idOf(3), "copy", "0", "folder"), { recursive: true });
    await writeFile(path.join(at, idOf(3), "copy", "0", "folder", "a.txt"), "hello");
    await outbox(at);
    expect(await readdir(at)).toEqual([idOf(1)]);
    expect(await readdir(path.join(at, idOf(1)))).toEqual(["job.json"]);
  });

  it("does without a disk when it must", async () => {
    const home = await directory();
    const at = path.join(home, "outbox");
    await writeFile(at, "a file of somebody");
    const { box, log } = await outbox(at);
    await box.put(job(1));
    expect(ids(box)).toEqual([idOf(1)]);
    await expect(box.commit(queued(2))).rejects.toMatchObject({ code: "E_STATE" });
    expect(ids(box)).toEqual([idOf(1)]);
    await box.remove(idOf(1));
    expect(jobsOf(box)).toEqual([]);
    expect(log.at("warn").length).toBeGreaterThan(0);
    expect(log.at("error")).toEqual([]);
    expect(await readFile(at, "utf8")).toBe("a file of somebody");
  });

  it("does without what others may not read", async () => {
    const { box, at } = await outbox();
    await box.put(job(1));
    await chmod(path.join(at, idOf(1)), 0);
    const { box: next, log } = await unprivileged(path.dirname(at), async () => {
      return outbox(at);
    });
    expect(jobsOf(next)).toEqual([]);
    expect(log.at("warn").length).toBeGreaterThan(0);
    await chmod(path.join(at, idOf(1)), 0o700);
  });
});

/** A directory of job 9 with one file in it. */
async function made(at: string, text: string, name = "job.json"): Promise<void> {
  await mkdir(path.join(at, idOf(9)));
  await writeFile(path.join(at, idOf(9), name), text);
}
