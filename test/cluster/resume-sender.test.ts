/** A receiver with a script has had part of a transfer: what the sender takes up of it, and what it does when that is a lie. */

import { randomBytes } from "node:crypto";
import { appendFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import { BLOCK_SIZE } from "../../src/transfer/wire.ts";
import { Scene } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import type { RawPeer } from "../support/raw-peer.ts";
import { rootOf } from "../support/root.ts";
import { MiB } from "../support/sizes.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

let scene: Scene;
const clock = new SkippingClock();
beforeAll(async () => {
  scene = await Scene.open({ clock });
});
afterEach(() => scene.unharmed());
afterAll(() => scene[Symbol.asyncDispose]());

type Item = Record<string, unknown>;

/** What an honest receiver says it has of a file. */
async function have(file: string, content: Uint8Array, blocks?: number, change: Item = {}): Promise<Item> {
  const { size, mtimeMs } = await stat(file);
  const all = Math.ceil(size / BLOCK_SIZE);
  return {
    path: [path.basename(file)],
    type: "file",
    size,
    mtime: Math.floor(mtimeMs),
    blocks: blocks ?? all,
    root: rootOf(content, blocks),
    ...change,
  };
}

/** The next connection of bert, on which it has made its offer. */
async function offered(): Promise<RawPeer> {
  const peer = await scene.mallory.called();
  peer.send({ ...scene.mallory.hello, features: ["resume"] });
  await peer.next("offer");
  return peer;
}

async function lose(peer: RawPeer): Promise<void> {
  peer.socket.destroy();
  await peer.closed();
}

/** Bert has sent `paths` to mallory until everything was under way, then the connection was lost. */
async function interrupted(paths: readonly string[]): Promise<{ id: string; again: RawPeer }> {
  const { id } = await scene.bert.send(scene.mallory.credentials.id, paths);
  const peer = await offered();
  peer.send({ t: "accept" });
  await peer.next("done");
  await lose(peer);
  return { id, again: await offered() };
}

/** Says that all is saved, as it was sent, and that this is all. */
async function confirm(peer: RawPeer, names: Readonly<Record<string, string>> = {}): Promise<void> {
  await peer.next("done");
  const entries = peer.messages.filter(({ t }) => t === "entry");
  const ends = new Map(peer.messages.filter(({ t }) => t === "end").map(({ index, root }) => [index, root]));
  const items = entries.map(({ index, path: at }) => {
    const as = names[String(at)];
    return { index, ...(ends.has(index) && { root: ends.get(index) }), ...(as && { as }) };
  });
  peer.send({ t: "saved", items }, { t: "complete" });
}

async function ended(id: string, peer?: RawPeer): Promise<TransferView> {
  const view = await scene.bert.ended(id);
  peer?.end();
  await peer?.closed();
  return view;
}

const shown = (id: string) => scene.bert.client.call("get", "/v1/transfers/:id", { param: { id } });
const inState = (id: string, state: TransferView["state"]) =>
  eventually(`${id} ${state}`, async () => {
    const view = await shown(id);
    return view.state === state ? view : undefined;
  });
const isKept = async (id: string) => (await readdir(path.join(scene.bert.state, "outbox"))).includes(id);
/** Resolves when bert has nothing of a transfer any more: soon after its end. */
const forgotten = (id: string) =>
  eventually(`${id} gone from the outbox`, async () => ((await isKept(id)) ? undefined : true));
const history = async (id: string) =>
  (await scene.bert.client.call("get", "/v1/history", { query: {} })).history.filter((line) => line.id === id);
const entriesOf = (peer: RawPeer) => peer.messages.filter(({ t }) => t === "entry");

/** A file that reading changes visibly: its time of access lies before its modification. */
async function unreadFile(name: string, content: Uint8Array): Promise<string> {
  const file = await scene.anna.write(name, content);
  await utimes(file, 1_000_000, 1_700_000_000.123);
  return file;
}
const wasRead = async (file: string) => (await stat(file)).atimeMs !== 1_000_000_000;

describe("a transfer that lost its connection", () => {
  it("goes on with the same id from the blocks that the receiver has, without reading them again", async () => {
    const content = randomBytes(3 * MiB + 5);
    const file = await unreadFile("large.bin", content);
    const { id, again } = await interrupted([file]);
    expect(await wasRead(file)).toBe(true); // a file that is read can be told from one that is not
    await utimes(file, 1_000_000, 1_700_000_000.123);
    again.send({ t: "have", items: [await have(file, content)] }, { t: "accept" });
    await confirm(again);
    expect(again.messages.find(({ t }) => t === "offer")).toMatchObject({ id });
    expect(entriesOf(again)).toMatchObject([{ held: 4 }]);
    expect(again.blocks).toEqual([]);
    expect(again.messages.find(({ t }) => t === "end")).toMatchObject({ root: rootOf(content) });
    expect(await ended(id, again)).toMatchObject({ state: "done", resumed: content.length, moved: content.length });
    expect(await wasRead(file)).toBe(false);
    await forgotten(id);
    expect(await history(id)).toMatchObject([{ result: "done" }]);
  });

  it("sends what is missing of an unfinished file, and nothing of a finished one", async () => {
    const [large, small] = [randomBytes(2 * MiB + 5), Buffer.from("small")];
    const files = [await scene.anna.write("a.bin", large), await scene.anna.write("b.txt", small)] as const;
    const { id, again } = await interrupted(files);
    again.send({ t: "have", items: [await have(files[1], small)] });
    again.send({ t: "have", items: [await have(files[0], large, 1)] }, { t: "accept" });
    await confirm(again);
    expect(entriesOf(again)).toMatchObject([{ held: 1 }, { held: 1 }]);
    expect(again.blocks).toEqual([
      { entry: 0, length: MiB },
      { entry: 0, length: 5 },
    ]);
    expect(await ended(id, again)).toMatchObject({ state: "done", resumed: MiB + 5 });
  });

  it("says why it waits, shows where it goes on, and keeps a job until it is over", async () => {
    const content = randomBytes(2 * MiB);
    const file = await scene.anna.write("large.bin", content);
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [file]);
    const peer = await offered();
    peer.send({ t: "accept" });
    await peer.next("done");
    await lose(peer);
    expect(await inState(id, "waiting")).toMatchObject({ waitingFor: { code: "E_LOST" }, error: null, endedAt: null });
    expect(await isKept(id)).toBe(true);
    const again = await offered();
    again.send({ t: "have", items: [await have(file, content, 1)] }, { t: "accept" });
    await again.next("end");
    expect(await shown(id)).toMatchObject({ waitingFor: null, resumed: MiB, moved: MiB });
    await confirm(again);
    expect(await ended(id, again)).toMatchObject({ state: "done", resumed: MiB, canRetry: false });
  });

  it("is not tried again when it was never accepted", async () => {
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "a")]);
    await lose(await offered());
    expect(await ended(id)).toMatchObject({ state: "failed", error: { code: "E_LOST" }, canRetry: false });
    await forgotten(id);
  });

  it("starts over when the receiver has nothing", async () => {
    const { id, again } = await interrupted([await scene.anna.write("a.txt", "hello")]);
    again.send({ t: "accept" });
    await confirm(again);
    expect(entriesOf(again)[0]).not.toHaveProperty("held");
    expect(again.receivedBytes).toBe(5);
    expect(await ended(id, again)).toMatchObject({ state: "done", resumed: 0, moved: 5 });
  });

  it("can be cancelled while it waits, and does not come back", async () => {
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "a")]);
    const peer = await offered();
    peer.send({ t: "accept" });
    await peer.next("done");
    await lose(peer);
    await inState(id, "waiting");
    await scene.bert.client.call("delete", "/v1/transfers/:id", { param: { id } });
    expect(await ended(id)).toMatchObject({ state: "cancelled", waitingFor: null, canRetry: false });
    await forgotten(id);
    expect(await history(id)).toMatchObject([{ result: "cancelled" }]);
  });

  it("ends when the data arrives damaged three times", async () => {
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "a")]);
    for (let attempt = 0; attempt < 3; attempt++) {
      const peer = await offered();
      peer.send({ t: "accept" });
      await peer.next("done");
      peer.send({ t: "abort", code: "E_INTEGRITY" });
      await peer.closed();
    }
    expect(await ended(id)).toMatchObject({ state: "failed", error: { code: "E_INTEGRITY" }, canRetry: true });
  });
});

