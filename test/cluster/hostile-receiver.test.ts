/** A paired receiver that answers as it likes: the sender says what went wrong, ends soon, and never claims success. */

import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import { Scene } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import { frameOf, type RawPeer } from "../support/raw-peer.ts";
import { MiB } from "../support/sizes.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

let scene: Scene;
const clock = new SkippingClock();
beforeAll(async () => {
  scene = await Scene.open({ clock });
});
afterEach(() => scene.unharmed());
afterAll(() => scene[Symbol.asyncDispose]());

interface Sending {
  readonly id: string;
  readonly peer: RawPeer;
}

/** Bert begins to send to mallory, who has said hello and seen the offer. */
async function offered(...files: string[]): Promise<Sending> {
  const paths = files.length > 0 ? files : [await scene.anna.write("a.txt", "hello")];
  const { id } = await scene.bert.send(scene.mallory.credentials.id, paths);
  const peer = await scene.mallory.called();
  peer.send(scene.mallory.hello);
  await peer.next("offer");
  return { id, peer };
}

/** The offer was accepted, and everything sent. */
async function sent(...files: string[]): Promise<Sending & { readonly root: string }> {
  const { id, peer } = await offered(...files);
  peer.send({ t: "accept" });
  const { root } = await peer.next("end");
  await peer.next("done");
  return { id, peer, root: String(root) };
}

/** How the transfer ended at bert, once the connection is gone. */
async function ended({ id, peer }: Sending): Promise<TransferView> {
  const view = await scene.bert.ended(id);
  peer.end();
  await peer.closed();
  return view;
}

/** Why the transfer waits for another attempt, which never comes. */
async function interrupted({ id, peer }: Sending): Promise<TransferView["waitingFor"]> {
  const waiting = await eventually("an interruption", async () => {
    const view = await scene.bert.client.call("get", "/v1/transfers/:id", { param: { id } });
    return view.state === "waiting" ? view : undefined;
  });
  await scene.bert.client.call("delete", "/v1/transfers/:id", { param: { id } });
  expect(await ended({ id, peer })).toMatchObject({ state: "cancelled" });
  return waiting.waitingFor;
}

const failed = (code: string) => ({ state: "failed", error: { code } });

describe("a receiver that lies about what it saved", () => {
  it("is believed when it tells the truth", async () => {
    const sending = await sent();
    sending.peer.send({ t: "saved", items: [{ index: 0, root: sending.root }] }, { t: "complete" });
    expect(await ended(sending)).toMatchObject({ state: "done", moved: 5, items: [{ as: "a.txt" }] });
  });

  it("has damaged the data when it names another root", async () => {
    const sending = await sent();
    sending.peer.send({ t: "saved", items: [{ index: 0, root: "0".repeat(64) }] }, { t: "complete" });
    expect(await interrupted(sending)).toMatchObject({ code: "E_INTEGRITY", exit: 10 });
  });

  it.each<[string, (root: string) => object[]]>([
    ["an entry that there is not", (root) => [{ index: 1, root }]],
    ["the largest index", (root) => [{ index: 0xffff_ffff, root }]],
    [
      "an entry twice",
      (root) => [
        { index: 0, root },
        { index: 0, root },
      ],
    ],
  ])("breaks the protocol when it reports %s", async (_, items) => {
    const sending = await sent();
    sending.peer.send({ t: "saved", items: items(sending.root) }, { t: "complete" });
    expect(await ended(sending)).toMatchObject(failed("E_PROTO"));
  });

  it("has damaged the data when it names no root", async () => {
    const sending = await sent();
    sending.peer.send({ t: "saved", items: [{ index: 0 }] }, { t: "complete" });
    expect(await interrupted(sending)).toMatchObject({ code: "E_INTEGRITY" });
  });

  it("breaks the protocol when it reports a file that has not been sent yet", async () => {
    const file = await scene.anna.write("large.bin", randomBytes(64 * MiB));
    const sending = await offered(file);
    sending.peer.pause();
    sending.peer.send({ t: "accept" }, { t: "saved", items: [{ index: 0 }] });
    expect(await scene.bert.ended(sending.id)).toMatchObject(failed("E_PROTO"));
    sending.peer.resume();
    await ended(sending);
  });

  it.each([
    ["before anything was saved", []],
    ["before the last one was saved", [0]],
  ])("has not received it all when it completes %s", async (_, indexes) => {
    const files = [await scene.anna.write("1.txt", "same"), await scene.anna.write("2.txt", "same")];
    const sending = await sent(...files);
    for (const index of indexes) sending.peer.send({ t: "saved", items: [{ index, root: sending.root }] });
    sending.peer.send({ t: "complete" });
    expect(await ended(sending)).toMatchObject(failed("E_PROTO"));
    expect(sending.peer.messages.at(-1)).toMatchObject({ t: "abort", code: "E_PROTO" });
  });

  it("cannot claim more than was offered, nor less than nothing", async () => {
    const sending = await sent();
    sending.peer.send({ t: "progress", bytes: Number.MAX_SAFE_INTEGER });
    const moved = await eventually("progress", async () => {
      const { transfers } = await scene.bert.client.call("get", "/v1/transfers", { query: {} });
      return transfers.find(({ id, moved }) => id === sending.id && moved > 0)?.moved;
    });
    expect(moved).toBe(5);
    sending.peer.send({ t: "progress", bytes: -1 });
    expect(await ended(sending)).toMatchObject(failed("E_PROTO"));
  });
});

