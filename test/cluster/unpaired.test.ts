/** Devices that are not paired, and a user who wants to be asked about them. */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rmdir, stat } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { AcceptedView } from "../../src/control/schema.ts";
import { freePort, Room, type RoomOptions, type TestDaemon } from "../support/daemons.ts";
import { Mallory } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import { TcpProxy } from "../support/proxy.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

const MiB = 1024 * 1024;

/** anna and bert see each other and are not paired. */
async function strangers(unpaired: "never" | "ask" = "ask", options: RoomOptions = {}) {
  const room = await Room.open(options);
  const anna = await room.daemon("anna");
  const bert = await room.daemon("bert", { unpaired });
  await anna.sees(bert);
  return { room, anna, bert };
}

const send = async (from: TestDaemon, to: TestDaemon, content: string | Uint8Array = "hello", rate?: number) => {
  const paths = [await from.write("a.txt", content)];
  const json = { peer: to.id, paths, unpaired: true, ...(rate !== undefined && { rate }) };
  return (await from.client.call("post", "/v1/transfers", { json })).id;
};
const accept = (daemon: TestDaemon, id: string, pair = false): Promise<AcceptedView> =>
  daemon.client.call("post", "/v1/offers/:id/accept", { param: { id }, json: { pair } });
const decline = (daemon: TestDaemon, id: string) =>
  daemon.client.call("post", "/v1/offers/:id/decline", { param: { id } });
const offers = async (daemon: TestDaemon) => (await daemon.client.call("get", "/v1/offers", {})).offers;
const devices = async (daemon: TestDaemon) => (await daemon.client.call("get", "/v1/devices", {})).devices;
const set = (daemon: TestDaemon, value: "never" | "ask") =>
  daemon.client.call("put", "/v1/settings/:name", { param: { name: "unpaired" }, json: { value } });
const view = async (daemon: TestDaemon, id: string) =>
  (await daemon.client.call("get", "/v1/transfers", { query: { all: "true" } })).transfers.find((one) => one.id === id);
const until = (daemon: TestDaemon, id: string, moved: number) =>
  eventually(`${moved} bytes of ${id}`, async () => Number((await view(daemon, id))?.moved) >= moved || undefined);
const noOffer = (daemon: TestDaemon) =>
  eventually("no offer waits", async () => (await offers(daemon)).length === 0 || undefined);

describe("A device that is not paired", () => {
  it("is turned away, and nobody is asked, unless the user wants it otherwise", async () => {
    const { room, anna, bert } = await strangers("never");
    await using _ = room;
    const mallory = room.use(await Mallory.open());
    const peer = await mallory.connect(bert);
    peer.send(mallory.hello);
    await peer.closed();
    expect(peer.messages).toEqual([{ t: "abort", code: "E_NOT_PAIRED" }]); // and not a word about bert
    expect(await anna.ended(await send(anna, bert))).toMatchObject({
      state: "failed",
      error: { code: "E_NOT_PAIRED", exit: 7 },
    });
    expect(await offers(bert)).toEqual([]);
    expect(await readdir(bert.inbox)).toEqual([]);
  });

  it("delivers what the user accepts, and nothing before", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    const id = await send(anna, bert);
    const short = anna.id.slice(0, 8);
    const from = { id: anna.id, name: `unpaired ${short} "anna"`, unpaired: { short, claims: "anna", namesake: null } };
    expect(await bert.offer()).toMatchObject({ id, from, items: [{ name: "a.txt", type: "file" }], bytes: 5 });
    await eventually("anna is told", async () => (await view(anna, id))?.state === "asking" || undefined);
    expect((await view(anna, id))?.peer).toMatchObject({ name: `unpaired ${bert.id.slice(0, 8)} "bert"` });
    expect(await view(bert, id)).toBeUndefined();
    expect(await readdir(bert.inbox)).toEqual([]);
    expect(await accept(bert, id.slice(0, 5))).toMatchObject({ offer: { id }, device: null, again: false });
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect(await readFile(path.join(bert.inbox, "a.txt"), "utf8")).toBe("hello");
    // Who it was is told as what it is, for good, and no more is remembered of it.
    expect((await bert.client.call("get", "/v1/history", { query: {} })).history[0]?.peer).toEqual(from);
    expect((await bert.client.call("get", "/v1/inbox", { query: {} })).items[0]?.from).toEqual(from);
    for (const daemon of [anna, bert]) {
      expect(await devices(daemon)).toEqual([]);
      await expect(stat(path.join(daemon.state, "contacts.json"))).rejects.toMatchObject({ code: "ENOENT" });
    }
    await send(anna, bert);
    await eventually("it is asked about again", async () => (await offers(bert)).length === 1 || undefined);
  });

  it("is told of a no", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    const id = await send(anna, bert);
    await bert.offer();
    await decline(bert, id);
    expect((await anna.ended(id)).error).toMatchObject({ code: "E_DECLINED", exit: 7 });
    expect(await offers(bert)).toEqual([]);
    expect(await readdir(bert.inbox)).toEqual([]);
  });

  it("takes its offer back by hanging up", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    const id = await send(anna, bert);
    await bert.offer();
    await anna.client.call("delete", "/v1/transfers/:id", { param: { id } });
    expect(await anna.ended(id)).toMatchObject({ state: "cancelled" });
    await noOffer(bert);
    await expect(accept(bert, id, true)).rejects.toMatchObject({ code: "E_NOT_FOUND" });
    expect(await devices(bert)).toEqual([]);
  });

  it("is not answered for ever", async () => {
    const clock = new SkippingClock();
    const { room, anna, bert } = await strangers("ask", { clock });
    await using _ = room;
    const id = await send(anna, bert);
    await bert.offer();
    for (let minutes = 0; minutes < 10; minutes += 0.15) {
      clock.skip(9_000);
      await bert.client.call("get", "/v1/id", {}); // time for a heartbeat
    }
    expect((await anna.ended(id)).error).toMatchObject({ code: "E_TIMEOUT", exit: 6 });
    expect(await offers(bert)).toEqual([]);
    expect(await readdir(bert.inbox)).toEqual([]);
  });

  it("is turned away once it was paired and is blocked", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    await anna.pairWith(bert);
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: "anna" }, json: { policy: "block" } });
    expect((await anna.ended(await send(anna, bert))).error?.code).toBe("E_NOT_PAIRED");
    expect(await offers(bert)).toEqual([]);
  });

  it("is what an unpaired one becomes: its transfers end, and it is asked about", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    await anna.pairWith(bert);
    const running = await send(anna, bert, Buffer.alloc(8 * MiB), 2 * MiB);
    await until(bert, running, 1);
    await bert.client.call("delete", "/v1/devices/:device", { param: { device: "anna" } });
    expect((await anna.ended(running)).error?.code).toBe("E_NOT_PAIRED");
    const id = await send(anna, bert);
    expect((await bert.offer()).from.unpaired).toEqual({ short: anna.id.slice(0, 8), claims: "anna", namesake: null });
    await decline(bert, id);
    await anna.ended(id);
  });
});

