/** Devices that are not who their names say: set up anew, called like another one, or posing. */

import { readdir, rm } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { PeerView } from "../../src/control/schema.ts";
import { typeAcross, Window } from "../support/code-pairing.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { Scene } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";

const devices = async (daemon: TestDaemon) => (await daemon.client.call("get", "/v1/devices", {})).devices;
const status = (daemon: TestDaemon) => daemon.client.call("get", "/v1/status", {});
const warnings = (daemon: TestDaemon, text: string) => daemon.log.at("warn").filter((line) => line.includes(text));

/** The peer as `daemon` shows it when it has come to be so. */
function seen(daemon: TestDaemon, wanted: (peer: PeerView) => boolean): Promise<PeerView> {
  return eventually(`${daemon.name} sees it so`, async () =>
    (await daemon.client.call("get", "/v1/peers", {})).peers.find(wanted),
  );
}

/** Anna is paired with bert, which is then set up anew: the same name and place, another key. */
async function setUpAnew() {
  const room = await Room.open();
  const [anna, bert] = await room.pair();
  const before = bert.id;
  await bert.stop();
  await rm(bert.state, { recursive: true, maxRetries: 5 }); // the last address it met may be being written

  await bert.start();
  await seen(anna, ({ id }) => id === bert.id);
  return { room, anna, bert, before, [Symbol.asyncDispose]: () => room[Symbol.asyncDispose]() };
}

describe("a paired device that was set up anew", () => {
  it("is sent nothing, and the sender says which key it has and which it had", async () => {
    await using scene = await setUpAnew();
    const { anna, bert, before } = scene;
    const [paired] = await devices(anna);
    for (let n = 0; n < 2; n++) {
      const { state, error } = await anna.deliver("bert", [await anna.write("a.txt", "hello")]);
      expect([state, error]).toEqual([
        "failed",
        {
          code: "E_IDENTITY",
          message: `bert answered with another key than the one known for it (expected ${before.slice(0, 8)}, got ${bert.id.slice(0, 8)})`,
          exit: 8,
          retryable: false,
          hint: expect.stringContaining("pair again"),
          details: { peer: "bert", expected: before, got: bert.id, pairedAt: paired?.pairedAt },
        },
      ]);
    }
    expect(await readdir(bert.inbox)).toEqual([]);
    // Nothing has changed by itself, and all of it is told.
    expect(await devices(anna)).toEqual([paired]);
    expect(await status(anna)).toMatchObject({ otherKeys: 2, namesakes: 1, peers: 1, devices: 1 });
    expect(warnings(anna, "another key answered")).toHaveLength(1);
    expect(warnings(anna, "uses the name of a paired one")).toHaveLength(1);
  });

  it("is shown as another one, as long as the old one is paired", async () => {
    await using scene = await setUpAnew();
    const { anna, bert, before } = scene;
    const namesake = { id: before, short: before.slice(0, 8), name: "bert" };
    expect(await anna.sees(bert)).toMatchObject({ name: "bert", paired: false, petname: null, namesake });
    await anna.client.call("delete", "/v1/devices/:device", { param: { device: "bert" } });
    expect(await anna.sees(bert)).toMatchObject({ name: "bert", paired: false, namesake: null });
    expect(await status(anna)).toMatchObject({ namesakes: 0 });
  });

  it("is not paired under the name of the old one, by which it is not called", async () => {
    await using scene = await setUpAnew();
    const { room, anna, before } = scene;
    const window = room.use(new Window(anna, "bert"));
    expect(await window.result()).toMatchObject({ state: "failed", error: { code: "E_IDENTITY" } });
    expect((await devices(anna)).map(({ id }) => id)).toEqual([before]);
  });

  it("is paired beside the old one by its id, and says so before and after", async () => {
    await using scene = await setUpAnew();
    const { room, anna, bert, before } = scene;
    const namesake = { id: before, name: "bert" };
    const [a, b] = [room.use(new Window(anna, bert)), room.use(new Window(bert))];
    expect(a.seen[0] ?? (await a.when("waiting"))).toMatchObject({ peer: { id: bert.id }, namesake });
    expect(await a.when("comparing")).toMatchObject({ peer: { id: bert.id }, petname: null, namesake });
    await typeAcross(a, b);
    expect(await a.result()).toMatchObject({ state: "paired", device: { name: "bert (2)" } });
    expect((await devices(anna)).map(({ id, name }) => [id, name])).toEqual([
      [before, "bert"],
      [bert.id, "bert (2)"],
    ]);
    await b.result();
    await Promise.all([a.over, b.over]);
    expect(await anna.deliver("bert (2)", [await anna.write("a.txt", "hello")])).toMatchObject({ state: "done" });
    expect((await anna.deliver("bert", [await anna.write("a.txt", "hello")])).error?.code).toMatch(
      /E_UNREACHABLE|E_IDENTITY/,
    );
  });

  it("has its old name again when it was unpaired before it was paired", async () => {
    await using scene = await setUpAnew();
    const { anna, bert } = scene;
    await anna.client.call("delete", "/v1/devices/:device", { param: { device: "bert" } });
    await anna.pairWith(bert);
    expect((await devices(anna)).map(({ id, name }) => [id, name])).toEqual([[bert.id, "bert"]]);
    expect(await anna.deliver("bert", [await anna.write("a.txt", "hello")])).toMatchObject({ state: "done" });
  });
});