describe("a receiver that does not wait for its turn", () => {
  it.each<[string, object[]]>([
    ["says hello twice", [{ t: "hello", v: 1, name: "mallory", features: [], port: 1 }]],
    ["asks twice", [{ t: "ask" }, { t: "ask" }]],
    ["accepts twice", [{ t: "accept" }, { t: "accept" }]],
    ["asks after it accepted", [{ t: "accept" }, { t: "ask" }]],
    ["declines after it accepted", [{ t: "accept" }, { t: "decline", code: "E_DECLINED" }]],
    ["completes what it did not accept", [{ t: "complete" }]],
    ["saves what it did not accept", [{ t: "saved", items: [{ index: 0 }] }]],
    [
      "sends an offer of its own",
      [{ t: "offer", id: "abcdefghijklmnop", entries: 1, bytes: 0, count: 1, items: [{ name: "x", type: "file" }] }],
    ],
    ["sends an entry", [{ t: "entry", index: 0, path: ["x"], type: "file", size: 0, mtime: 0 }]],
    ["sends an unknown message", [{ t: "delete" }]],
    ["sends a list", [[]]],
  ])("breaks the protocol: %s", async (_, messages) => {
    const sending = await offered();
    for (const message of messages) sending.peer.sendBytes(frameOf(Buffer.from(JSON.stringify(message))));
    expect(await ended(sending)).toMatchObject(failed("E_PROTO"));
    expect(sending.peer.messages.at(-1)).toMatchObject({ t: "abort", code: "E_PROTO" });
  });

  it("breaks the protocol when it completes before all was sent", async () => {
    const sending = await offered(await scene.anna.write("large.bin", randomBytes(32 * MiB)));
    sending.peer.pause();
    sending.peer.send({ t: "accept" }, { t: "complete" });
    expect(await scene.bert.ended(sending.id)).toMatchObject(failed("E_PROTO"));
    sending.peer.resume();
    await ended(sending);
  });

  it("breaks the protocol when it sends a block", async () => {
    const sending = await offered();
    sending.peer.sendBlock(0, Buffer.from("x"));
    expect(await ended(sending)).toMatchObject(failed("E_PROTO"));
  });

  it("is not understood when it sends garbage, or more than a message may hold", async () => {
    for (const bytes of [
      randomBytes(1_000),
      Buffer.from("HTTP/1.1 200 OK\r\n\r\n"),
      frameOf(Buffer.alloc(10_000_000, "x")),
    ]) {
      const sending = await offered();
      sending.peer.sendBytes(bytes);
      expect(await ended(sending)).toMatchObject(failed("E_FRAME"));
    }
  });

  it("is given up also while the sender is waiting for it to read", async () => {
    const sending = await offered(await scene.anna.write("large.bin", randomBytes(64 * MiB)));
    sending.peer.pause();
    sending.peer.send({ t: "accept" });
    await new Promise((resolve) => setTimeout(resolve, 200));
    sending.peer.send({ t: "ask" });
    expect(await scene.bert.ended(sending.id, 6_000)).toMatchObject(failed("E_PROTO"));
    sending.peer.resume();
    await ended(sending);
  });
});

