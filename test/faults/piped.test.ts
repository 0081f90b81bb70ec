/** What is piped into `send`, between built programs: a disk that is full, daemons and commands that are killed. */

import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { Home } from "../support/home.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually, must, type Running, start } from "../support/process.ts";
import { MiB } from "../support/sizes.ts";

const LANXFERCTL = new URL("../../dist/ctl/main.js", import.meta.url).pathname;

/** bob, whose state is on a disk of its own where `size` says so, and alice, to whom he sends. */
async function pair(bob: Home, alice: Home, size?: string): Promise<Running> {
  const script = `mkdir -p "$HOME/state" && mount -t tmpfs -o size=${size},mode=700 none "$HOME/state" && exec "$@"`;
  const daemon = await bob.ready({}, size === undefined ? [] : ["unshare", "--mount", "sh", "-c", script, "sh"]);
  await alice.ready();
  expect((await bob.pairWith(alice)).paired).toMatchObject({ code: 0 });
  return daemon;
}

const homes = async (reserve = "0") => ({
  alice: await Home.make({ LANXFER_NAME: "alice" }),
  bob: await Home.make({ LANXFER_NAME: "bob", LANXFER_LIMITS_RESERVE: reserve }),
});

/** A line of shell at bob's, in which lanxferctl is "$CTL". */
const shell = (bob: Home, line: string): Running =>
  start(["bash", "-c", line], { env: bob.env({ CTL: `${process.execPath} ${LANXFERCTL}` }), cwd: bob.directory });
const piped = (bob: Home, source: string, name: string) =>
  shell(bob, `set -o pipefail; ${source} | $CTL send alice - --name ${name}`).finished;

/** What a daemon, who may see other mounts, has of transfers to come. */
const outbox = async (daemon: Running, bob: Home): Promise<string[]> => {
  const find = ["nsenter", "-t", String(daemon.pid), "--mount", "find", bob.path("state/outbox"), "-mindepth", "1"];
  return (await must(find)).split("\n").filter(Boolean);
};

/** Resolves when bob has at least a megabyte of what is being piped in. */
const copying = (bob: Home) =>
  eventually("some of it is here", async () => {
    const names = await readdir(bob.path("state/outbox"), { recursive: true }).catch(() => []);
    const copy = names.find((name) => name.endsWith("/half"));
    return copy && (await readFile(bob.path(path.join("state/outbox", copy)))).length > MiB ? true : undefined;
  });

const arrived = async (alice: Home) =>
  (await readdir(alice.path("LanInbox")).catch(() => [])).filter((name) => name !== ".lanxfer").sort();

/** Sends what begins and does not end; the shell becomes lanxferctl. */
const HALF = `mkfifo pipe; exec 3<>pipe; head -c 3000000 /dev/zero 3>&- > pipe &
  exec $CTL send alice - --name half <&3`;

suiteFor(["mounts"])("what is piped in", () => {
  it.concurrent("arrives as it was, and leaves nothing behind", async () => {
    const { alice, bob } = await homes();
    await using _a = alice;
    await using _b = bob;
    const daemon = await pair(bob, alice);
    const sent = await piped(bob, "seq 1 1000000", "numbers.txt");
    expect(sent).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sent numbers\.txt to alice \(6\.9 MB in/) });
    const numbers = await must(["seq", "1", "1000000"]);
    expect((await readFile(path.join(alice.path("LanInbox"), "numbers.txt"), "utf8")) === numbers).toBe(true);
    await eventually("an empty outbox", async () => ((await outbox(daemon, bob)).length === 0 ? true : undefined));
  });

  it.concurrent.each([
    ["full", "0"],
    ["full but for its reserve", "256000000"],
  ])("is refused when the disk is %s, with nothing left of it, and the next one is taken", async (_, reserve) => {
    const { alice, bob } = await homes(reserve);
    await using _a = alice;
    await using _b = bob;
    const daemon = await pair(bob, alice, "64m");
    const refused = await piped(bob, "head -c 200000000 /dev/zero", "large");
    const error = "lanxferctl: error: no room on this device to keep what is to be sent: the disk is full\n";
    expect(refused).toMatchObject({ code: 11, stdout: "", stderr: expect.stringMatching(`^${error}`) });
    expect(await outbox(daemon, bob)).toEqual([]);
    expect(await piped(bob, "head -c 20000000 /dev/zero", "small")).toMatchObject({ code: 0 });
    expect(await arrived(alice)).toEqual(["small"]);
  });

  it.concurrent("is not sent when the daemon is killed in the middle; its next start clears up", async () => {
    const { alice, bob } = await homes();
    await using _a = alice;
    await using _b = bob;
    const daemon = await pair(bob, alice);
    const sending = shell(bob, HALF);
    await copying(bob);
    daemon.kill("SIGKILL");
    expect(await sending.finished).toMatchObject({ code: 3, stdout: "" });
    expect(await readdir(bob.path("state/outbox"))).toHaveLength(1);
    await bob.ready();
    expect(await readdir(bob.path("state/outbox"))).toEqual([]);
    expect(await arrived(alice)).toEqual([]);
  });

  it.concurrent.each(["SIGKILL", "SIGINT"] as const)(
    "is not sent when lanxferctl gets %s in the middle",
    async (signal) => {
      const { alice, bob } = await homes();
      await using _a = alice;
      await using _b = bob;
      await pair(bob, alice);
      const sending = shell(bob, HALF);
      await copying(bob);
      sending.kill(signal);
      await sending.finished;
      await eventually("an empty outbox", async () =>
        (await readdir(bob.path("state/outbox"))).length === 0 ? true : undefined,
      );
      expect((await bob.ctl("history", "--json")).stdout).toBe('{"v":1,"event":"done","ok":true,"exit":0}\n');
      expect(await arrived(alice)).toEqual([]);
    },
  );

  it.concurrent("may come from a disk, which is not taken for an empty input", async () => {
    const { alice, bob } = await homes();
    await using _a = alice;
    await using _b = bob;
    await pair(bob, alice);
    const line = `head -c 1000000 /dev/urandom > image && truncate -s 1M image && D=$(losetup --find --show image) &&
      { $CTL send alice - --name disk.img < $D; status=$?; losetup --detach $D; exit $status; }`;
    expect(await shell(bob, line).finished).toMatchObject({ code: 0, stdout: expect.stringMatching(/\(1\.0 MB in/) });
    const [image, there] = await Promise.all(
      [bob.path("image"), path.join(alice.path("LanInbox"), "disk.img")].map((file) => readFile(file)),
    );
    expect(image?.equals(there ?? Buffer.of())).toBe(true);
  });
});