describe("a device that takes the name of another", () => {
  it("gets nothing that is meant for the paired one, whether that is here or not", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const carl = await room.daemon("carl");
    await carl.stop();
    await carl.start({ name: "bert" });
    await seen(anna, ({ id, name }) => id === carl.id && name === "bert");
    expect(await anna.deliver("bert", [await anna.write("a.txt", "hello")])).toMatchObject({ state: "done" });
    expect(await readdir(bert.inbox)).toContain("a.txt");
    await bert.stop();
    await eventually("bert is gone", async () => {
      const { peers } = await anna.client.call("get", "/v1/peers", {});
      return peers.every(({ id }) => id !== bert.id) || undefined;
    });
    const { error } = await anna.deliver("bert", [await anna.write("b.txt", "hello")]);
    expect(error).toMatchObject({ code: "E_IDENTITY", details: { expected: bert.id, got: carl.id } });
    expect(await readdir(carl.inbox)).toEqual([]);
  });

  it("is told apart from the other by its id, and a name that both have is refused", async () => {
    await using room = await Room.open();
    const [anna, bert, carl] = [await room.daemon("anna"), await room.daemon("bert"), await room.daemon("carl")];
    await carl.stop();
    await carl.start({ name: "bert" });
    for (const one of [bert, carl]) await seen(anna, ({ id, name }) => id === one.id && name === "bert");
    const file = await anna.write("a.txt", "hello");
    const shorts = [bert, carl].map(({ id }) => id.slice(0, 8));
    await expect(anna.send("bert", [file])).rejects.toMatchObject({
      code: "E_AMBIGUOUS",
      message: expect.stringMatching(new RegExp(`^"bert" is ambiguous: bert \\((${shorts.join("|")})\\), bert \\(`)),
    });
    const window = new Window(anna, "bert");
    await expect(window.over).rejects.toMatchObject({ code: "E_AMBIGUOUS" });
    await expect(anna.send(carl.id.slice(0, 8), [file])).rejects.toMatchObject({
      code: "E_NOT_PAIRED",
      message: "bert is not paired with this device",
    });
    // Once one of them is paired, the name is that one's.
    await anna.pairWith(carl);
    expect(await anna.deliver("bert", [file])).toMatchObject({ state: "done", peer: { id: carl.id } });
  });

  it("keeps the name that we gave it, when it is paired", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const carl = await room.daemon("carl");
    await anna.pairWith(carl);
    await carl.stop();
    await carl.start({ name: "bert" });
    expect(await seen(anna, ({ id, name }) => id === carl.id && name === "bert")).toMatchObject({
      petname: "carl",
      namesake: null,
    });
    const file = await anna.write("a.txt", "hello");
    expect(await anna.deliver("bert", [file])).toMatchObject({ state: "done", peer: { id: bert.id } });
    expect(await anna.deliver("carl", [file])).toMatchObject({ state: "done", peer: { id: carl.id } });
  });
});

describe("what others say", () => {
  it("unpairs nobody", async () => {
    await using scene = await Scene.open();
    const { bert, anna, mallory } = scene;
    const before = await devices(bert);
    for (const message of [
      { t: "unpair" },
      { t: "unpair", id: anna.id },
      { t: "abort", code: "E_NOT_PAIRED" },
      { t: "pair-refuse" },
      { t: "invite-refuse" },
      { t: "bye" },
    ]) {
      const peer = await mallory.greet(bert);
      peer.send(message);
      await peer.closed();
    }
    expect(await devices(bert)).toEqual(before);
    // Nor does a refusal of our own transfer.
    await bert.client.call("delete", "/v1/devices/:device", { param: { device: "anna" } });
    const [paired] = await devices(anna);
    const sent = await anna.deliver("bert", [await anna.write("a.txt", "hello")]);
    expect(sent.error?.code).toBe("E_NOT_PAIRED");
    expect(await devices(anna)).toEqual([paired]);
    await anna.pairWith(bert);
    await scene.unharmed();
  });
});