describe("a receiver that says no", () => {
  const TEXTS: readonly [string, object][] = [
    ["an escape sequence", { text: "\u001b[2J\u001b]0;owned\u0007" }],
    ["60 kB", { text: "x".repeat(60_000) }],
    ["60 kB of what has to be escaped", { text: "\u202e".repeat(9_000) }],
    ["line feeds", { text: "no\nlanxferctl: error: forged line" }],
    ["numbers for texts", { text: 5, name: -0 }],
    ["what it must not decide", { peer: "somebody else", path: "/etc/passwd", exit: 0 }],
    ["names that every object has", JSON.parse('{"__proto__":"x","constructor":"y","toString":"z"}')],
  ];

  it.each(TEXTS)("is quoted shortly and safely, whatever it says: %s", async (_, details) => {
    for (const t of ["decline", "abort"]) {
      const sending = await offered();
      sending.peer.send({ t, code: "E_DECLINED", details });
      const { error } = await ended(sending);
      expect(error).toMatchObject({ code: "E_DECLINED", exit: 7 });
      expect(error?.message).toMatch(/^declined by mallory[\x20-\x7e…]*$/);
      expect(error?.message.length).toBeLessThan(2_500); // 256 characters, each at most an escape
    }
  });

  it.each([
    "E_INTERNAL",
    "E_DAEMON_DOWN",
    "E_USAGE",
    "E_CANCELLED",
    "E_IDENTITY",
    "toString",
    "\u001b[31m",
    "x".repeat(64),
  ])("is not believed a code that is not its to say: %j", async (code) => {
    const sending = await offered();
    sending.peer.send({ t: "abort", code });
    expect(await ended(sending)).toMatchObject({ state: "failed", error: { code: "E_PEER", exit: 1 } });
  });

  it("leaves no connection open behind it", async () => {
    const sending = await offered();
    sending.peer.send({ t: "decline", code: "E_DECLINED" });
    expect(await scene.bert.ended(sending.id)).toMatchObject(failed("E_DECLINED"));
    await sending.peer.closed();
  });
});

describe("a receiver that says nothing", () => {
  it("after the handshake is given up after 30 s", async () => {
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "hello")]);
    const peer = await scene.mallory.called();
    clock.skip(31_500);
    expect(await scene.bert.ended(id)).toMatchObject(failed("E_LOST"));
    await peer.closed();
    expect(peer.messages.map(({ t }) => t)).toEqual(["hello"]);
  });

  it("after the handshake does not keep a user from cancelling", async () => {
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "hello")]);
    const peer = await scene.mallory.called();
    await scene.bert.client.call("delete", "/v1/transfers/:id", { param: { id } });
    expect(await scene.bert.ended(id, 4_000)).toMatchObject({ state: "cancelled" });
    peer.end();
    await peer.closed();
  });

  it("to an offer is given up after 30 s", async () => {
    const sending = await offered();
    clock.skip(31_500);
    expect(await scene.bert.ended(sending.id)).toMatchObject(failed("E_LOST"));
    await sending.peer.closed();
  });

  it.each(["accepted", "sent"])("once it has the transfer %s is taken for lost after 30 s", async (when) => {
    const sending = when === "sent" ? await sent() : await offered();
    if (when === "accepted") sending.peer.send({ t: "accept" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.skip(31_500);
    await sending.peer.closed();
    expect(await interrupted(sending)).toMatchObject({ code: "E_LOST" });
  });

  it("but is alive is waited for, until the user has had enough", async () => {
    const sending = await offered();
    for (let i = 0; i < 10; i++) {
      sending.peer.send({ t: "heartbeat" });
      await new Promise((resolve) => setTimeout(resolve, 30));
      clock.skip(20_000);
    }
    const { transfers } = await scene.bert.client.call("get", "/v1/transfers", { query: {} });
    expect(transfers.map(({ id }) => id)).toContain(sending.id);
    await scene.bert.client.call("delete", "/v1/transfers/:id", { param: { id: sending.id } });
    expect(await sending.peer.next("abort")).toMatchObject({ code: "E_CANCELLED_BY_PEER" });
    expect(await ended(sending)).toMatchObject({ state: "cancelled", error: { exit: 130 } });
  });

  it("is never taken for one that has finished, wherever it hangs up", async () => {
    for (const how of ["end", "destroy"] as const) {
      for (const stage of [offered, sent]) {
        const sending = await stage();
        if (how === "end") sending.peer.end();
        else sending.peer.socket.destroy();
        if (stage === offered) expect(await ended(sending)).toMatchObject(failed("E_LOST"));
        else expect(await interrupted(sending)).toMatchObject({ code: "E_LOST" });
      }
    }
  });
});

describe("a receiver that answers from several addresses or none", () => {
  it("that closes in the handshake is not reachable", async () => {
    const { id, peer } = await offered();
    peer.send({ t: "abort", code: "E_STOPPING" });
    expect(await ended({ id, peer })).toMatchObject(failed("E_STOPPING"));
  });

  it("that turns us away in place of a hello is quoted", async () => {
    const { id } = await scene.bert.send(scene.mallory.credentials.id, [await scene.anna.write("a.txt", "hello")]);
    const peer = await scene.mallory.called();
    peer.send({ t: "abort", code: "E_NOT_PAIRED" });
    expect(await ended({ id, peer })).toMatchObject({ state: "failed", error: { code: "E_NOT_PAIRED", exit: 7 } });
  });
});
