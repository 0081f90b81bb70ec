/** A device that meets its own key: on another machine, which has a copy of its state, or in a mirror. */

import { cp, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { silentLog } from "../../src/core/log.ts";
import { Window } from "../support/code-pairing.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { Mallory } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import { TcpProxy } from "../support/proxy.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

const status = (daemon: TestDaemon) => daemon.client.call("get", "/v1/status", {});
const alarms = (daemon: TestDaemon) => daemon.log.at("warn").filter((line) => line.includes("the key of this device"));

/** Anna, and bert, whose disk is a copy of hers. */
async function copied() {
  const clock = new SkippingClock();
  const room = await Room.open({ clock });
  const [anna, bert] = [await room.daemon("anna"), await room.daemon("bert")];
  await bert.stop();
  await rm(bert.state, { recursive: true, maxRetries: 5 });
  await cp(anna.state, bert.state, { recursive: true });
  await bert.start();
  return { room, clock, anna, bert, [Symbol.asyncDispose]: () => room[Symbol.asyncDispose]() };
}

const noticed = (daemon: TestDaemon) =>
  eventually(`${daemon.name} meets its double`, async () => (await status(daemon)).double ?? undefined);

describe("two machines with one key", () => {
  it("notice each other, and say what has happened and where the copy is", async () => {
    await using scene = await copied();
    const { anna, bert } = scene;
    expect(bert.id).toBe(anna.id);
    for (const daemon of [anna, bert]) {
      expect(await noticed(daemon)).toMatchObject({ address: "127.0.0.1" });
      expect(alarms(daemon)).toHaveLength(1);
      expect(alarms(daemon)[0]).toContain(daemon.state);
      expect((await status(daemon)).peers).toBe(0);
      expect((await status(daemon)).refused).toEqual({});
    }
  });

  it("pair with nobody, and do not call each other unknown", async () => {
    await using scene = await copied();
    const { room, anna } = scene;
    const carl = await room.daemon("carl");
    const invite = await carl.invite();
    await noticed(anna);
    await anna.sees(carl);
    const clone = {
      code: "E_CLONE",
      message: `another machine, seen at 127.0.0.1, has the key of this device: ${anna.state} was copied`,
    };
    await expect(anna.client.call("post", "/v1/invites", { json: {} })).rejects.toMatchObject(clone);
    await expect(anna.client.call("post", "/v1/pairings", { json: { invite } })).rejects.toMatchObject(clone);
    await expect(new Window(anna, carl).over).rejects.toMatchObject(clone);
    await expect(anna.send("bert", [await anna.write("a.txt", "hello")])).rejects.toMatchObject(clone);
    await expect(new Window(anna, "bert").over).rejects.toMatchObject(clone);
    await expect(anna.send("nobody", [await anna.write("a.txt", "hello")])).rejects.toMatchObject({
      code: "E_NO_PEER",
    });
  });

  it("go on to notice each other", async () => {
    await using scene = await copied();
    const { anna, bert, clock } = scene;
    for (const daemon of [anna, bert]) await noticed(daemon);
    const before = (await status(anna)).double?.seenAt ?? "";
    for (let second = 0; second < 240; second++) {
      clock.skip(1_000);
      await sleep(5); // for what has to cross real sockets
    }
    for (const daemon of [anna, bert]) expect((await noticed(daemon)).seenAt > before).toBe(true);
    expect([alarms(anna).length, alarms(bert).length]).toEqual([1, 1]);
  });

  it("are well again some minutes after one of them has become another device", async () => {
    await using scene = await copied();
    const { anna, bert, clock } = scene;
    await noticed(anna);
    await bert.stop();
    await rm(bert.state, { recursive: true, maxRetries: 5 });
    await bert.start();
    await anna.sees(bert);
    clock.skip(4 * 60_000);
    expect((await status(anna)).double).toBeNull();
    expect((await status(bert)).double).toBeNull();
    await anna.pairWith(bert);
    expect(await anna.deliver(bert, [await anna.write("a.txt", "hello")])).toMatchObject({ state: "done" });
  });
});

describe("one machine alone", () => {
  it("does not take itself for another, by whatever address it calls itself", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const mirror = room.use(await TcpProxy.open(anna.port));
    for (const [name, port] of [
      ["me", anna.port],
      ["mirror", mirror.port],
    ] as const) {
      await anna.client.call("post", "/v1/peers", { json: { name, host: "127.0.0.1", port } });
    }
    await eventually("anna has called herself", () => mirror.passed.back.bytes > 0 || undefined);
    for (const name of ["me", "mirror"]) await anna.client.call("delete", "/v1/peers/:name", { param: { name } });
    await eventually("and is done", () => (mirror.open === 0 ? true : undefined));
    const { double, refused, peers } = await status(anna);
    expect({ double, refused, peers }).toEqual({ double: null, refused: {}, peers: 0 });
    expect(alarms(anna)).toEqual([]);
  });

  it("does not take an address that it has now, and a paired device had, for an attack", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const mirror = room.use(await TcpProxy.open(anna.port));
    await bert.stop();
    // As after a change of leases: bert's id is announced where anna listens.
    const relic = room.lan.join({ log: silentLog, probe: async () => undefined, isPaired: () => false });
    room.use({ [Symbol.asyncDispose]: () => relic.kill() });
    await relic.discovery.start({ id: bert.id, name: "bert", port: mirror.port });
    await anna.sees(bert);
    const { error } = await anna.deliver(bert, [await anna.write("a.txt", "hello")]);
    expect(error).toMatchObject({ code: "E_UNREACHABLE" });
    expect(await status(anna)).toMatchObject({ double: null, otherKeys: 0 });
  });

  it.each(["another key answers", "everything is passed back to it"])(
    "does not believe who announces its id where %s",
    async (what) => {
      await using room = await Room.open();
      const [anna, bert] = await room.pair();
      const mallory = room.use(await Mallory.open());
      const mirror = room.use(await TcpProxy.open(what === "another key answers" ? mallory.server.port : anna.port));
      const liar = room.lan.join({ log: silentLog, probe: async () => undefined, isPaired: () => false });
      room.use({ [Symbol.asyncDispose]: () => liar.kill() });
      await liar.discovery.start({ id: anna.id, name: "liar", port: mirror.port });
      await eventually("anna looks who that is", () => mirror.passed.back.bytes > 0 || undefined);
      await eventually("and is done", () => (mirror.open === 0 ? true : undefined));
      expect((await status(anna)).double).toBeNull();
      expect(alarms(anna)).toEqual([]);
      expect(await anna.deliver(bert, [await anna.write("a.txt", "hello")])).toMatchObject({ state: "done" });
    },
  );
});