describe("Accepting and pairing in one", () => {
  it("trusts the sender under a name of its own, and takes what comes next without a question", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    const mallory = room.use(await Mallory.open());
    await mallory.pairWith(bert);
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: "mallory" }, json: { name: "anna" } });
    const id = await send(anna, bert);
    await bert.offer();
    const accepted = await accept(bert, id, true);
    expect(accepted).toMatchObject({ device: { id: anna.id, name: "anna (2)", policy: "auto" }, again: false });
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect((await bert.ended(id)).peer).toEqual({ id: anna.id, name: "anna (2)" });
    expect((await devices(bert)).map(({ name }) => name)).toEqual(["anna", "anna (2)"]);
    expect(JSON.parse(await readFile(path.join(bert.state, "devices.json"), "utf8")).devices).toHaveLength(2);
    expect(await readFile(path.join(bert.state, "contacts.json"), "utf8")).toContain(anna.id);
    expect(await anna.ended(await send(anna, bert))).toMatchObject({ state: "done" });
    expect(await devices(anna)).toEqual([]); // each side decides for itself
  });

  it("says so when the sender was paired before", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    await anna.pairWith(bert);
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: "anna" }, json: { policy: "ask" } });
    const id = await send(anna, bert);
    await bert.offer();
    expect(await accept(bert, id, true)).toMatchObject({ device: { name: "anna", policy: "ask" }, again: true });
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
  });

  it("leaves the offer as it was when the trust cannot be written down", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    const id = await send(anna, bert);
    await bert.offer();
    await mkdir(path.join(bert.state, "devices.json")); // no file can take its place
    await expect(accept(bert, id, true)).rejects.toMatchObject({ code: "E_STATE" });
    expect((await offers(bert)).map((offer) => offer.id)).toEqual([id]);
    expect(await devices(bert)).toEqual([]);
    await rmdir(path.join(bert.state, "devices.json"));
    await accept(bert, id, true);
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
  });
});

