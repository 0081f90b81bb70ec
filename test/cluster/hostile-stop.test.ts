/** A daemon that is told to end while others hold on to it. */

import { readdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ALPN_PAIR } from "../../src/transfer/wire.ts";
import { Mallory, Scene } from "../support/mallory.ts";
import { MiB } from "../support/sizes.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

/** What may keep a daemon from ending, one after another and all at once. */
const HOLDING: readonly [string, (scene: Scene) => Promise<unknown>][] = [
  ["a connection on which nothing is said", (scene) => scene.mallory.connect(scene.bert)],
  ["an idle connection", (scene) => scene.mallory.greet(scene.bert)],
  ["a transfer in which nothing comes", (scene) => scene.mallory.accepted(scene.bert)],
  [
    "a transfer that has stopped in the middle of a block",
    async (scene) => {
      const offer = {
        t: "offer",
        id: "aaaaaaaaaaaaaaaa",
        entries: 1,
        bytes: MiB,
        count: 1,
        items: [{ name: "x", type: "file" }],
      };
      const peer = await scene.mallory.accepted(scene.bert, offer);
      peer.send({ t: "entry", index: 0, path: ["x"], type: "file", size: MiB, mtime: 0 });
      peer.sendBytes(Buffer.concat([Buffer.of(0, 16, 0, 37, 2), Buffer.alloc(1_000)]));
    },
  ],
  [
    "an offer that waits for the user",
    async (scene) => {
      const param = { device: "mallory" };
      await scene.bert.client.call("patch", "/v1/devices/:device", { param, json: { policy: "ask" } });
      const peer = await scene.mallory.greet(scene.bert);
      peer.send({
        t: "offer",
        id: "bbbbbbbbbbbbbbbb",
        entries: 1,
        bytes: 1,
        count: 1,
        items: [{ name: "x", type: "file" }],
      });
      await peer.next("ask");
    },
  ],
  [
    "a receiver that never says hello",
    async (scene) => {
      await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "hello")]);
      await scene.mallory.called();
    },
  ],
  [
    "a receiver that never answers an offer",
    async (scene) => {
      await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "hello")]);
      const peer = await scene.mallory.called();
      peer.send(scene.mallory.hello);
      await peer.next("offer");
    },
  ],
  [
    "a receiver that has stopped reading",
    async (scene) => {
      await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("b.bin", Buffer.alloc(64 * MiB))]);
      const peer = await scene.mallory.called();
      peer.send(scene.mallory.hello);
      await peer.next("offer");
      peer.pause();
      peer.send({ t: "accept" });
    },
  ],
  [
    "a stranger who wants to pair",
    async (scene) => scene.room.use(await Mallory.open()).connect(scene.bert, ALPN_PAIR),
  ],
];

describe("the end of a daemon", () => {
  it.each([...HOLDING, ["all of that together", (scene: Scene) => inTurn(scene)] as const])(
    "comes within 10 s, and in good order, in spite of %s",
    async (_, hold) => {
      const clock = new SkippingClock();
      await using scene = await Scene.open({ clock });
      await hold(scene);
      let stopped = false;
      const stopping = scene.bert.stop().then(() => {
        stopped = true;
      });
      for (let passed = 0; passed < 10_000 && !stopped; passed += 500) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        clock.skip(500);
      }
      await expect.poll(() => stopped, { timeout: 2_000 }).toBe(true);
      await stopping;
      expect(await readdir(path.join(scene.bert.inbox, ".lanxfer")).catch(() => [])).toEqual([]);
      await expect(scene.bert.client.call("get", "/v1/status", {})).rejects.toMatchObject({ code: "E_DAEMON_DOWN" });
      await scene.bert.start();
      await scene.unharmed();
    },
  );
});

/** The last of them changes a policy that others need: it goes last. */
async function inTurn(scene: Scene): Promise<void> {
  const asking = "an offer that waits for the user";
  for (const [name, hold] of HOLDING) if (name !== asking) await hold(scene);
  for (const [name, hold] of HOLDING) if (name === asking) await hold(scene);
}
