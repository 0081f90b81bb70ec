/** The disk of the inbox in the middle of a transfer: it fills up, goes away, or is slow. */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { FaultScene } from "../support/fault-scene.ts";
import { footprint } from "../support/invariants.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually, must } from "../support/process.ts";
import { MiB } from "../support/sizes.ts";
import { ONE_FILE_THREAD, onFileThread } from "../support/strace.ts";

/** A disk of its own for the inbox; it is a place of its own, too, so that it can be taken out and put back. */
const onDisk = (size: string) => `
  mkdir "$HOME/LanInbox" "$HOME/../disk"
  mount -t tmpfs -o size=${size},mode=700 none "$HOME/../disk"
  mount --bind "$HOME/../disk" "$HOME/LanInbox"`;

const SIZE = 12 * MiB;
/** A block takes a tenth of a second: long enough to get in between. */
const SLOW_WRITES = "pwrite64:delay_enter=100000";

/** anna begins to send a large file to bert, whose disk is slow; resolves when some of it is on the disk. */
async function begin(scene: FaultScene) {
  const { anna, bert } = scene;
  const file = await scene.add("large.bin", randomBytes(SIZE));
  const slow = await onFileThread(bert, SLOW_WRITES);
  const sending = anna.ctl(["send", bert.name, file]);
  await eventually(
    "some of it is on the disk",
    async () => {
      const { transfers } = await bert.control.call("get", "/v1/transfers", { query: {} });
      return transfers.some(({ moved }) => moved > 0 && moved < SIZE) || undefined;
    },
    { everyMs: 5 },
  );
  /** Resolves when the first transfer has ended, and the disk is fast again. */
  const ended = async () => {
    const result = await sending;
    await slow[Symbol.asyncDispose]();
    await scene.atRest();
    return result;
  };
  return { file, ended, send: () => anna.ctl(["send", bert.name, file]) };
}

/** A command among bert's mounts. */
const inside = ({ bert }: FaultScene, ...command: string[]) =>
  must(["nsenter", `--target=${bert.daemon.pid}`, "--mount", ...command]);

suiteFor(["faults", "mounts"])("in the middle of a transfer, the disk of the inbox", () => {
  it.concurrent("may fill up: the sender is told what is missing, and nothing else comes to harm", async () => {
    await using scene = await FaultScene.open({ mounts: onDisk("16m"), env: ONE_FILE_THREAD });
    const { anna, bert } = scene;
    const pids = [anna.daemon.pid, bert.daemon.pid];
    const { ended, send } = await begin(scene);
    await inside(scene, "sh", "-c", `cat /dev/zero > "${bert.inbox}/other" || true`);
    const back = path.join(anna.place.home, "back.bin"); // both may read it
    await writeFile(back, randomBytes(MiB));
    expect(await bert.ctl(["send", "anna", back])).toMatchObject({ code: 0 });
    const failed = await ended();
    expect(failed.code).toBe(9);
    expect(failed.stderr).toMatch(/^lanxferctl: error: no space left at bert \(needs \d+\.\d MB, has \d/m);
    await inside(scene, "rm", path.join(bert.inbox, "other"));
    expect(await scene.copies([])).toEqual([0, 0, 0]);
    expect(await send()).toMatchObject({ code: 0 });
    expect(await scene.copies([])).toEqual([0, 0, 1]);
    expect([anna.daemon.pid, bert.daemon.pid]).toEqual(pids);
  });

  it.concurrent.each<
    [string, (scene: FaultScene) => Promise<unknown>, (scene: FaultScene) => Promise<unknown>, RegExp]
  >([
    [
      "moved away",
      ({ inbox }) => rename(inbox, `${inbox}.away`),
      ({ inbox }) => rename(`${inbox}.away`, inbox),
      /does not exist/,
    ],
    [
      "unmounted",
      (scene) => inside(scene, "umount", "--lazy", scene.bert.inbox),
      (scene) => inside(scene, "mount", "--bind", path.join(scene.bert.place.home, "../disk"), scene.bert.inbox),
      /its disk is not mounted/,
    ],
  ])(
    "may be %s: sender and user are told, nothing comes elsewhere, and it works when it is back",
    async (_, take, bring, why) => {
      await using scene = await FaultScene.open({ mounts: onDisk("32m"), env: ONE_FILE_THREAD });
      const { bert } = scene;
      const { ended, send } = await begin(scene);
      await take(scene);
      expect(await ended()).toMatchObject({ code: 9, stderr: expect.stringMatching(/bert cannot write to its inbox/) });
      expect(await send()).toMatchObject({ code: 9, stderr: expect.stringMatching(why) });
      expect((await bert.control.call("get", "/v1/status", {})).inbox).toMatchObject({
        free: null,
        problem: expect.any(String),
      });
      expect(await readdir(scene.inbox).catch(() => [])).toEqual([]);
      await bring(scene);
      expect((await bert.control.call("get", "/v1/status", {})).inbox).toMatchObject({ problem: null });
      expect(await send()).toMatchObject({ code: 0 });
      expect(await scene.copies([])).toEqual([0, 0, 1]);
    },
  );

  it.concurrent("may be emptied by its user, who has removed the inbox and made it again", async () => {
    await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
    const { ended, send } = await begin(scene);
    await rm(scene.inbox, { recursive: true });
    await mkdir(scene.inbox);
    expect(await ended()).toMatchObject({ code: 9, stderr: expect.stringMatching(/moved, removed or replaced/) });
    expect(await readdir(scene.inbox)).toEqual([]);
    expect(await send()).toMatchObject({ code: 0 });
    expect((await readdir(scene.inbox)).sort()).toEqual([".lanxfer", "large.bin"]);
  });

  it.concurrent("may be slower than the network: memory does not grow with what has not been written", async () => {
    await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
    const { anna, bert } = scene;
    expect(await scene.deliver()).toMatchObject({ state: "done" });
    const pids = [anna.daemon.pid, bert.daemon.pid];
    const before = await Promise.all(pids.map(footprint));
    const file = await scene.add("large.bin", randomBytes(96 * MiB));
    await using slow = await onFileThread(bert, "pwrite64:delay_enter=100000"); // 10 MB/s, as an old USB stick
    const { id } = await anna.send(bert, [file]);
    const most = pids.map(() => 0);
    let ended = false;
    while (!ended) {
      for (const [i, pid] of pids.entries()) most[i] = Math.max(most[i] ?? 0, (await footprint(pid)).rss);
      await new Promise((resolve) => setTimeout(resolve, 100));
      ended = (await anna.transfer(id))?.endedAt !== null;
    }
    expect(await anna.transfer(id)).toMatchObject({ state: "done" });
    expect(await slow.end()).toBeGreaterThanOrEqual(96);
    for (const [i, { rss }] of before.entries()) {
      process.stderr.write(
        `  ${i === 0 ? "sender" : "receiver"}: ${rss / MiB} MiB before, ${(most[i] ?? 0) / MiB} MiB at most\n`,
      );
      expect(most[i]).toBeLessThan(rss + 64 * MiB);
    }
  });

  it.concurrent("may take 33 s to flush: nobody takes that for death", async () => {
    await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
    await using stuck = await onFileThread(scene.bert, "fsync:delay_enter=33000000:when=1");
    const { id } = await scene.anna.send(scene.bert, scene.sources);
    expect(await scene.anna.ended(id, 100_000)).toMatchObject({ state: "done", error: null });
    expect(await stuck.end()).toBeGreaterThanOrEqual(1);
    expect(await scene.copies([])).toEqual([1, 1]);
  });
});