describe("what the receiver says it has", () => {
  it.each<[string, Item]>([
    ["another root", { root: "0".repeat(64) }],
    ["another time", { mtime: 1 }],
    ["another size", { size: 2 * MiB + 6 }],
    ["another mode", { executable: true }],
  ])("is not taken up when it has %s: the file is sent from its start", async (_, change) => {
    const content = randomBytes(2 * MiB + 5);
    const file = await scene.anna.write("large.bin", content);
    const { id, again } = await interrupted([file]);
    again.send({ t: "have", items: [await have(file, content, 2, change)] }, { t: "accept" });
    await confirm(again);
    expect(entriesOf(again)[0]).not.toHaveProperty("held");
    expect(again.receivedBytes).toBe(content.length);
    expect(await ended(id, again)).toMatchObject({ state: "done", resumed: 0 });
  });

  it("does not matter when there is no such file", async () => {
    const content = Buffer.from("hello");
    const files = [await scene.anna.write("a.txt", content), await scene.anna.write("b.txt", content)] as const;
    const { id, again } = await interrupted(files);
    const other = await have(files[1], content, 1, { path: ["c.txt"] });
    again.send({ t: "have", items: [other, await have(files[0], content)] }, { t: "accept" });
    await confirm(again);
    expect(entriesOf(again).map(({ held }) => held)).toEqual([1, undefined]);
    expect(await ended(id, again)).toMatchObject({ state: "done", resumed: 5 });
  });

  it("is proven by the content when nothing is remembered of it", async () => {
    const content = randomBytes(3 * MiB);
    const file = await scene.anna.write("large.bin", content);
    const { id, again } = await interrupted([file]);
    await rm(path.join(scene.bert.state, "outbox", id, "sent.log"), { force: true });
    again.send({ t: "have", items: [await have(file, content, 2)] }, { t: "accept" });
    await confirm(again);
    expect(entriesOf(again)).toMatchObject([{ held: 2 }]);
    expect(again.receivedBytes).toBe(MiB);
    expect(await ended(id, again)).toMatchObject({ state: "done", resumed: 2 * MiB });
  });

  it.each<[string, (item: Item) => Item[]]>([
    ["a path twice", (item) => [item, item]],
    ["more than was offered", (item) => [item, { ...item, path: ["other"] }]],
    ["a folder that is not published", (item) => [{ ...item, ...FOLDER }]],
    ["a folder in a folder that is not published", (item) => [{ ...item, ...FOLDER, path: ["d", "e"] }]],
    ["a folder with a root", (item) => [{ ...item, ...FOLDER, as: "d", root: item["root"] }]],
    ["a folder with a size", (item) => [{ ...item, ...FOLDER, as: "d", size: 5 }]],
    ["a file without a root", (item) => [{ ...item, root: undefined }]],
    ["more blocks than the file has", (item) => [{ ...item, blocks: 2 }]],
    ["a file of which nothing is there", (item) => [{ ...item, blocks: 0 }]],
    ["a final name for what is no top-level item", (item) => [{ ...item, path: ["d", "a.txt"], as: "a.txt" }]],
    ["something published that is not whole", (item) => [{ ...item, size: 2 * MiB, as: "a.txt" }]],
  ])("breaks the protocol with %s", async (_, items) => {
    const file = await scene.anna.write("a.txt", "hello");
    const { id, again } = await interrupted([file]);
    const item = await have(file, Buffer.from("hello"));
    again.send({ t: "have", items: items(item) }, { t: "accept" });
    expect(await again.next("abort")).toMatchObject({ code: "E_PROTO" });
    expect(await ended(id, again)).toMatchObject({ state: "failed", error: { code: "E_PROTO" } });
  });

  it.each([
    ["climbs", ["..", "x"]],
    ["has a separator in it", ["a/b"]],
  ])("is refused when its path %s", async (_, at) => {
    const file = await scene.anna.write("a.txt", "hello");
    const { id, again } = await interrupted([file]);
    again.send({ t: "have", items: [await have(file, Buffer.from("hello"), 1, { path: at })] }, { t: "accept" });
    expect(await ended(id, again)).toMatchObject({ state: "failed", error: { code: "E_NAME" } });
  });
});

