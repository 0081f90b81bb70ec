/** Whoever connects, before anybody is believed: other protocols, TLS that is not ours, strangers. */

import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DeviceId } from "../../src/core/ids.ts";
import { silentLog } from "../../src/core/log.ts";
import type { Credentials } from "../../src/transfer/gate.ts";
import { credentialsOf } from "../support/credentials.ts";
import { Room } from "../support/daemons.ts";
import { Mallory, offerOf, Scene } from "../support/mallory.ts";
import { type RawOptions, RawPeer } from "../support/raw-peer.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

let scene: Scene;
const clock = new SkippingClock();
beforeAll(async () => {
  scene = await Scene.open({ clock });
});
afterEach(() => scene.unharmed());
afterAll(() => scene[Symbol.asyncDispose]());

/** Says `bytes` over plain TCP; resolves when the daemon has closed, to what it said. */
async function tell(bytes: Uint8Array): Promise<Buffer> {
  const socket = connect(scene.bert.port, "127.0.0.1");
  const said: Buffer[] = [];
  socket.on("data", (chunk) => said.push(chunk));
  socket.on("error", () => {}); // a reset is an answer, too
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(bytes);
  await closed;
  return Buffer.concat(said);
}

/** The same, one byte every 20 ms. */
async function trickle(bytes: Uint8Array): Promise<void> {
  const socket = connect(scene.bert.port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", resolve));
  for (const byte of bytes) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await closed;
}

const refusals = async () => (await scene.bert.client.call("get", "/v1/status", {})).refused;

const ALERT = 21;

describe("a connection that speaks something else", () => {
  it.each([
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["HTTP with a body", Buffer.from(`POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"t":"x"}`)],
    ["SSH", Buffer.from("SSH-2.0-OpenSSH_9.2\r\n")],
    ["SMTP", Buffer.from("EHLO example.net\r\nMAIL FROM:<a@example.net>\r\n")],
    ["our own frames without TLS", Buffer.from('\0\0\0\x12\x01{"t":"heartbeat"}')],
    ["zeros", Buffer.alloc(4096)],
    ["ones", Buffer.alloc(4096, 0xff)],
    [
      "a ClientHello cut short, then noise",
      Buffer.concat([Buffer.from("1603010100010000fc0303", "hex"), Buffer.alloc(600, 7)]),
    ],
  ])("gets no data back and is closed: %s", async (_, bytes) => {
    const answer = await tell(bytes);
    // TLS may say in an alert what it thinks of that; nothing of ours, and no echo.
    if (answer.length > 0) expect(answer[0]).toBe(ALERT);
    expect(answer.length).toBeLessThanOrEqual(7);
  });

  it("is closed after 10 s, wherever in the handshake it stops, also when it goes on byte by byte", async () => {
    const beginnings = ["", "16", "16030100ff", "160301000a0100000603030000"].map((hex) => Buffer.from(hex, "hex"));
    const { ["too slow"]: before = 0 } = await refusals();
    const closed = [...beginnings.map(tell), trickle(Buffer.from("16030100ff0100", "hex"))];
    let left = closed.length;
    for (const each of closed) void each.then(() => left--);
    await new Promise((resolve) => setTimeout(resolve, 100));
    clock.skip(9_500);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(left).toBe(5);
    clock.skip(500);
    await Promise.all(closed);
    expect((await refusals())["too slow"]).toBe(before + 5);
  });

  it("costs nothing and is no event when it only looks whether the port is open", async () => {
    const before = await refusals();
    for (let i = 0; i < 20; i++) {
      const socket = connect(scene.bert.port, "127.0.0.1");
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await refusals()).toEqual(before);
  });
});

/** Resolves to everything that the daemon said to a connection that may fail at either end. */
async function attempt(options: RawOptions): Promise<{ readonly said: readonly unknown[] }> {
  const peer = await RawPeer.connect(scene.bert.port, options).catch(() => undefined);
  if (peer === undefined) return { said: [] };
  peer.send(scene.mallory.hello, offerOf([{ path: ["a"], content: "" }]));
  await peer.closed();
  return { said: peer.messages };
}

/** A good key whose point is written compressed (RFC 5480 section 2.2). */
function withCompressedPoint(): Credentials {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const { d = "", x = "", y = "" } = privateKey.export({ format: "jwk" });
  const [secret, abscissa, ordinate] = [d, x, y].map((part) => Buffer.from(part, "base64url").toString("hex"));
  const point = `${Number.parseInt(ordinate?.at(-1) ?? "", 16) % 2 === 0 ? "02" : "03"}${abscissa}`;
  const sec1 = `30570201010420${secret}a00a06082a8648ce3d030107a124032200${point}`; // RFC 5915 section 3
  const key = createPrivateKey({ key: Buffer.from(sec1, "hex"), format: "der", type: "sec1" });
  expect(createPublicKey(key).export({ type: "spki", format: "der" })).toHaveLength(59);
  return credentialsOf(key);
}

describe("TLS that is not ours", () => {
  it.each<[string, () => RawOptions]>([
    ["without a certificate", () => ({})],
    ["without a certificate, in the protocol of pairing", () => ({ alpn: ["lanxfer-pair/1"] })],
    ["without ALPN", () => ({ credentials: scene.mallory.credentials, alpn: [] })],
    ["with another ALPN", () => ({ credentials: scene.mallory.credentials, alpn: ["h2", "http/1.1"] })],
    ["with the ALPN of another version", () => ({ credentials: scene.mallory.credentials, alpn: ["lanxfer/2"] })],
    ["with TLS 1.2", () => ({ credentials: scene.mallory.credentials, tls: { maxVersion: "TLSv1.2" } })],
    [
      "with a key on another curve",
      () => ({ credentials: credentialsOf(generateKeyPairSync("ec", { namedCurve: "secp384r1" }).privateKey) }),
    ],
    ["with a key written in another way, as if it were another device", () => ({ credentials: withCompressedPoint() })],
  ])("gets not a word: %s", async (_, options) => {
    const before = await refusals();
    expect(await attempt(options())).toEqual({ said: [] });
    const counts = Object.values(await refusals()).reduce((sum, count) => sum + count, 0);
    expect(counts).toBeGreaterThan(Object.values(before).reduce((sum, count) => sum + count, 0));
  });

  it("tells a peer of another version so in the handshake", async () => {
    const connecting = RawPeer.connect(scene.bert.port, {
      credentials: scene.mallory.credentials,
      alpn: ["lanxfer/2"],
    });
    await expect(connecting).rejects.toThrow(/no application protocol/i);
  });

  it("does not resume a session: the ticket of an earlier connection is refused", async () => {
    const { credentials: own } = scene.mallory;
    const first = await RawPeer.connect(scene.bert.port, { credentials: own });
    const ticket = new Promise<Buffer>((resolve) => first.socket.on("session", resolve));
    first.send(scene.mallory.hello);
    await first.next("hello");
    const session = await ticket;
    first.end();
    await first.closed();
    const { said } = await attempt({ credentials: own, tls: { session } });
    expect(said).toEqual([]);
  });
});

describe("a stranger", () => {
  it("is told that it is not paired, and nothing about us", async () => {
    const stranger = scene.room.use(await Mallory.open());
    const peer = await stranger.connect(scene.bert);
    peer.send(stranger.hello, offerOf([{ path: ["a.txt"], content: "hello" }]));
    await peer.closed();
    expect(peer.messages).toEqual([{ t: "abort", code: "E_NOT_PAIRED" }]);
    expect(await scene.bert.client.call("get", "/v1/offers", {})).toEqual({ offers: [] });
    const { transfers } = await scene.bert.client.call("get", "/v1/transfers", { query: { all: "true" } });
    expect(transfers.filter(({ peer }) => peer.id === stranger.credentials.id)).toEqual([]);
  });

  it("is told the same when it says nothing, and while it floods us", async () => {
    const stranger = scene.room.use(await Mallory.open());
    const silent = await stranger.connect(scene.bert);
    expect(await silent.next("abort")).toEqual({ t: "abort", code: "E_NOT_PAIRED" });
    const loud = await stranger.connect(scene.bert);
    for (let i = 0; i < 64; i++) loud.sendBlock(0, Buffer.alloc(1 << 20));
    expect(await loud.next("abort")).toEqual({ t: "abort", code: "E_NOT_PAIRED" });
    silent.end();
    await silent.closed();
    clock.skip(2_000); // does not stop by itself: it is stopped
    await loud.closed();
  });

  it("gains nothing by a name or an id that it claims in its messages", async () => {
    const stranger = scene.room.use(await Mallory.open());
    const peer = await stranger.connect(scene.bert);
    peer.send({ ...stranger.hello, name: "anna", id: scene.anna.id, peer: scene.anna.id });
    await peer.closed();
    expect(peer.messages).toEqual([{ t: "abort", code: "E_NOT_PAIRED" }]);
  });

  it("cannot use up the daemon by connecting often", async () => {
    const stranger = scene.room.use(await Mallory.open());
    for (let round = 0; round < 10; round++) {
      const peers = await Promise.all(Array.from({ length: 10 }, () => stranger.connect(scene.bert)));
      await Promise.all(peers.map((peer) => peer.next("abort")));
      for (const peer of peers) peer.end();
      await Promise.all(peers.map((peer) => peer.closed()));
    }
  });
});

describe("a paired device", () => {
  it("is known by its key alone, whatever name or id it claims", async () => {
    const peer = await scene.mallory.connect(scene.bert);
    peer.send({ ...scene.mallory.hello, name: "anna", id: scene.anna.id });
    peer.send({
      ...offerOf([{ path: ["gift.txt"], content: "hello" }]),
      from: scene.anna.id,
      peer: { id: scene.anna.id },
    });
    await peer.next("accept");
    const { transfers } = await scene.bert.client.call("get", "/v1/transfers", { query: {} });
    expect(transfers).toMatchObject([{ peer: { id: scene.mallory.credentials.id, name: "mallory" } }]);
    peer.end();
    await peer.closed();
  });

  it("that says nothing after the handshake is closed after 10 s", async () => {
    const peer = await scene.mallory.connect(scene.bert);
    await peer.next("hello");
    clock.skip(10_500);
    await peer.closed();
    expect(peer.messages).toHaveLength(1);
  });

  it("that says nothing after the hello is closed after 30 s", async () => {
    const peer = await scene.mallory.greet(scene.bert);
    clock.skip(25_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peer.socket.destroyed).toBe(false);
    clock.skip(6_500);
    await peer.closed();
    expect(peer.heartbeats).toBeGreaterThan(0);
  });
});

describe("a device that announces itself with another's id", () => {
  /** Mallory's listener, announced as bert. */
  async function impersonate(room: Room, bert: DeviceId): Promise<Mallory> {
    const mallory = room.use(await Mallory.open());
    const node = room.lan.join({ log: silentLog, probe: async () => undefined, isPaired: () => false });
    room.use({ [Symbol.asyncDispose]: () => node.discovery.close() });
    await node.discovery.start({ id: bert, name: "bert", port: mallory.server.port });
    return mallory;
  }

  it("is found out in the handshake: the sender fails loudly and has not said a word", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const { id } = bert;
    await bert.stop();
    const mallory = await impersonate(room, id);
    const sent = await anna.deliver(id, [await anna.write("secret-name.txt", "secret")]);
    expect(sent).toMatchObject({ state: "failed", error: { code: "E_IDENTITY", exit: 8 } });
    expect(mallory.server.sockets.length).toBeGreaterThan(0);
    // A handshake takes less; the name of a file would have come after it.
    for (const socket of mallory.server.sockets) expect(socket.bytesRead).toBeLessThan(2_000);
    for (const peer of mallory.server.peers) expect(peer.messages).toEqual([]);
  });

  it("does not keep a transfer from the real one", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const mallory = await impersonate(room, bert.id);
    const file = await anna.write("a.txt", "for bert");
    for (let i = 0; i < 5; i++) {
      expect(await anna.deliver(bert, [file], { always: true })).toMatchObject({ state: "done" });
    }
    expect(await readdir(bert.inbox)).toHaveLength(6); // and staging
    for (const peer of mallory.server.peers) expect(peer.messages).toEqual([]);
  });
});
