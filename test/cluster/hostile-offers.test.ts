/** A paired sender whose offers are lies, too large, or too many. */

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { newTransferId } from "../support/ends.ts";
import { offerOf, Scene, type Sent, sendEntries } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import type { RawPeer } from "../support/raw-peer.ts";

let scene: Scene;
let arrived: Record<string, string | null> = {};
beforeAll(async () => {
  scene = await Scene.open();
});
afterEach(async () => {
  const expected = arrived;
  arrived = {};
  await scene.unharmed(expected);
});
afterAll(() => scene[Symbol.asyncDispose]());

const file: Sent = { path: ["a.txt"], content: "hello" };
const folder: Sent[] = [{ path: ["d"] }, { path: ["d", "x"], content: "x" }];
const PB = 10 ** 15;

describe("an offer that is not what comes", () => {
  it.each<[string, readonly Sent[], Record<string, unknown>, string]>([
    ["more entries than offered", folder, { entries: 1 }, "E_LENGTH"],
    ["fewer entries than offered", folder, { entries: 3 }, "E_LENGTH"],
    ["more bytes than offered", [file], { bytes: 4 }, "E_LENGTH"],
    ["fewer bytes than offered", [file], { bytes: 6 }, "E_LENGTH"],
    ["another name", [file], { items: [{ name: "b.txt", type: "file" }] }, "E_PROTO"],
    ["a folder for a file", [file], { items: [{ name: "a.txt", type: "folder" }] }, "E_PROTO"],
    ["a file for a folder", [{ path: ["d"] }], { items: [{ name: "d", type: "file" }] }, "E_PROTO"],
    [
      "items in another order",
      [file, { path: ["b.txt"], content: "" }],
      {
        items: [
          { name: "b.txt", type: "file" },
          { name: "a.txt", type: "file" },
        ],
      },
      "E_PROTO",
    ],
    [
      "an item too many",
      [{ path: ["d"] }, { path: ["e"] }],
      { count: 1, items: [{ name: "d", type: "folder" }], entries: 2 },
      "E_PROTO",
    ],
    [
      "an inner entry in place of an item",
      [{ path: ["d", "x"], content: "x" }],
      { count: 1, items: [{ name: "d", type: "file" }] },
      "E_PROTO",
    ],
  ])("ends the transfer: %s", async (_, entries, lie, code) => {
    const outcome = await scene.mallory.deliver(scene.bert, entries, offerOf(entries, lie));
    expect(outcome).toMatchObject({ t: "abort", code });
    await scene.atRest();
    // Items that were complete before the lie came out stay.
    const names = (await readdir(scene.bert.inbox)).filter((name) => name !== ".lanxfer");
    const all: Record<string, string | null> = { "a.txt": "hello", d: null, "d/x": "x" };
    arrived = Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name.split("/")[0] ?? "")));
  });

  it("ends the transfer at the entry that is too much, before any of its content", async () => {
    const large = await scene.mallory.accepted(scene.bert, offerOf([file], { bytes: 4 }));
    large.send({ t: "entry", index: 0, path: ["a.txt"], type: "file", size: 5, mtime: 0 });
    expect(await large.next("abort")).toMatchObject({ code: "E_LENGTH" });
    const many = await scene.mallory.accepted(scene.bert, offerOf([{ path: ["d"] }]));
    many.send({ t: "entry", index: 0, path: ["d"], type: "folder", size: 0, mtime: 0 });
    many.send({ t: "entry", index: 1, path: ["d", "e"], type: "folder", size: 0, mtime: 0 });
    expect(await many.next("abort")).toMatchObject({ code: "E_LENGTH" });
    for (const peer of [large, many]) {
      peer.end();
      await peer.closed();
    }
  });

  it.each<[string, Record<string, unknown>]>([
    ["a list shorter than the count", { count: 2, entries: 2 }],
    ["no items", { items: [], count: 0, entries: 0 }],
    ["more items than entries", { count: 1, entries: 0 }],
  ])("is not even an offer: %s", async (_, lie) => {
    const outcome = await scene.mallory.deliver(scene.bert, [file], offerOf([file], lie));
    expect(outcome).toMatchObject({ t: "abort", code: "E_PROTO" });
  });

  it("of more than 64 items is taken with the first 64 listed, and must end as it counted", async () => {
    const entries: Sent[] = Array.from({ length: 70 }, (_, i) => ({ path: [`f${i}`], content: String(i) }));
    const listed = offerOf(entries)["items"] as object[]; // made from the entries just above
    const offer = (count: number) => offerOf(entries, { count, entries: count, items: listed.slice(0, 64) });
    expect(await scene.mallory.deliver(scene.bert, entries, offer(70))).toEqual({ t: "complete" });
    arrived = Object.fromEntries(entries.map(({ path: [name = ""], content }) => [name, String(content)]));
  });
});

