/** A device that nobody paired, at a receiver whose user wants to be asked: what it can do before the answer, and to others. */

import { readdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Room, type RoomOptions, type TestDaemon } from "../support/daemons.ts";
import { newTransferId } from "../support/ends.ts";
import { Mallory, offerOf, type Sent, sendEntries } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import { controlFrame, type RawPeer } from "../support/raw-peer.ts";
import { Attempt, finish } from "../support/resuming.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

const MiB = 1024 * 1024;
const FILE: Sent = { path: ["a.txt"], content: "hello" };
const LARGE: Sent = { path: ["large.bin"], content: Buffer.alloc(3 * MiB, "content") };

/** Anna is paired with bert, mallory is not. */
async function open(options: RoomOptions = {}) {
  const room = await Room.open(options);
  const anna = await room.daemon("anna");
  const bert = await room.daemon("bert", { unpaired: "ask" });
  await anna.pairWith(bert);
  const mallory = room.use(await Mallory.open());
  return { room, anna, bert, mallory };
}

const accept = (bert: TestDaemon, id: unknown) =>
  bert.client.call("post", "/v1/offers/:id/accept", { param: { id: String(id) }, json: {} });
const offers = async (bert: TestDaemon) => (await bert.client.call("get", "/v1/offers", {})).offers;
const waiting = (bert: TestDaemon, count: number) =>
  eventually(`${count} offers`, async () => (await offers(bert)).length === count || undefined);

/** Offers and does not wait for an answer. */
async function offering(mallory: Mallory, bert: TestDaemon, offer = offerOf([FILE])): Promise<RawPeer> {
  const peer = await mallory.greet(bert);
  peer.send(offer);
  return peer;
}

describe("Before it is accepted, a device that is not paired", () => {
  it.each<[string, (peer: RawPeer) => void, string]>([
    ["a block", (peer) => peer.sendBlock(0, Buffer.alloc(MiB)), "E_PROTO"],
    [
      "an entry",
      (peer) => peer.send({ t: "entry", index: 0, path: ["a.txt"], type: "file", size: 5, mtime: 0 }),
      "E_PROTO",
    ],
    ["another offer", (peer) => peer.send(offerOf([FILE])), "E_PROTO"],
    ["heartbeats without end", (peer) => flood(peer), "E_PROTO"],
  ])("cannot say %s", async (what, say, code) => {
    const { room, bert, mallory } = await open();
    await using _ = room;
    const peer = await offering(mallory, bert);
    await peer.next("ask");
    say(peer);
    expect(await peer.next("abort")).toMatchObject({ code });
    await waiting(bert, 0);
    peer.end();
    await peer.closed();
    expect(await readdir(bert.inbox), what).toEqual([]);
  });

  it("has to offer something soon, and gets one answer", async () => {
    const clock = new SkippingClock();
    const { room, bert, mallory } = await open({ clock });
    await using _ = room;
    const idle = await mallory.greet(bert);
    clock.skip(9_000);
    idle.send({ t: "heartbeat" });
    clock.skip(1_500);
    await idle.closed();
    const peer = await offering(mallory, bert);
    const { id } = await bert.offer();
    await bert.client.call("post", "/v1/offers/:id/decline", { param: { id } });
    await peer.next("decline");
    await eventually("it is over", () => peer.ended || undefined);
    peer.end();
    await peer.closed();
  });

  it("learns nothing of the room there is, and takes none", async () => {
    const { room, bert, mallory } = await open();
    await using _ = room;
    const huge = offerOf([FILE], { bytes: 10 ** 15 });
    const peer = await offering(mallory, bert, huge);
    await peer.next("ask");
    await accept(bert, huge["id"]);
    expect(await peer.next("decline")).toMatchObject({ code: "E_NO_SPACE" });
    // Whoever said yes is told what became of it.
    expect(await bert.ended(String(huge["id"]))).toMatchObject({
      state: "failed",
      peer: { unpaired: { claims: "mallory" } },
      error: { code: "E_NO_SPACE", message: expect.stringMatching(/^no space left at this device \(needs 1\.0 PB, /) },
    });
    await peer.closed();
  });

  it("is not heard with what is never taken", async () => {
    const { room, bert, mallory } = await open();
    await using _ = room;
    const peer = await offering(mallory, bert, offerOf([FILE], { entries: 1_000_001 }));
    expect(await peer.next("decline")).toMatchObject({ code: "E_LIMIT" });
    const bad = await offering(mallory, bert, offerOf([FILE], { items: [{ name: "../x", type: "file" }] }));
    expect(await bad.next("decline")).toMatchObject({ code: "E_NAME" });
    expect(await offers(bert)).toEqual([]);
    await Promise.all([peer.closed(), bad.closed()]);
  });
});

describe("However many devices that are not paired there are", () => {
  it("they wait in places of their own, and paired ones send and are asked about as always", async () => {
    const { room, anna, bert, mallory } = await open();
    await using _ = room;
    const peers: RawPeer[] = [];
    const answers: unknown[] = [];
    const others = [mallory, room.use(await Mallory.open()), room.use(await Mallory.open())];
    for (const one of others) {
      for (let n = 0; n < 5; n++) {
        const peer = await offering(one, bert);
        answers.push((await peer.next("ask", "decline"))["t"]);
        peers.push(peer);
      }
    }
    // Four of each key, eight of one address.
    const of = (asked: number) => [...Array(asked).fill("ask"), ...Array(5 - asked).fill("decline")];
    expect(answers).toEqual([...of(4), ...of(4), ...of(0)]);
    expect((await bert.client.call("get", "/v1/status", {})).refused).toEqual({ "unpaired offers": 7 });
    const file = await anna.write("a.txt", "hello");
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "done" });
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: "anna" }, json: { policy: "ask" } });
    for (let n = 0; n < 16; n++) await anna.send(bert, [file]);
    await waiting(bert, 24);
    expect((await offers(bert))[0]?.from).toEqual({ id: anna.id, name: "anna" });
    expect((await anna.deliver(bert, [file])).error?.code).toBe("E_BUSY");
    for (const peer of peers) peer.end();
    await waiting(bert, 16);
  });

  it("those who are connected crowd out each other, and no paired one", async () => {
    const { room, anna, bert, mallory } = await open();
    await using _ = room;
    const file = await anna.write("a.txt", "hello");
    await anna.deliver(bert, [file]); // nothing that comes from here is too fast now
    const first = await offering(mallory, bert);
    await first.next("ask");
    const idle: RawPeer[] = [];
    for (let n = 0; n < 64; n++) idle.push(await mallory.greet(bert));
    await first.closed();
    await waiting(bert, 0);
    expect((await bert.client.call("get", "/v1/status", {})).refused["crowded out"]).toBeGreaterThanOrEqual(1);
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "done" });
  });

  it("one who was accepted is crowded out by nobody", async () => {
    const { room, anna, bert, mallory } = await open();
    await using _ = room;
    await anna.deliver(bert, [await anna.write("b.txt", "hello")]); // nothing that comes from here is too fast now
    const peer = await offering(mallory, bert);
    await accept(bert, (await bert.offer()).id);
    await peer.next("accept");
    for (let n = 0; n < 66; n++) await mallory.greet(bert);
    sendEntries(peer, [FILE]);
    await peer.next("complete");
    await eventually("one transfer a connection", () => peer.ended || undefined);
    peer.end();
    await peer.closed();
  });
});

