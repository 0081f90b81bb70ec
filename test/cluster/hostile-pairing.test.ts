/** Whoever connects to pair and has something else in mind. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ALPN_PAIR } from "../../src/transfer/wire.ts";
import { Mallory, offerOf, Scene } from "../support/mallory.ts";
import { frameOf, type RawPeer } from "../support/raw-peer.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

let scene: Scene;
let stranger: Mallory;
const clock = new SkippingClock();
beforeAll(async () => {
  scene = await Scene.open({ clock });
  stranger = scene.room.use(await Mallory.open());
});
afterEach(async () => {
  const { devices } = await scene.bert.client.call("get", "/v1/devices", {});
  expect(devices.map(({ name }) => name)).toEqual(["anna", "mallory"]);
  await scene.unharmed();
});
afterAll(() => scene[Symbol.asyncDispose]());

const connect = () => stranger.connect(scene.bert, ALPN_PAIR);
const redeem = { t: "invite-redeem", sid: "a".repeat(26), name: "mallory", port: 1, mac: "a".repeat(52) };

/** Bert closes, whatever this end does; everything that he said. */
async function closed(peer: RawPeer): Promise<readonly unknown[]> {
  peer.end();
  await peer.closed();
  return peer.messages;
}

describe("a stranger on a pairing connection", () => {
  it.each<[string, unknown]>([
    ["a proof that is none", redeem],
    ["a proof of the wrong length", { ...redeem, mac: "a" }],
    ["a session that is none", { ...redeem, sid: "../../x" }],
    ["a name that is too long", { ...redeem, name: "é".repeat(32) }],
    ["a name that is half a character", { ...redeem, name: "\ud800" }],
    ["a port that is none", { ...redeem, port: 0 }],
    ["an answer in place of a question", { t: "invite-accept", name: "bert", port: 1, mac: "a".repeat(52) }],
    ["the last message first", { t: "invite-done" }],
    ["a transfer", { t: "hello", v: 1, name: "mallory", features: [], port: 1 }],
    ["an offer", offerOf([{ path: ["a.txt"], content: "x" }])],
    ["an unknown message", { t: "pair", force: true }],
    ["a list", [redeem]],
    ["null", null],
    ["names that every object has", JSON.parse('{"t":"invite-redeem","__proto__":{"mac":"x"},"constructor":1}')],
  ])("is refused and learns nothing: %s", async (_, payload) => {
    await scene.bert.invite(); // one is open: it must not matter
    const peer = await connect();
    peer.sendBytes(frameOf(Buffer.from(JSON.stringify(payload))));
    expect(await peer.next("invite-refuse")).toEqual({ t: "invite-refuse" });
    expect(await closed(peer)).toEqual([{ t: "invite-refuse" }]);
    clock.skip(3_600_000); // the invite is over, and so is the penalty for wrong proofs
  });

  it.each<[string, (peer: RawPeer) => void]>([
    ["a message of more than 1 KiB", (peer) => peer.send({ ...redeem, name: "x".repeat(1_024) })],
    ["a block", (peer) => peer.sendBlock(0, Buffer.from("x"))],
    ["a frame of nothing", (peer) => peer.sendBytes(Buffer.alloc(5))],
    ["noise", (peer) => peer.sendBytes(Buffer.alloc(2_000, 0xa5))],
  ])("is closed: %s", async (_, act) => {
    const peer = await connect();
    act(peer);
    await peer.closed();
    expect(JSON.stringify(peer.messages)).not.toContain("bert");
  });

  it("is closed after 10 s of silence", async () => {
    const peer = await connect();
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.skip(10_500);
    await peer.closed();
    expect(peer.messages).toEqual([]);
  });

  it("may try wrong proofs only a few times a minute", async () => {
    const text = await scene.bert.invite();
    for (let i = 0; i < 30; i++) {
      const peer = await connect();
      peer.send({ ...redeem, mac: "b".repeat(51).concat("a") });
      await peer.next("invite-refuse");
      await closed(peer);
    }
    // By now even the right one is refused; later it is not, and then it is used up.
    const answer = stranger.redeem(scene.bert, text);
    await expect(answer).rejects.toMatchObject({ code: "E_INVITE" });
    clock.skip(60_000);
    await stranger.redeem(scene.bert, text);
    await expect(stranger.redeem(scene.bert, text)).rejects.toMatchObject({ code: "E_INVITE" });
    await scene.bert.client.call("delete", "/v1/devices/:device", { param: { device: stranger.credentials.id } });
  });
});