describe("an offer that cannot be taken", () => {
  it.each<[string, Record<string, unknown>, string]>([
    ["a petabyte", { bytes: PB }, "E_NO_SPACE"],
    ["as much as numbers hold", { bytes: Number.MAX_SAFE_INTEGER }, "E_NO_SPACE"],
    ["a million entries and one", { entries: 1_000_001 }, "E_LIMIT"],
    ["as many entries as numbers hold", { entries: Number.MAX_SAFE_INTEGER }, "E_LIMIT"],
  ])("is declined before the first byte: %s", async (_, lie, code) => {
    const outcome = await scene.mallory.deliver(scene.bert, [file], offerOf([file], lie));
    expect(outcome).toMatchObject({ t: "decline", code });
    expect(JSON.stringify(outcome)).not.toContain(scene.bert.home);
  });

  it("tells the sender what is missing", async () => {
    const outcome = await scene.mallory.deliver(scene.bert, [file], offerOf([file], { bytes: PB }));
    const { details } = outcome as { details: { needs: number; has: number } }; // checked next
    expect(details.needs - PB).toBe(512); // what an entry costs besides its bytes
    expect(details.has).toBeGreaterThan(0);
    expect(details.has).toBeLessThan(PB);
  });

  it("leaves the connection open for the next one", async () => {
    const peer = await scene.mallory.greet(scene.bert);
    for (let i = 0; i < 3; i++) {
      peer.send(offerOf([file], { bytes: PB }));
      await peer.next("decline");
    }
    peer.send(offerOf([file]));
    await peer.next("accept");
    sendEntries(peer, [file]);
    await peer.next("complete");
    peer.end();
    await peer.closed();
    arrived = { "a.txt": "hello" };
  });

  it("frees what it was promised, however often it is made and dropped", async () => {
    const { free } = (await scene.bert.client.call("get", "/v1/status", {})).inbox;
    const half = Math.floor(Number(free) * 0.6);
    for (let i = 0; i < 5; i++) {
      // Two of these would not fit at the same time.
      const peer = await scene.mallory.accepted(scene.bert, offerOf([file], { bytes: half }));
      const other = await scene.mallory.deliver(scene.bert, [file], offerOf([file], { bytes: half }));
      expect(other).toMatchObject({ t: "decline", code: "E_NO_SPACE" });
      peer.end();
      await peer.closed();
      await scene.atRest();
    }
  });
});

describe("the same transfer twice", () => {
  it("at once is one transfer, over the newest connection; the older ones are ended", async () => {
    const offer = offerOf([file]);
    const peers = await Promise.all(Array.from({ length: 8 }, () => scene.mallory.greet(scene.bert)));
    for (const peer of peers) peer.send(offer);
    const [winner, ...others] = await eventually("seven are out", async () => {
      const open = peers.filter((peer) => !peer.ended && !peer.messages.some(({ t }) => t === "abort"));
      return open.length === 1 ? [...open, ...peers.filter((peer) => !open.includes(peer))] : undefined;
    });
    if (winner === undefined) throw new Error("nobody won");
    await winner.next("accept");
    sendEntries(winner, [file]);
    await winner.next("complete");
    for (const peer of others) {
      for (const { t, code } of peer.messages) if (t === "abort") expect(code).toBe("E_BUSY");
    }
    for (const peer of peers) peer.end();
    await Promise.all(peers.map((peer) => peer.closed()));
    arrived = { "a.txt": "hello" };
  });
});

describe("many at once", () => {
  it("from one device under one name give as many files, each whole", async () => {
    const deliver = async (i: number) => {
      const content = `${i}`.repeat(1 + i * 1_000);
      expect(await scene.mallory.deliver(scene.bert, [{ path: ["a.txt"], content }])).toEqual({ t: "complete" });
      return content;
    };
    const contents = await Promise.all(Array.from({ length: 50 }, (_, i) => deliver(i)));
    const names = (await readdir(scene.bert.inbox)).filter((name) => name !== ".lanxfer");
    expect(names).toHaveLength(50);
    const hash = (text: string) => createHash("sha256").update(text).digest("hex");
    const found = await Promise.all(names.map((name) => readFile(path.join(scene.bert.inbox, name), "utf8")));
    expect(found.map(hash).toSorted()).toEqual(contents.map(hash).toSorted());
    arrived = Object.fromEntries(names.map((name, i) => [name, found[i] ?? ""]));
  });

  it("are held to the share of one device, and the others keep theirs", async () => {
    const peers: RawPeer[] = [];
    const answers: unknown[] = [];
    for (let i = 0; i < 66; i++) {
      const peer = await scene.mallory.greet(scene.bert);
      peer.send(offerOf([file]));
      answers.push((await peer.next("accept", "decline"))["t"]);
      peers.push(peer);
    }
    expect(answers.slice(0, 64).every((t) => t === "accept")).toBe(true);
    expect(answers.slice(64)).toEqual(["decline", "decline"]);
    const sent = await scene.anna.deliver(scene.bert, [await scene.anna.write("other.txt", "mine")]);
    expect(sent).toMatchObject({ state: "done" });
    arrived = { "other.txt": "mine" };
    for (const peer of peers) peer.end();
    await Promise.all(peers.map((peer) => peer.closed()));
  });
});

describe("small and empty things", () => {
  it("arrive as they are: an empty file, an empty folder, a folder of empty files", async () => {
    const entries: Sent[] = [
      { path: ["empty.txt"], content: "" },
      { path: ["empty"] },
      { path: ["zeros"] },
      { path: ["zeros", "1"], content: "" },
      { path: ["zeros", "2"], content: "" },
    ];
    expect(await scene.mallory.deliver(scene.bert, entries)).toEqual({ t: "complete" });
    arrived = { "empty.txt": "", empty: null, zeros: null, "zeros/1": "", "zeros/2": "" };
  });

  it("go one after another over one connection, hundreds of them", async () => {
    const peer = await scene.mallory.greet(scene.bert);
    for (let i = 0; i < 200; i++) {
      const entry: Sent = { path: ["n.txt"], content: String(i) };
      peer.send(offerOf([entry], { id: newTransferId() }));
      await peer.next("accept");
      sendEntries(peer, [entry]);
      await peer.next("complete");
    }
    peer.end();
    await peer.closed();
    const names = ["n.txt", ...Array.from({ length: 199 }, (_, i) => `n (${i + 1}).txt`)];
    arrived = Object.fromEntries(names.map((name, i) => [name, String(i)]));
  });
});
