/** The inbox on a disk that is full, read-only, or fails: real file systems, and errors injected into the real daemon. */

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { Home } from "../support/home.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually, must, type Running, start } from "../support/process.ts";

const MB = 1_000_000;

/** alice with an inbox on a file system of her own, and bob who is paired with her. */
async function pair(alice: Home, bob: Home, mount: string): Promise<Running> {
  const script = `mkdir -p "$HOME/disk" && ${mount} && exec "$@"`;
  const daemon = await alice.ready({}, ["unshare", "--mount", "sh", "-c", script, "sh"]);
  await bob.ready();
  expect((await bob.pairWith(alice)).paired).toMatchObject({ code: 0 });
  return daemon;
}

const makeAlice = () => Home.make({ LANXFER_NAME: "alice", LANXFER_LIMITS_RESERVE: "0" });

/** What is in the inbox as the daemon sees it: its mounts are its own. */
const inboxOf = async (daemon: Running, alice: Home) =>
  (await must(["nsenter", "-t", String(daemon.pid), "--mount", "find", alice.path("disk"), "-mindepth", "1"]))
    .split("\n")
    .filter(Boolean)
    .map((file) => file.slice(alice.path("disk").length + 1))
    .sort();

suiteFor(["mounts"])("an inbox on a small disk", () => {
  const tmpfs = (size: string) => `mount -t tmpfs -o size=${size},mode=700 none "$HOME/disk"`;
  const withDisk = async (size: string) => {
    const alice = await makeAlice();
    const bob = await Home.make({ LANXFER_NAME: "bob" });
    const daemon = await pair(alice, bob, `${tmpfs(size)} && export LANXFER_INBOX="$HOME/disk"`);
    return { alice, bob, daemon };
  };

  it("refuses what would not fit before the first byte, with what is missing", async () => {
    const { alice, bob, daemon } = await withDisk("8m");
    await using _a = alice;
    await using _b = bob;
    await writeFile(bob.path("large.bin"), Buffer.alloc(20 * MB));
    const sent = await bob.ctl("send", "alice", "large.bin");
    expect(sent.code).toBe(9);
    expect(sent.stderr).toMatch(/error: no space left at alice \(needs 20\.0 MB, has 8\.\d MB\)/);
    expect(await inboxOf(daemon, alice)).toEqual([]);
  });

  it("stops when it fills up on the way, keeps what has come out of sight, and works when there is room again", async () => {
    const { alice, bob, daemon } = await withDisk("32m");
    await using _a = alice;
    await using _b = bob;
    await alice.ctl("policy", "bob", "ask");
    await writeFile(bob.path("large.bin"), Buffer.alloc(20 * MB, 1));
    const inside = (script: string) => must(["nsenter", "-t", String(daemon.pid), "--mount", "sh", "-c", script]);
    const sending = bob.ctl("send", "alice", "large.bin");
    const offer = await eventually("an offer", async () => {
      const { stdout } = await alice.ctl("offers", "--json");
      return JSON.parse(stdout.split("\n")[0] ?? "{}").id as string | undefined;
    });
    // Taken between the promise and the bytes, by somebody else.
    await inside(`head -c 25000000 /dev/zero > ${alice.path("disk")}/other`);
    await alice.ctl("accept", offer);
    const sent = await sending;
    expect(sent.code).toBe(9);
    expect(sent.stderr).toMatch(/error: no space left at alice \(needs \d.* MB, has \d/);
    expect((await inboxOf(daemon, alice)).filter((name) => !name.startsWith(".lanxfer/"))).toEqual([
      ".lanxfer",
      "other",
    ]);
    await inside(`rm ${alice.path("disk")}/other`);
    await alice.ctl("policy", "bob", "auto");
    expect(await bob.ctl("send", "alice", "large.bin")).toMatchObject({ code: 0 });
    const arrived = await inboxOf(daemon, alice);
    expect(arrived.filter((name) => !name.startsWith(".lanxfer/"))).toEqual([".lanxfer", "large.bin"]);
  });

  it("has room for what is there already, and not for a copy of it", async () => {
    const { alice, bob, daemon } = await withDisk("16m");
    await using _a = alice;
    await using _b = bob;
    await mkdir(bob.path("album"));
    await writeFile(bob.path("album/a.bin"), Buffer.alloc(10 * MB, 1));
    expect(await bob.ctl("send", "alice", "album")).toMatchObject({ code: 0 });
    const arrived = await inboxOf(daemon, alice);
    expect(await bob.ctl("send", "alice", "album")).toMatchObject({ code: 0 });
    expect(await inboxOf(daemon, alice)).toEqual(arrived);
    await writeFile(bob.path("album/b.txt"), "new");
    const sent = await bob.ctl("send", "alice", "album");
    expect(sent.code).toBe(9);
    expect(sent.stderr).toMatch(/error: no space left at alice \(needs 10\.\d MB, has \d\.\d MB\)/);
    expect((await inboxOf(daemon, alice)).filter((name) => !name.startsWith(".lanxfer/"))).toEqual(arrived);
  });

  it("says so when it has become read-only, and works again when it is not", async () => {
    const { alice, bob, daemon } = await withDisk("32m");
    await using _a = alice;
    await using _b = bob;
    await writeFile(bob.path("a.txt"), "hello");
    const remount = (how: string) =>
      must(["nsenter", "-t", String(daemon.pid), "--mount", "mount", "-o", `remount,${how}`, alice.path("disk")]);
    await remount("ro");
    const sent = await bob.ctl("send", "alice", "a.txt");
    expect(sent).toMatchObject({
      code: 9,
      stderr: expect.stringMatching(/alice cannot write to its inbox: read-only file system/),
    });
    await remount("rw");
    expect(await bob.ctl("send", "alice", "a.txt")).toMatchObject({ code: 0 });
  });
});

suiteFor(["faults"])("an inbox on a disk that fails", () => {
  /** Lets the system calls of a running daemon fail while `work` runs. */
  async function injecting<T>(daemon: Running, rule: string, work: () => Promise<T>): Promise<T> {
    const strace = start([
      "strace",
      "-f",
      "-I",
      "anywhere",
      "-o",
      "/dev/null",
      "-p",
      String(daemon.pid),
      "-e",
      `inject=${rule}`,
    ]);
    await eventually("strace is attached", async () => strace.stderr.includes("attached") || undefined);
    try {
      return await work();
    } finally {
      await strace.stop();
    }
  }

  // What was flushed before it went wrong waits for a further attempt.
  const cases: [string, number, RegExp, boolean][] = [
    ["fsync:error=EIO", 9, /cannot write to its inbox: input\/output error/, false],
    ["fsync:error=ENOSPC", 9, /no space left at alice/, false],
    ["fdatasync:error=EIO", 9, /cannot write to its inbox: input\/output error/, true],
    ["pwrite64:error=ENOSPC", 9, /no space left at alice/, false],
    ["pwrite64:error=EDQUOT", 9, /no space left at alice/, false],
    ["pwrite64:error=EIO", 9, /cannot write to its inbox: input\/output error/, false],
    ["link,linkat:error=ENOSPC", 9, /no space left at alice/, true],
    ["link,linkat:error=EROFS", 9, /cannot write to its inbox: read-only file system/, true],
    ["fchmod:error=EIO", 9, /cannot write to its inbox: input\/output error/, false],
  ];
  it.each(cases)("reports %s to the sender, shows nothing of it and lives", async (rule, exit, message, keeps) => {
    await using alice = await Home.make({ LANXFER_NAME: "alice" });
    await using bob = await Home.make({ LANXFER_NAME: "bob" });
    const daemon = await alice.ready();
    await bob.ready();
    await bob.pairWith(alice);
    await writeFile(bob.path("a.bin"), Buffer.alloc(3 * MB, 7));
    const sent = await injecting(daemon, rule, () => bob.ctl("send", "alice", "a.bin"));
    expect([sent.code, sent.stderr]).toEqual([exit, expect.stringMatching(message)]);
    expect(await readdir(alice.path("LanInbox"))).toEqual([".lanxfer"]);
    expect(await readdir(alice.path("LanInbox/.lanxfer"))).toHaveLength(keeps ? 1 : 0);
    expect(await bob.ctl("send", "alice", "a.bin")).toMatchObject({ code: 0 });
    expect((await readFile(alice.path("LanInbox/a.bin"))).equals(Buffer.alloc(3 * MB, 7))).toBe(true);
  });

  it("does not say that something is there when it could not be flushed", async () => {
    await using alice = await Home.make({ LANXFER_NAME: "alice" });
    await using bob = await Home.make({ LANXFER_NAME: "bob" });
    const daemon = await alice.ready();
    await bob.ready();
    await bob.pairWith(alice);
    await writeFile(bob.path("a.txt"), "hello");
    expect(await bob.ctl("send", "alice", "a.txt")).toMatchObject({ code: 0 });
    const sent = await injecting(daemon, "fsync:error=EIO", () => bob.ctl("send", "alice", "a.txt"));
    expect([sent.code, sent.stderr]).toEqual([
      9,
      expect.stringMatching(/cannot write to its inbox: input\/output error/),
    ]);
    expect(await bob.ctl("send", "alice", "a.txt")).toMatchObject({ code: 0 });
    expect((await readdir(alice.path("LanInbox"))).toSorted()).toEqual([".lanxfer", "a.txt"]);
  });

  it("keeps what it can where the file system has no permissions and times of its own", async () => {
    await using alice = await Home.make({ LANXFER_NAME: "alice" });
    await using bob = await Home.make({ LANXFER_NAME: "bob" });
    const daemon = await alice.ready();
    await bob.ready();
    await bob.pairWith(alice);
    await mkdir(bob.path("d"));
    await writeFile(bob.path("d/a.txt"), "hello");
    for (const call of ["fchmod", "utimensat"]) {
      await injecting(daemon, `${call}:error=EPERM`, async () => {
        expect(await bob.ctl("send", "alice", "d", "--always")).toMatchObject({ code: 0 });
      });
    }
    expect(await readFile(alice.path("LanInbox/d (1)/a.txt"), "utf8")).toBe("hello");
  });

  it("flushes many files one by one where their file system cannot be flushed as a whole", async () => {
    await using alice = await Home.make({ LANXFER_NAME: "alice" });
    await using bob = await Home.make({ LANXFER_NAME: "bob" });
    const daemon = await alice.ready();
    await bob.ready();
    await bob.pairWith(alice);
    await mkdir(bob.path("many"));
    for (let i = 0; i < 200; i++) await writeFile(bob.path(`many/${i}`), String(i));
    const send = () => bob.ctl("send", "alice", "many", "--always");
    expect(await injecting(daemon, "syncfs:error=EIO", send)).toMatchObject({ code: 0 });
    expect(await readdir(alice.path("LanInbox/many"))).toHaveLength(200);
    const failed = await injecting(daemon, "syncfs,fsync:error=EIO", send);
    expect(failed).toMatchObject({ code: 9, stderr: expect.stringMatching(/input\/output error/) });
    expect((await readdir(alice.path("LanInbox"))).sort()).toEqual([".lanxfer", "many"]);
    expect(await readdir(alice.path("LanInbox/.lanxfer"))).toEqual([]);
  });

  it("still publishes where the file system refuses hard links", async () => {
    await using alice = await Home.make({ LANXFER_NAME: "alice" });
    await using bob = await Home.make({ LANXFER_NAME: "bob" });
    const daemon = await alice.ready();
    await bob.ready();
    await bob.pairWith(alice);
    await writeFile(bob.path("a.txt"), "hello");
    await writeFile(alice.path("LanInbox/a.txt"), "mine");
    await injecting(daemon, "link,linkat:error=EPERM", async () => {
      expect(await bob.ctl("send", "alice", "a.txt")).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/a \(1\)\.txt/),
      });
    });
    expect(await readFile(alice.path("LanInbox/a.txt"), "utf8")).toBe("mine");
    expect(await readFile(alice.path("LanInbox/a (1).txt"), "utf8")).toBe("hello");
  });
});
