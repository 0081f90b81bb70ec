/**
 * Queueing when the disk of the state fails, or the daemon dies, at each call in
 * turn: what was acknowledged is queued, what was refused is not, and there is
 * never half a job.
 */

import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { toLanxferError } from "../../src/core/errors.ts";
import type { Device } from "../support/device.ts";
import { LocalPair } from "../support/local.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { ONE_FILE_THREAD, onFileThread } from "../support/strace.ts";

/** More would mean that a run without a failure never comes. */
const MOST = 60;

/** Anna, who wants to send something to bert, who is away. */
class Scene implements AsyncDisposable {
  readonly anna: Device;
  readonly #pair: LocalPair;
  readonly #file: string;

  private constructor(pair: LocalPair, file: string) {
    this.#pair = pair;
    this.anna = pair.anna;
    this.#file = file;
  }

  static async open(): Promise<Scene> {
    const pair = await LocalPair.open({ env: ONE_FILE_THREAD });
    await pair.bert.stop();
    const file = path.join(pair.anna.place.home, "a.txt");
    await writeFile(file, "hello");
    return new Scene(pair, file);
  }

  /** Resolves to the id, or to the code with which that failed; to undefined when nobody answered. */
  async queue(copy: boolean): Promise<{ readonly id?: string; readonly code?: string } | undefined> {
    const json = { peer: "bert", paths: [this.#file], queue: { copy } };
    try {
      return { id: (await this.anna.control.call("post", "/v1/transfers", { json })).id };
    } catch (error) {
      const { code } = toLanxferError(error);
      return code === "E_DAEMON_DOWN" ? undefined : { code };
    }
  }

  /** What is on the disk of the queue. */
  kept(): Promise<string[]> {
    return readdir(path.join(this.anna.state, "outbox"));
  }

  /** What the daemon knows to be queued. */
  async queued(): Promise<string[]> {
    const { transfers } = await this.anna.control.call("get", "/v1/transfers", { query: {} });
    return transfers.map(({ id }) => id);
  }

  async clear(): Promise<void> {
    for (const id of await this.queued()) {
      await this.anna.control.call("delete", "/v1/transfers/:id", { param: { id } });
      await this.anna.ended(id);
    }
    await eventually("nothing kept", async () => ((await this.kept()).length === 0 ? true : undefined));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pair[Symbol.asyncDispose]();
  }
}

suiteFor(["faults"])("queueing", () => {
  it.concurrent.each<[string, readonly string[], boolean, number]>([
    ["mkdir", ["ENOSPC", "EROFS"], false, 1],
    ["openat", ["EMFILE", "ENOSPC", "EROFS"], false, 3],
    ["fsync", ["EIO", "ENOSPC"], false, 3],
    ["rename", ["ENOSPC", "EIO"], false, 1],
    ["mkdir", ["ENOSPC"], true, 2],
    ["fsync", ["EIO"], true, 6],
  ])("at any %s that fails (%j, copy: %s), is refused and leaves nothing", async (call, errors, copy, atLeast) => {
    await using scene = await Scene.open();
    const { pid } = scene.anna.daemon;
    for (const error of errors) {
      let failures = 0;
      for (let over = false; !over; failures++) {
        expect(failures).toBeLessThan(MOST);
        const injection = await onFileThread(scene.anna, `${call}:error=${error}:when=${failures + 1}`);
        const answer = await scene.queue(copy).finally(() => injection[Symbol.asyncDispose]());
        over = answer?.id !== undefined;
        if (over) expect(await scene.queued()).toEqual([answer?.id]);
        else {
          expect(answer?.code).toMatch(copy ? /^E_(QUEUE|STATE|SPOOL_FULL)$/ : /^E_QUEUE$/);
          expect([await scene.queued(), await scene.kept()]).toEqual([[], []]);
        }
      }
      await scene.clear();
      process.stderr.write(`  queueing failed ${failures - 1} times with ${error} at ${call}\n`);
      expect(failures - 1).toBeGreaterThanOrEqual(atLeast);
    }
    expect(scene.anna.daemon.pid).toBe(pid);
  });

  it.concurrent.each<[string, boolean]>([
    ["openat", false],
    ["fsync", false],
    ["rename", false],
    ["fsync", true],
  ])(
    "survives a kill at any %s (copy: %s): there is a whole job or none, and what was acknowledged is there",
    async (call, copy) => {
      await using scene = await Scene.open();
      const { anna } = scene;
      let kills = 0;
      for (let over = false; !over; ) {
        expect(kills).toBeLessThan(MOST);
        const { daemon } = anna;
        const injection = await onFileThread(anna, `${call}:signal=KILL:when=${kills + 1}`);
        const answer = await scene.queue(copy).finally(() => injection[Symbol.asyncDispose]());
        if (answer === undefined) await daemon.finished;
        over = anna.isRunning;
        if (!over) {
          kills++;
          await anna.start();
        }
        const { outbox } = await anna.control.call("get", "/v1/status", {});
        expect(outbox).toEqual({ strangers: [], strangerCount: 0 });
        const queued = await scene.queued();
        expect(queued.length).toBeLessThanOrEqual(1);
        if (answer !== undefined) expect(queued).toEqual([answer.id]);
        expect(await scene.kept()).toEqual(queued);
        await scene.clear();
      }
      process.stderr.write(`  killed ${kills} times at ${call}\n`);
      expect(kills).toBeGreaterThanOrEqual(1);
    },
  );
});