describe("The setting for devices that are not paired", () => {
  it("counts from the moment it is changed", async () => {
    const { room, anna, bert } = await strangers("never");
    await using _ = room;
    expect((await anna.ended(await send(anna, bert))).error?.code).toBe("E_NOT_PAIRED");
    await set(bert, "ask");
    const waiting = await send(anna, bert);
    await bert.offer();
    await set(bert, "never");
    expect(await offers(bert)).toEqual([]);
    expect((await anna.ended(waiting)).error?.code).toBe("E_NOT_PAIRED");
    expect((await anna.ended(await send(anna, bert))).error?.code).toBe("E_NOT_PAIRED");
    expect(await readdir(bert.inbox)).toEqual([]);
  });

  it("ends what it had allowed when it does not allow that any more, also by going back to the default", async () => {
    const { room, anna, bert } = await strangers("never");
    await using _ = room;
    await set(bert, "ask");
    const id = await send(anna, bert, Buffer.alloc(16 * MiB), 2 * MiB);
    await bert.offer();
    await accept(bert, id);
    await until(bert, id, MiB);
    await bert.client.call("delete", "/v1/settings/:name", { param: { name: "unpaired" } });
    for (const daemon of [anna, bert]) expect((await daemon.ended(id)).error?.code).toBe("E_NOT_PAIRED");
    expect(await readdir(path.join(bert.inbox, ".lanxfer"))).toEqual([]);
  });

  it("says nothing about those that are paired", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    await anna.pairWith(bert);
    const id = await send(anna, bert, Buffer.alloc(6 * MiB), 3 * MiB);
    await until(bert, id, 1);
    await set(bert, "never");
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
  });
});

describe("Sending to a device that is not paired", () => {
  it("needs to be wanted", async () => {
    const { room, anna, bert } = await strangers();
    await using _ = room;
    await expect(anna.send(bert, [await anna.write("a.txt", "hello")])).rejects.toMatchObject({ code: "E_NOT_PAIRED" });
    expect(await offers(bert)).toEqual([]);
  });

  it("goes to the key that was announced, and to no other that answers at its address", async () => {
    await using room = await Room.open();
    const mallory = room.use(await Mallory.open());
    const anna = await room.daemon("anna");
    const bert = await room.daemon("bert", { unpaired: "ask" }, mallory.server.port);
    await anna.sees(bert);
    const sent = await anna.ended(await send(anna, bert));
    expect(sent.error).toMatchObject({ code: "E_IDENTITY", exit: 8 });
    for (const peer of mallory.server.peers) expect(peer.messages).toEqual([]);
  });

  /** Of anna's large file bert's user has accepted, 4 MiB have arrived and the rest takes its time. */
  async function underWay() {
    const room = await Room.open();
    const anna = await room.daemon("anna");
    const port = await freePort();
    const proxy = room.use(await TcpProxy.open(port));
    const bert = await room.daemon("bert", { port, unpaired: "ask" }, proxy.port);
    await anna.sees(bert);
    proxy.begin({ bytesPerSecond: 16 * MiB });
    const content = randomBytes(24 * MiB);
    const id = await send(anna, bert, content);
    await bert.offer();
    await accept(bert, id);
    await until(anna, id, 4 * MiB);
    proxy.begin({ bytesPerSecond: MiB });
    const cut = () => proxy.cutAt({ direction: "there", after: { bytes: 0 }, end: "reset" });
    const arrived = async () => content.equals(await readFile(path.join(bert.inbox, "a.txt")));
    return { room, anna, bert, proxy, id, cut, arrived };
  }

  it("goes on after its connection was lost, and after a restart of the sender, without another question", async () => {
    const { room, anna, bert, proxy, id, cut, arrived } = await underWay();
    await using _ = room;
    cut();
    await eventually("it waits", async () => (await view(bert, id))?.state === "waiting" || undefined);
    proxy.begin({ bytesPerSecond: MiB });
    await eventually("it goes on", async () => Number((await view(anna, id))?.resumed) > 0 || undefined);
    const stopping = anna.stop();
    cut();
    await stopping;
    proxy.begin();
    await anna.start();
    expect((await view(anna, id))?.peer.unpaired).toMatchObject({ claims: "bert" });
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect(await arrived()).toBe(true);
  });

  it("begins anew, with a question, after a restart of the receiver", async () => {
    const { room, anna, bert, proxy, id, cut, arrived } = await underWay();
    await using _ = room;
    const stopping = bert.stop();
    cut();
    await stopping;
    proxy.begin();
    await bert.start();
    expect((await bert.offer()).id).toBe(id);
    expect(await readdir(path.join(bert.inbox, ".lanxfer"))).toEqual([]);
    await accept(bert, id);
    expect(await anna.ended(id)).toMatchObject({ state: "done", resumed: 0 });
    expect(await arrived()).toBe(true);
  });

  it("is not possible any more where the receiver has changed its mind meanwhile, and nothing is kept there", async () => {
    const { room, anna, bert, proxy, id, cut } = await underWay();
    await using _ = room;
    cut();
    await eventually("it waits", async () => (await view(bert, id))?.state === "waiting" || undefined);
    await set(bert, "never");
    expect(await readdir(path.join(bert.inbox, ".lanxfer"))).toEqual([]);
    proxy.begin();
    expect((await anna.ended(id)).error?.code).toBe("E_NOT_PAIRED");
  });
});