const FOLDER = { type: "folder", size: 0, blocks: 0, root: undefined };

describe("what the receiver has published", () => {
  it("is taken up whole, a folder with everything in it", async () => {
    const content = Buffer.from("buy milk\n");
    const inner = await scene.anna.write("notes/sub/todo.txt", content);
    const folder = path.dirname(path.dirname(inner));
    const last = await scene.anna.write("z.txt", content);
    const { id, again } = await interrupted([folder, last]);
    const mtime = async (at: string) => Math.floor((await stat(at)).mtimeMs);
    again.send(
      {
        t: "have",
        items: [
          await have(inner, content, 1, { path: ["notes", "sub", "todo.txt"] }),
          { ...FOLDER, path: ["notes", "sub"], mtime: await mtime(path.dirname(inner)) },
          { ...FOLDER, path: ["notes"], mtime: await mtime(folder), as: "notes (1)" },
        ],
      },
      { t: "accept" },
    );
    await confirm(again, { notes: "notes (1)" });
    expect(entriesOf(again).map(({ held }) => held)).toEqual([0, 0, 1, undefined]);
    expect(again.blocks).toEqual([{ entry: 3, length: content.length }]);
    expect(await ended(id, again)).toMatchObject({
      state: "done",
      resumed: content.length,
      items: [{ as: "notes (1)" }, { as: "z.txt" }],
    });
  });

  it.each<[string, (folder: string) => Promise<unknown>, string]>([
    ["a file in it has changed", (folder) => writeFile(path.join(folder, "a.txt"), "HELLO"), "a.txt"],
    ["a file has come into it", (folder) => writeFile(path.join(folder, "b.txt"), "b"), "notes"],
    ["a file in it is gone", (folder) => rm(path.join(folder, "a.txt")), "notes"],
  ])("ends the transfer when %s", async (_, change, name) => {
    const file = await scene.anna.write("notes/a.txt", "hello");
    const folder = path.dirname(file);
    await utimes(folder, 1, 1_700_000_000);
    const other = await scene.anna.write("z.txt", "z");
    const { id, again } = await interrupted([folder, other]);
    await lose(again);
    const items = [
      await have(file, Buffer.from("hello"), 1, { path: ["notes", "a.txt"] }),
      { ...FOLDER, path: ["notes"], mtime: Math.floor((await stat(folder)).mtimeMs), as: "notes" },
    ];
    await change(folder);
    await utimes(folder, 1, 1_700_000_000); // as it was: what has happened in it does not show
    const peer = await offered();
    peer.send({ t: "have", items }, { t: "accept" });
    expect(await peer.next("abort")).toMatchObject({ code: "E_SOURCE_CHANGED" });
    expect(await ended(id, peer)).toMatchObject({
      state: "failed",
      error: { code: "E_SOURCE_CHANGED", message: expect.stringContaining(name) },
    });
  });
});

