/** Connections of a paired device that it does not use, or has too many of. */

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { offerOf, Scene } from "../support/mallory.ts";
import type { RawPeer } from "../support/raw-peer.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

let scene: Scene;
const clock = new SkippingClock();
beforeAll(async () => {
  scene = await Scene.open({ clock });
});
let arrived: Record<string, string> = {};
afterEach(async () => {
  const expected = arrived;
  arrived = {};
  await scene.unharmed(expected);
});
afterAll(() => scene[Symbol.asyncDispose]());

/** Time passes in which the other end says that it is alive. */
async function beat(peer: RawPeer, seconds: number): Promise<void> {
  for (let n = 0; n < seconds / 10; n++) {
    peer.send({ t: "heartbeat" });
    await sleep(20);
    clock.skip(10_000);
  }
}

describe("a paired device without an offer", () => {
  it("is closed after 60 s, without a word, however alive it is", async () => {
    const peer = await scene.mallory.greet(scene.bert);
    await beat(peer, 50);
    await sleep(20);
    expect(peer.ended).toBe(false);
    await beat(peer, 20);
    peer.end();
    await peer.closed();
    expect(peer.messages.map(({ t }) => t)).toEqual(["hello"]);
  });

  it("has 60 s again after each transfer", async () => {
    const peer = await scene.mallory.greet(scene.bert);
    for (let n = 0; n < 3; n++) {
      await beat(peer, 50);
      peer.send(offerOf([{ path: ["a.txt"], content: "x" }], { entries: 2_000_000 }));
      expect(await peer.next("decline")).toMatchObject({ code: "E_LIMIT" });
    }
    peer.end();
    await peer.closed();
  });

  it("is waited for as long as it is alive once it was accepted: it may be busy with its own disk", async () => {
    const peer = await scene.mallory.accepted(scene.bert);
    await beat(peer, 600);
    expect(peer.ended).toBe(false);
    peer.end();
    await peer.closed();
  });
});

describe("a paired device with more connections than it can use", () => {
  it("loses those that were silent longest, and none on which something happens", async () => {
    const busy = await scene.mallory.accepted(scene.bert);
    const idle: RawPeer[] = [];
    for (let n = 0; n < 160; n++) idle.push(await scene.mallory.greet(scene.bert));
    await Promise.all(idle.slice(0, 17).map((peer) => peer.closed()));
    busy.send({ t: "heartbeat" });
    expect(busy.socket.destroyed).toBe(false);
    expect(idle.slice(17).filter(({ ended, socket }) => !ended && !socket.destroyed)).toHaveLength(143);
    const sent = await scene.anna.deliver(scene.bert, [await scene.anna.write("a.txt", "x")]);
    expect(sent).toMatchObject({ state: "done" });
    arrived = { "a.txt": "x" };
    for (const peer of [...idle, busy]) peer.end();
    await Promise.all([...idle, busy].map((peer) => peer.closed()));
  });
});
