/** The system refuses a call in the middle of a transfer, each call in turn. */

import path from "node:path";
import { expect, it } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import { FaultScene } from "../support/fault-scene.ts";
import { footprint } from "../support/invariants.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { MiB } from "../support/sizes.ts";
import { type Injection, ONE_FILE_THREAD, onAllThreads, onFileThread } from "../support/strace.ts";

/** More would mean that a run without a failure never comes. */
const MOST = 60;

type Inject = (rule: string) => Promise<Injection>;

/** Every transfer with the error at its first, second, … such call, until one has none left that could fail. */
async function failEach(call: string, error: string, scene: FaultScene, inject: Inject): Promise<TransferView[]> {
  const failed: TransferView[] = [];
  while (failed.length < MOST) {
    const injection = await inject(`${call}:error=${error}:when=${failed.length + 1}`);
    try {
      const sent = await scene.deliver();
      await scene.atRest();
      if ((await injection.end()) === 0) {
        expect(sent).toMatchObject({ state: "done", error: null });
        await scene.invariants.clear();
        return failed;
      }
      failed.push(sent);
      await scene.copies([sent]);
    } finally {
      await injection[Symbol.asyncDispose]();
    }
    const last = failed.at(-1);
    if (last !== undefined && last.state !== "done") {
      const again = await scene.again(last);
      expect([again.state, again.error]).toEqual(["done", null]);
      expect(await scene.copies([again])).toEqual([1, 1]);
    }
    await scene.invariants.clear();
  }
  throw new Error(`${MOST} times ${error} at ${call} and still no end`);
}

/** Fails each such call with each of `errors`, and then wants both daemons to be as they were before. */
async function failAll(call: string, errors: readonly string[], scene: FaultScene, inject: Inject) {
  const devices = [scene.anna, scene.bert];
  expect(await scene.deliver()).toMatchObject({ state: "done" });
  await scene.invariants.clear();
  const pids = devices.map(({ daemon }) => daemon.pid);
  const before = await Promise.all(pids.map(footprint));
  const failed = new Map<string, TransferView[]>();
  for (const error of errors) {
    const views = await failEach(call, error, scene, inject);
    process.stderr.write(`  ${call} failed ${views.length} times with ${error}\n`);
    failed.set(error, views);
  }
  expect(devices.map(({ daemon }) => daemon.pid)).toEqual(pids);
  for (const [i, was] of before.entries()) {
    const pid = pids[i] ?? 0;
    await eventually("all descriptors are closed again", async () => {
      return (await footprint(pid)).descriptors.length <= was.descriptors.length || undefined;
    });
    expect((await footprint(pid)).rss).toBeLessThan(was.rss + 64 * MiB);
  }
  return failed;
}

/** How a transfer ends when the receiver's disk says this. */
const codeOf = (error: string) => (error === "ENOSPC" || error === "EDQUOT" ? "E_NO_SPACE" : "E_INBOX");

/** At least so many have ended with this code. The others were delivered: without a line of the history, say. */
function expectEnds(views: readonly TransferView[], code: string, atLeast: number): void {
  const failed = views.filter(({ state }) => state !== "done");
  expect(failed.length).toBeGreaterThanOrEqual(atLeast);
  expect(new Set(failed.map(({ error }) => error?.code))).toEqual(new Set([code]));
}

