/**
 * Either daemon is killed at each call by which it works on files, one call
 * after another until a transfer goes through. A killed process shows less than
 * a power cut does, but every order of steps.
 */

import { expect, it } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import type { Device } from "../support/device.ts";
import { FaultScene } from "../support/fault-scene.ts";
import { atRest } from "../support/invariants.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { ONE_FILE_THREAD, onFileThread } from "../support/strace.ts";

/** More would mean that a run without a kill never comes. */
const MOST = 150;
/** Of the daemon that comes back, milliseconds: several times what is promised, a busy machine is no fault. */
const BACK_WITHIN = 20_000;

interface Kills {
  readonly kills: number;
  /** After how many of them the transfer went on by itself. */
  readonly resumed: number;
}

/** Kills `victim` at the first such call of a transfer, then at the one `stride` later, until one goes through. */
async function killAtEach(call: string, stride: number, scene: FaultScene, victim: Device): Promise<Kills> {
  const { bert } = scene;
  for (let kills = 0, resumed = 0; kills < MOST; kills++) {
    const injection = await onFileThread(victim, `${call}:signal=KILL:when=${kills * stride + 1}`);
    const sent = await transferOrDeath(scene, victim).finally(() => injection[Symbol.asyncDispose]());
    if (victim.isRunning) {
      expect(sent).toMatchObject({ state: "done", error: null });
      process.stderr.write(`  ${victim.name} killed ${kills} times at ${call}, ${resumed} transfers went on\n`);
      return { kills, resumed };
    }
    if (bert.isRunning) await atRest(bert.control);
    await scene.invariants.check([], { killed: victim === bert });
    const started = performance.now();
    await victim.start();
    expect(performance.now() - started).toBeLessThan(BACK_WITHIN);
    if (await goesOn(scene, sent)) resumed++;
    await scene.invariants.nothingStaged();
    await scene.invariants.clear();
  }
  throw new Error(`${MOST} kills at ${call} and still no end`);
}

/** Resolves when all is over or the victim is dead, to the transfer as anna knew it, if she can still tell. */
async function transferOrDeath(scene: FaultScene, victim: Device): Promise<TransferView | undefined> {
  const { anna, bert } = scene;
  const { daemon } = victim;
  let sent: TransferView | undefined;
  const isOver = async (id: string) => {
    sent = await anna.transfer(id);
    if (daemon.ended) return true;
    const ended = sent !== undefined && sent.endedAt !== null && (await isInHistory(anna, id));
    return (ended && (await scene.invariants.staged()).length === 0) || undefined;
  };
  try {
    sent = await anna.send(bert, scene.sources);
    const { id } = sent;
    await eventually("all over", () => isOver(id), { timeoutMs: 20_000, everyMs: 5 });
  } catch (error) {
    if (victim !== anna) throw error;
    await daemon.finished; // which does not answer
  }
  return sent;
}

async function isInHistory(device: Device, transfer: string): Promise<boolean> {
  const { history } = await device.control.call("get", "/v1/history", { query: {} });
  return history.some(({ id }) => id === transfer);
}

/** After the kill everything arrives, once: by itself, or, false, because it is sent anew. */
async function goesOn(scene: FaultScene, sent: TransferView | undefined): Promise<boolean> {
  const { anna } = scene;
  const end = sent && (await anna.transfer(sent.id)) && (await anna.ended(sent.id));
  const wasDone = end === undefined && sent !== undefined && (await isInHistory(anna, sent.id));
  if (end?.state === "done" || wasDone) {
    expect(await scene.copies(end === undefined ? [] : [end])).toEqual([1, 1]);
    return true;
  }
  // It was never accepted, as far as anna knows.
  if (end !== undefined) expect(end).toMatchObject({ state: "failed", canRetry: false, error: { exit: 5 } });
  const before = await scene.copies([]);
  await cancelWaiting(scene);
  const again = await scene.deliver();
  expect(again).toMatchObject({ state: "done", error: null });
  expect(await scene.copies([again])).toEqual(before.map((copies) => copies + 1));
  return false;
}

/** What was accepted and never came can be seen by bert's user, and cancelled. */
async function cancelWaiting({ bert }: FaultScene): Promise<void> {
  const { transfers } = await bert.control.call("get", "/v1/transfers", { query: {} });
  for (const { id, state } of transfers) {
    expect(state).toBe("waiting");
    await bert.control.call("delete", "/v1/transfers/:id", { param: { id } });
  }
}

suiteFor(["faults"])("a daemon that is killed", () => {
  it.concurrent.each<[string, number, number?]>([
    ["openat", 7],
    ["mkdir", 4],
    ["pwrite64", 4],
    ["write", 10, 4], // of journal and history, and the signal that each piece of work is done
    ["fsync", 6],
    ["fdatasync", 1],
    ["fchmod", 5],
    ["utimensat", 5],
    ["link", 1],
    ["unlink", 1],
    ["rename", 1],
    ["rmdir", 1],
  ])(
    "as the receiver, at any %s, is there again at once, and everything arrives once",
    async (call, atLeast, stride = 1) => {
      await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
      const { kills } = await killAtEach(call, stride, scene, scene.bert);
      expect(kills).toBeGreaterThanOrEqual(atLeast);
    },
  );

  it.concurrent.each<[string, number, number?]>([
    ["openat", 3],
    ["pread64", 4],
    ["write", 8, 4],
    ["fsync", 2],
    ["fdatasync", 1],
    ["rename", 1],
    ["mkdir", 1],
    ["unlink", 1],
  ])("as the sender, at any %s, goes on with what it had begun", async (call, atLeast, stride = 1) => {
    await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
    const { kills } = await killAtEach(call, stride, scene, scene.anna);
    expect(kills).toBeGreaterThanOrEqual(atLeast);
  });
});
