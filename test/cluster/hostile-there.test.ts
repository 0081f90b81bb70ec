/**
 * What is there already, told to a device that lies about it or asks for what is
 * not its business, and told by one that lies.
 */

import { chmod, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { offerOf, Scene, type Sent } from "../support/mallory.ts";
import type { RawPeer } from "../support/raw-peer.ts";
import { Attempt, type HaveItem } from "../support/resuming.ts";
import { rootOf } from "../support/root.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene[Symbol.asyncDispose]());

const THERE = { there: true };
const NOTES: readonly Sent[] = [
  { path: ["notes"] },
  { path: ["notes", "a.txt"], content: "one" },
  { path: ["notes", "b.txt"], content: "two" },
];
const pathsOf = (have: readonly HaveItem[]) => have.map(({ path }) => path.join("/")).toSorted();

describe("a sender that knows no rules", () => {
  /** What bert has of mallory. */
  beforeEach(async () => {
    const { bert, mallory } = scene;
    expect(await mallory.deliver(bert, NOTES)).toEqual({ t: "complete" });
    await writeFile(path.join(bert.inbox, "notes", "mine.txt"), "bert's own");
    await utimes(path.join(bert.inbox, "notes", "mine.txt"), 1, 1);
    await scene.remember();
  });
  afterEach(async () => {
    await scene.unharmed();
    for (const name of await readdir(scene.bert.inbox)) {
      if (name !== ".lanxfer") await rm(path.join(scene.bert.inbox, name), { recursive: true });
    }
    await scene.remember();
  });

  const begin = (entries: readonly Sent[], changes = {}, features?: string[]) =>
    Attempt.begin(scene.mallory, scene.bert, offerOf(entries, { ...THERE, ...changes }), features);
  /** How the transfer is answered when mallory says these entries. */
  const answered = async (attempt: Attempt, ...entries: readonly Sent[]) => {
    for (const entry of entries) attempt.send(entry);
    attempt.peer.send({ t: "done" });
    return attempt.outcome();
  };
  const held = (entry: Sent | undefined, more = {}): Sent => ({ path: [], ...entry, held: 1, ...more });
  const [folder, a, b] = NOTES;

  it("hears of what it has sent and of nothing else, and what it takes up is there", async () => {
    const attempt = await begin(NOTES);
    expect(pathsOf(attempt.have)).toEqual(["notes/a.txt", "notes/b.txt"]);
    expect(attempt.item("notes", "a.txt")).toEqual({
      path: ["notes", "a.txt"],
      type: "file",
      size: 3,
      mtime: 0,
      blocks: 1,
      root: rootOf(Buffer.from("one")),
      there: true,
    });
    expect(await answered(attempt, { path: ["notes"] }, held(a), held(b))).toEqual({ t: "complete" });
    const saved = attempt.peer.messages.filter(({ t }) => t === "saved").flatMap(({ items }) => items as unknown[]);
    expect(saved).toContainEqual({ index: 0, there: true });
  });

  it("hears of nothing when it does not ask, and can take up nothing then", async () => {
    for (const attempt of [await begin(NOTES, { there: false }), await begin(NOTES, {}, [])]) {
      expect(attempt.have).toEqual([]);
      expect(await answered(attempt, { path: ["notes"] }, held(a))).toMatchObject({ t: "abort", code: "E_PROTO" });
    }
  });

  it("hears of nothing that another device sent, under whatever name", async () => {
    const { anna, bert } = scene;
    await anna.deliver(bert, [await anna.write("secret.txt", "one"), path.dirname(await anna.write("private/x", "y"))]);
    const entries: Sent[] = [{ path: ["secret.txt"], content: "one" }, { path: ["private"] }, ...NOTES];
    const attempt = await begin(entries);
    expect(pathsOf(attempt.have)).toEqual(["notes/a.txt", "notes/b.txt"]);
    expect(await answered(attempt, held(entries[0]))).toMatchObject({ t: "abort", code: "E_PROTO" });
    for (const name of ["secret.txt", "private"]) await rm(path.join(bert.inbox, name), { recursive: true });
  });

  it.each<[string, (file: string) => Promise<void>]>([
    ["longer", (file) => writeFile(file, "bert's own notes").then(() => utimes(file, 0, 0))],
    ["as long", (file) => writeFile(file, "bert's!")],
  ])("hears of nothing that bert has put in the place of a file, %s", async (_, replace) => {
    const { bert, mallory } = scene;
    const sent: Sent[] = [{ path: ["todo.txt"], content: "mallory" }];
    expect(await mallory.deliver(bert, sent)).toEqual({ t: "complete" });
    const file = path.join(bert.inbox, "todo.txt");
    await rm(file);
    await replace(file);
    await scene.remember();
    const attempt = await begin(sent);
    expect(attempt.have).toEqual([]);
    attempt.peer.socket.destroy();
    await scene.atRest();
  });

  it("hears of a file as it has sent it, whatever may be done with it", async () => {
    const { bert, mallory } = scene;
    const sent: Sent[] = [{ path: ["todo.txt"], content: "mallory", mtime: 5_000 }];
    expect(await mallory.deliver(bert, sent)).toEqual({ t: "complete" });
    await chmod(path.join(bert.inbox, "todo.txt"), 0o700);
    await scene.remember();
    const attempt = await begin(sent);
    expect(attempt.have).toMatchObject([{ size: 7, mtime: 5_000, executable: false }]);
    attempt.peer.socket.destroy();
    await scene.atRest();
  });

  it("hears of nothing before it is accepted", async () => {
    const { bert, mallory } = scene;
    const policy = (value: "ask" | "auto") =>
      bert.client.call("patch", "/v1/devices/:device", { param: { device: "mallory" }, json: { policy: value } });
    await policy("ask");
    const peer = await Attempt.offer(mallory, bert, offerOf(NOTES, THERE));
    const { id } = await bert.offer();
    await peer.next("ask");
    await bert.client.call("post", "/v1/offers/:id/decline", { param: { id } });
    await peer.next("decline");
    expect(peer.messages.map(({ t }) => t)).not.toContain("have");
    peer.end();
    await peer.closed();
    await policy("auto");
  });

  it("hears of no more than a sender has to take", async () => {
    const { bert, mallory } = scene;
    const many: Sent[] = [{ path: ["many"] }];
    for (let n = 0; n < 1_100; n++) many.push({ path: ["many", `${n}`], content: "x" });
    expect(await mallory.deliver(bert, many)).toEqual({ t: "complete" });
    const attempt = await begin([{ path: ["many"] }]);
    expect(attempt.have).toHaveLength(1_001);
    attempt.peer.socket.destroy();
    await scene.atRest();
    await rm(path.join(bert.inbox, "many"), { recursive: true });
  });

  it.each<[string, readonly Sent[], string]>([
    [
      "what bert has put there",
      [held({ path: ["notes", "mine.txt"], content: "bert's own", mtime: 1_000 })],
      "E_PROTO",
    ],
    ["what is not there", [held({ path: ["notes", "c.txt"], content: "one" })], "E_PROTO"],
    ["what is there with another size", [held(a, { content: "ones" })], "E_PROTO"],
    ["what is there with another time", [held(a, { mtime: 1 })], "E_PROTO"],
    ["what is there and cannot be executed", [held(a, { executable: true })], "E_PROTO"],
    ["fewer blocks than are there", [held(a, { held: 0 })], "E_PROTO"],
    ["more blocks than are there", [held(a, { held: 2 })], "E_PROTO"],
    ["the folder itself", [{ path: ["notes", "x"], held: 0 }], "E_PROTO"],
    ["the same twice", [held(a), held(a)], "E_PROTO"],
    ["a path that climbs", [held({ path: ["notes", "..", "notes", "a.txt"], content: "one" })], "E_PROTO"],
    ["what is there with other content", [held(a, { content: "eno" })], "E_INTEGRITY"],
    ["less than it has offered", [held(a)], "E_LENGTH"],
  ])("cannot take up %s", async (_, entries, code) => {
    const offered = [{ path: ["notes"] }, ...NOTES.slice(1), { path: ["notes", "d"] }, { path: ["notes", "e"] }];
    const attempt = await begin(offered, { bytes: 100 });
    expect(await answered(attempt, { path: ["notes"] }, ...entries)).toMatchObject({ t: "abort", code });
  });

  it("takes up that of two which are alike with whose root it ends, and each once", async () => {
    const two: Sent[] = ["one", "two"].map((content) => ({ path: ["same.txt"], content }));
    for (const one of two) expect(await scene.mallory.deliver(scene.bert, [one])).toEqual({ t: "complete" });
    await scene.remember();
    const [one, other] = two.map((entry) => held(entry));
    if (one === undefined || other === undefined) throw new Error("two of two");
    const attempt = await begin(two);
    expect(attempt.have).toHaveLength(2);
    expect(await answered(attempt, one, other)).toEqual({ t: "complete" });
    for (const wrong of [one, held(one, { content: "six" })]) {
      const again = await begin(two);
      expect(await answered(again, one, wrong)).toMatchObject({ t: "abort", code: "E_INTEGRITY" });
    }
  });

  it("cannot send content of what it takes up", async () => {
    const attempt = await begin(NOTES);
    attempt.peer.send({ t: "entry", index: 0, ...folder, type: "folder", size: 0, mtime: 0 });
    attempt.peer.send({ t: "entry", index: 1, path: a?.path, type: "file", size: 3, mtime: 0, held: 1 });
    attempt.peer.sendBlock(1, Buffer.from("eno"));
    expect(await attempt.outcome()).toMatchObject({ t: "abort", code: "E_PROTO" });
  });
});

describe("a receiver that knows no rules", () => {
  let file: string;
  let item: Record<string, unknown>;
  beforeAll(async () => {
    file = await scene.anna.write("a.txt", "hello");
    const mtime = Math.floor((await stat(file)).mtimeMs);
    const root = rootOf(Buffer.from("hello"));
    item = { path: ["a.txt"], type: "file", size: 5, mtime, blocks: 1, root, there: true };
  });
  afterEach(() => scene.unharmed());

  /** Bert offers a file to mallory, who says what it has and accepts. */
  async function told(items: readonly object[], more = {}): Promise<{ id: string; peer: RawPeer }> {
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [file], more);
    const peer = await scene.mallory.called();
    peer.send({ ...scene.mallory.hello, features: ["resume"] });
    await peer.next("offer");
    for (let at = 0; at < items.length; at += 256) peer.send({ t: "have", items: items.slice(at, at + 256) });
    peer.send({ t: "accept" });
    return { id, peer };
  }

  const over = async (peer: RawPeer) => {
    peer.end();
    await peer.closed();
  };

  it("gets what it has not, whatever it says", async () => {
    const lies: object[] = [
      { ...item, root: rootOf(Buffer.from("other")) },
      { ...item, size: 6 },
      { ...item, mtime: 0 },
      { ...item, path: ["b.txt"] },
      { ...item, path: ["a.txt", "a.txt"] },
    ];
    const { id, peer } = await told(lies);
    await peer.next("done");
    const entry = peer.messages.find(({ t }) => t === "entry");
    expect(entry).not.toHaveProperty("held");
    expect(peer.blocks).toEqual([{ entry: 0, length: 5 }]);
    peer.send({ t: "saved", items: [{ index: 0, root: item["root"] }] }, { t: "complete" });
    expect(await scene.bert.ended(id)).toMatchObject({ state: "done", already: { entries: 0, bytes: 0 } });
    await over(peer);
  });

  it("gets nothing of what it has in one of several versions", async () => {
    const { id, peer } = await told([{ ...item, mtime: 0 }, { ...item, size: 7 }, item]);
    await peer.next("done");
    expect(peer.messages.find(({ t }) => t === "entry")).toMatchObject({ held: 1 });
    expect(peer.blocks).toEqual([]);
    peer.send({ t: "saved", items: [{ index: 0, root: item["root"], as: "x", there: true }] }, { t: "complete" });
    expect(await scene.bert.ended(id)).toMatchObject({ items: [{ as: "x", there: true }], already: { entries: 1 } });
    await over(peer);
  });

  it.each<[string, () => readonly object[], object]>([
    ["has what was not asked for", () => [item], { always: true }],
    ["has half a file of long ago", () => [{ ...item, blocks: 0 }], {}],
    [
      "has a folder of long ago",
      () => [{ path: ["d"], type: "folder", size: 0, mtime: 0, blocks: 0, there: true }],
      {},
    ],
    ["has it under its final name", () => [{ ...item, as: "a.txt" }], {}],
    ["has it without a root", () => [{ ...item, root: undefined }], {}],
    ["has more than anybody sent", () => Array.from({ length: 1_002 }, (_, n) => ({ ...item, path: [`${n}`] })), {}],
  ])("is left when it %s", async (_, items, more) => {
    const { id, peer } = await told(items(), more);
    expect(await scene.bert.ended(id)).toMatchObject({ state: "failed", error: { code: "E_PROTO" } });
    await over(peer);
  });

  it("is left when it names what no file is called", async () => {
    const { id, peer } = await told([{ ...item, path: ["..", "a.txt"] }]);
    expect(await scene.bert.ended(id)).toMatchObject({ state: "failed", error: { code: "E_NAME" } });
    await over(peer);
  });
});