suiteFor(["faults"])("a call that the system refuses", () => {
  it.concurrent.each<[string, readonly string[], number]>([
    ["openat", ["EMFILE", "ENOSPC", "EROFS", "EIO"], 7],
    ["mkdir", ["ENOSPC", "EROFS", "EDQUOT"], 4],
    ["pwrite64", ["ENOSPC", "EDQUOT", "EIO"], 4],
    ["fsync", ["EIO", "ENOSPC"], 6],
    ["fdatasync", ["EIO"], 2],
    ["fchmod", ["EIO", "EROFS"], 5],
    ["utimensat", ["EIO"], 5],
    ["link", ["ENOSPC", "EROFS", "EIO"], 1],
    ["rename", ["ENOSPC", "EROFS", "EIO"], 1],
  ])("at the receiver, any %s, ends the transfer with a reason and nothing else", async (call, errors, atLeast) => {
    await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
    const failed = await failAll(call, errors, scene, (rule) => onFileThread(scene.bert, rule));
    for (const [error, views] of failed) {
      expectEnds(views, codeOf(error), atLeast);
    }
    if (call === "openat") {
      // A folder that was made and cannot be opened goes at the next start.
      await scene.bert.kill();
      await scene.bert.start();
    }
    await scene.invariants.nothingStaged();
  });

  it.concurrent.each<[string, readonly string[]]>([
    ["link", ["EPERM", "EMLINK"]], // as where there are no hard links
    ["unlink", ["EROFS", "EIO"]],
    ["rmdir", ["EROFS", "EIO"]],
  ])("at the receiver, any %s, may as well be done without", async (call, errors) => {
    await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
    const failed = await failAll(call, errors, scene, (rule) => onFileThread(scene.bert, rule));
    for (const views of failed.values()) {
      expect(views.length).toBeGreaterThanOrEqual(1);
      expect(new Set(views.map((view) => view.state))).toEqual(new Set(["done"]));
    }
    await scene.bert.kill();
    await scene.bert.start();
    await scene.invariants.nothingStaged();
  });

  it.concurrent.each<[string, readonly string[], number]>([
    ["openat", ["EMFILE", "EACCES", "EIO"], 3],
    ["pread64", ["EIO"], 4],
  ])("at the sender, any %s, ends the transfer with a reason and nothing else", async (call, errors, atLeast) => {
    await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
    const failed = await failAll(call, errors, scene, (rule) => onFileThread(scene.anna, rule));
    for (const views of failed.values()) {
      expectEnds(views, "E_SOURCE_UNREADABLE", atLeast);
    }
    await scene.invariants.nothingStaged();
  });

  it.concurrent.each(["ENOSPC", "EIO"])(
    "at the receiver, any write to the journal (%s), costs nothing that it had",
    async (error) => {
      await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
      const { anna, bert, invariants } = scene;
      const ends: TransferView[] = [];
      for (let hits = 1; hits > 0 && ends.length < MOST; ) {
        await using interrupt = await onFileThread(bert, "pwrite64:error=EIO:when=2");
        const first = await scene.deliver();
        expect(await interrupt.end()).toBe(1);
        expect(first).toMatchObject({ state: "failed", canRetry: true });
        await scene.atRest();
        // Only of a transfer that has begun its journal's name is known before.
        const journal = path.join(bert.inbox, ".lanxfer", (await invariants.staged())[0] ?? "", "journal");
        await using injection = await onFileThread(bert, `write:error=${error}:when=${ends.length + 1}`, journal);
        const second = await scene.again(first);
        await scene.atRest();
        hits = await injection.end();
        if (hits > 0) ends.push(second);
        if (second.state !== "done") expect(await scene.again(second)).toMatchObject({ state: "done" });
        expect(await scene.copies([])).toEqual([1, 1]);
        await invariants.nothingStaged();
        await invariants.clear();
      }
      process.stderr.write(`  a write to the journal failed ${ends.length} times with ${error}\n`);
      expectEnds(ends, codeOf(error), 3);
      expect(anna.isRunning && bert.isRunning).toBe(true);
    },
  );

  it.concurrent.each(["openat", "accept4"])(
    "at the receiver, every %s for want of descriptors, ends the transfer only",
    async (call) => {
      await using scene = await FaultScene.open();
      const { pid } = scene.bert.daemon;
      const injection = await onAllThreads(scene.bert, `${call}:error=EMFILE`);
      try {
        const sent = await scene.deliver();
        expect(await injection.end()).toBeGreaterThanOrEqual(1);
        expect(sent).toMatchObject({ state: "failed", error: { retryable: true } });
      } finally {
        await injection[Symbol.asyncDispose]();
      }
      await scene.atRest();
      expect(await scene.copies([])).toEqual([0, 0]);
      expect(await scene.deliver()).toMatchObject({ state: "done" });
      expect(scene.bert.daemon.pid).toBe(pid);
    },
  );
});