describe("a transfer that had landed when its acknowledgement was lost", () => {
  it("is delivered, with nothing sent", async () => {
    const files = [await scene.anna.write("a.txt", "hello"), await scene.anna.write("b.txt", "hello")];
    const { id, again } = await interrupted(files);
    again.send({ t: "landed", items: [{ item: 1, as: "b.txt" }] });
    again.send({ t: "landed", items: [{ item: 0, as: "a (1).txt" }] }, { t: "complete" });
    expect(await ended(id, again)).toMatchObject({
      state: "done",
      resumed: 10,
      moved: 10,
      items: [{ as: "a (1).txt" }, { as: "b.txt" }],
    });
    expect(entriesOf(again)).toEqual([]);
    await forgotten(id);
  });

  it.each([
    ["not all items are named", [{ item: 0, as: "a" }]],
    [
      "one is named twice",
      [
        { item: 0, as: "a" },
        { item: 0, as: "a" },
      ],
    ],
    [
      "one is named that was not offered",
      [
        { item: 0, as: "a" },
        { item: 2, as: "c" },
      ],
    ],
  ])("is not believed to have landed when %s", async (_, items) => {
    const files = [await scene.anna.write("a.txt", "hello"), await scene.anna.write("b.txt", "hello")];
    const { id, again } = await interrupted(files);
    again.send({ t: "landed", items }, { t: "complete" });
    expect(await ended(id, again)).toMatchObject({ state: "failed", error: { code: "E_PROTO" } });
    expect(again.messages.at(-1)).toMatchObject({ t: "abort", code: "E_PROTO" });
  });
});