describe("What was accepted of a device that is not paired", () => {
  it("goes on without a question as the very same transfer only, and for that device only", async () => {
    const { room, bert, mallory } = await open();
    await using _ = room;
    const id = newTransferId();
    const peer = await Attempt.offer(mallory, bert, offerOf([LARGE], { id }));
    await accept(bert, (await bert.offer()).id);
    await peer.next("accept");
    peer.send({ t: "entry", index: 0, path: ["large.bin"], type: "file", size: 3 * MiB, mtime: 0 });
    peer.sendBlock(0, Buffer.from(LARGE.content ?? "").subarray(0, MiB));
    await eventually("a block is written", () => peer.messages.some(({ bytes }) => bytes === MiB) || undefined);
    peer.socket.destroy();
    await eventually("it waits", async () => {
      const { transfers } = await bert.client.call("get", "/v1/transfers", { query: {} });
      return transfers[0]?.state === "waiting" || undefined;
    });
    // More under the same id is another question.
    const more = await Attempt.offer(mallory, bert, offerOf([LARGE, FILE], { id }));
    await more.next("ask");
    more.end();
    await waiting(bert, 0);
    const other = await Attempt.offer(room.use(await Mallory.open()), bert, offerOf([LARGE], { id }));
    await other.next("ask");
    expect(other.messages.some(({ t }) => t === "have")).toBe(false);
    other.end();
    await waiting(bert, 0);
    expect((await finish(mallory, bert, [LARGE], id)).item("large.bin")?.blocks).toBe(1);
    expect((await readdir(bert.inbox)).filter((name) => name !== ".lanxfer")).toEqual(["large.bin"]);
    await eventually("nothing is kept", async () => {
      return (await readdir(path.join(bert.inbox, ".lanxfer"))).length === 0 || undefined;
    });
  });
});

/** More than anybody has to say before an answer, in messages that are allowed. */
function flood(peer: RawPeer): void {
  const one = controlFrame({ t: "heartbeat", padding: "x".repeat(1_000) });
  for (let n = 0; n < 300; n++) peer.sendBytes(one);
}
