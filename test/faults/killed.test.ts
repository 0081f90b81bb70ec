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
/** Of the daemon that comes back, milliseconds. */
const BACK_WITHIN = 5_000;

/** Resolves to how many kills there were before a transfer went through. */
async function killAtEach(call: string, scene: FaultScene, victim: Device): Promise<number> {
  for (let kills = 0; kills < MOST; kills++) {
    const injection = await onFileThread(victim, `${call}:signal=KILL:when=${kills + 1}`);
    const sent = await transferOrDeath(scene, victim).finally(() => injection[Symbol.asyncDispose]());
    if (victim.isRunning) {
      expect(sent).toMatchObject({ state: "done", error: null });
      return kills;
    }
    // What was on its way to a receiver that lives is still taken care of.
    if (scene.bert.isRunning) await atRest(scene.bert.control);
    await scene.copies(sent === undefined ? [] : [sent]);
    const started = performance.now();
    await victim.start();
    expect(performance.now() - started).toBeLessThan(BACK_WITHIN);
    const again = await scene.deliver();
    expect([again.state, again.error]).toEqual(["done", null]);
    await allEnded(scene);
    for (const copies of await scene.copies([again])) {
      // One that had arrived, of which the sender was not told, and that of the second transfer.
      expect(copies).toBeGreaterThanOrEqual(1);
      expect(copies).toBeLessThanOrEqual(2);
    }
    await scene.invariants.nothingStaged();
    await scene.invariants.clear();
  }
  throw new Error(`${MOST} kills at ${call} and still no end`);
}

/** Resolves when all is over, for the victim or for both; undefined when nobody is left to tell how it ended. */
async function transferOrDeath(scene: FaultScene, victim: Device): Promise<TransferView | undefined> {
  const { anna, bert } = scene;
  const { daemon } = victim;
  try {
    const { id } = await anna.send(bert, scene.sources);
    const end = anna.ended(id);
    if (victim === bert) {
      // Without its receiver the transfer waits, and goes on when that is back.
      await Promise.race([end, daemon.finished]);
      if (daemon.ended) {
        end.catch(() => {});
        return undefined;
      }
    }
    const sent = await end;
    if (sent.state !== "done") await daemon.finished;
    const isOver = async () => (await scene.invariants.staged()).length === 0 && (await isInHistory(anna, sent.id));
    await eventually("both at rest", async () => daemon.ended || (await isOver()) || undefined);
    return sent;
  } catch (error) {
    if (victim !== anna) throw error;
    await daemon.finished;
    return undefined;
  }
}

/** Resolves when the transfer that the kill interrupted has gone on to its end as well, if it had begun. */
async function allEnded(scene: FaultScene): Promise<void> {
  await eventually("nothing under way or waiting at the sender", async () => {
    const { transfers } = await scene.anna.control.call("get", "/v1/transfers", { query: {} });
    return transfers.length === 0 || undefined;
  });
  await scene.atRest();
}

async function isInHistory(device: Device, transfer: string): Promise<boolean> {
  const { history } = await device.control.call("get", "/v1/history", { query: {} });
  return history.some(({ id }) => id === transfer);
}

suiteFor(["faults"])("a daemon that is killed", () => {
  it.concurrent.each([
    ["openat", 7],
    ["mkdir", 4],
    ["pwrite64", 4],
    ["write", 30], // of the history, and the signal that each piece of work is done
    ["fsync", 6],
    ["fdatasync", 1],
    ["fchmod", 5],
    ["utimensat", 5],
    ["link", 2],
    ["unlink", 1],
    ["rename", 1],
    ["rmdir", 1],
  ])("as the receiver, at any %s, shows nothing unfinished and is there again at once", async (call, atLeast) => {
    await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
    const kills = await killAtEach(call, scene, scene.bert);
    process.stderr.write(`  receiver killed ${kills} times at ${call}\n`);
    expect(kills).toBeGreaterThanOrEqual(atLeast);
  });

  it.concurrent.each([
    ["openat", 3],
    ["pread64", 4],
    ["write", 15],
    ["fdatasync", 1],
  ])("as the sender, at any %s, leaves nothing unfinished in sight", async (call, atLeast) => {
    await using scene = await FaultScene.open({ env: ONE_FILE_THREAD });
    const kills = await killAtEach(call, scene, scene.anna);
    process.stderr.write(`  sender killed ${kills} times at ${call}\n`);
    expect(kills).toBeGreaterThanOrEqual(atLeast);
  });
});