describe("a daemon that is started again", () => {
  it("goes on with what it had begun, from what it remembers", async () => {
    const content = randomBytes(2 * MiB + 7);
    const file = await unreadFile("large.bin", content);
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [file]);
    const peer = await offered();
    peer.send({ t: "accept" });
    await peer.next("done");
    await lose(peer);
    await inState(id, "waiting");
    await scene.bert.stop();
    expect(await isKept(id)).toBe(true);
    await utimes(file, 1_000_000, 1_700_000_000.123);
    await scene.bert.start();
    expect(await history(id)).toEqual([]);
    expect(await shown(id)).toMatchObject({ state: "waiting", items: [{ name: "large.bin" }], bytes: content.length });
    const again = await offered();
    again.send({ t: "have", items: [await have(file, content)] }, { t: "accept" });
    await confirm(again);
    expect(await ended(id, again)).toMatchObject({ state: "done", resumed: content.length });
    expect(await wasRead(file)).toBe(false);
    await forgotten(id);
  });

  it("tells the receiver why it ends, and does not wait for what waits", async () => {
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "a")]);
    const peer = await offered();
    peer.send({ t: "accept" });
    await peer.next("done");
    const stopping = scene.bert.stop();
    clock.skip(6_000);
    expect(await peer.next("abort")).toMatchObject({ code: "E_STOPPING" });
    await peer.closed();
    await stopping;
    await scene.bert.start();
    await lose(await offered());
    await inState(id, "waiting");
    const before = performance.now();
    await scene.bert.stop();
    expect(performance.now() - before).toBeLessThan(4_000);
    await scene.bert.start();
    const again = await offered();
    again.send({ t: "accept" });
    await confirm(again);
    expect(await ended(id, again)).toMatchObject({ state: "done" });
    expect(await history(id)).toHaveLength(1);
  });

  it("measures anew: what has changed meanwhile is sent as it is now", async () => {
    const file = await scene.anna.write("log.txt", "hello");
    const { id, again } = await interrupted([file]);
    const stale = await have(file, Buffer.from("hello"));
    const stopping = scene.bert.stop();
    clock.skip(6_000);
    await stopping;
    await again.closed();
    await appendFile(file, ", world");
    await scene.bert.start();
    const peer = await offered();
    peer.send({ t: "have", items: [stale] }, { t: "accept" });
    await confirm(peer);
    expect(peer.messages.find(({ t }) => t === "offer")).toMatchObject({ id, bytes: 12 });
    expect(await ended(id, peer)).toMatchObject({ state: "done", bytes: 12, resumed: 0 });
  });
});

describe("a transfer that failed", () => {
  /** Bert's transfer failed for want of room, after it was accepted. */
  async function failedForRoom(file: string): Promise<string> {
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [file]);
    const peer = await offered();
    peer.send({ t: "accept" });
    await peer.next("done");
    peer.send({ t: "abort", code: "E_NO_SPACE" });
    expect(await ended(id, peer)).toMatchObject({ state: "failed", error: { code: "E_NO_SPACE" }, canRetry: true });
    return id;
  }
  const retry = (id: string) => scene.bert.client.call("post", "/v1/transfers/:id/retry", { param: { id } });

  it("is tried again when the user wants it, with the same id, also by another run", async () => {
    const content = Buffer.from("hello");
    const file = await scene.anna.write("a.txt", content);
    const id = await failedForRoom(file);
    await scene.bert.stop();
    await scene.bert.start();
    expect(await shown(id)).toMatchObject({
      state: "failed",
      error: { code: "E_NO_SPACE" },
      canRetry: true,
      items: [{ name: "a.txt" }],
    });
    expect(await retry(id.slice(0, 12))).toMatchObject({ id, endedAt: null, error: null });
    const again = await offered();
    again.send({ t: "have", items: [await have(file, content)] }, { t: "accept" });
    await confirm(again);
    expect(again.messages.find(({ t }) => t === "offer")).toMatchObject({ id });
    expect(await ended(id, again)).toMatchObject({ state: "done", resumed: 5 });
    expect((await history(id)).map(({ result }) => result)).toEqual(["done", "failed"]);
    await expect(retry(id)).rejects.toThrow(`${id} cannot be tried again: it is done`);
  });

  it("is not tried again as long as it goes on, nor when nothing is kept of it, nor when nobody knows it", async () => {
    const { id, again } = await interrupted([await scene.anna.write("a.txt", "hello")]);
    await expect(retry(id)).rejects.toThrow(`${id} cannot be tried again: it has not ended`);
    again.send({ t: "accept" });
    await confirm(again);
    await ended(id, again);
    const never = await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "a")]);
    await lose(await offered());
    await ended(never.id);
    await expect(retry(never.id)).rejects.toMatchObject({ code: "E_USAGE" });
    await expect(retry("zzzz")).rejects.toMatchObject({ code: "E_NOT_FOUND" });
  });

  it("is shown in the list of all, and what fails again can be tried again", async () => {
    const id = await failedForRoom(await scene.anna.write("a.txt", "hello"));
    await retry(id);
    const peer = await offered();
    peer.send({ t: "decline", code: "E_NO_SPACE" });
    expect(await ended(id, peer)).toMatchObject({ state: "failed", canRetry: true });
    const { transfers } = await scene.bert.client.call("get", "/v1/transfers", { query: { all: "true" } });
    expect(transfers.filter((each) => each.id === id)).toHaveLength(1);
  });
});
