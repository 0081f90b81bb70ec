import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { digestBlock } from "../../../src/transfer/blocks.ts";
import { dial } from "../../../src/transfer/dial.ts";
import { BLOCK_PREFIX, type Frame } from "../../../src/transfer/frames.ts";
import type { Link } from "../../../src/transfer/link.ts";
import { type Listener, listen } from "../../../src/transfer/listen.ts";
import { ALPN_PAIR, ALPN_TRANSFER, BLOCK_SIZE, MiB } from "../../../src/transfer/wire.ts";
import { newCredentials } from "../../support/credentials.ts";
import { eventually } from "../../support/process.ts";
import { blockFrame, controlFrame, frameOf, RawPeer } from "../../support/raw-peer.ts";
import { SkippingClock } from "../../support/skipping-clock.ts";

const [ours, theirs] = [newCredentials(), newCredentials()];
const never = new AbortController().signal;

/** A listener with a link for each connection, on a clock that a test can skip over. */
class Ends implements AsyncDisposable {
  readonly clock = new SkippingClock();
  /** Addresses that this machine has, as the links are told. */
  addresses: Set<string> | undefined = new Set(["127.0.0.1"]);
  /** Bytes of memory that the links asked for to hold blocks. */
  allocated = 0;
  readonly #links: Link[] = [];
  readonly #others: { destroy?(): void; [Symbol.asyncDispose]?(): Promise<void> }[] = [];
  #listener: Listener | undefined;
  #taken = 0;

  static async open(): Promise<Ends> {
    const ends = new Ends();
    ends.#listener = await listen({
      port: 0,
      credentials: ours,
      aes: true,
      places: 256,
      clock: ends.clock,
      ownAddresses: () => ends.addresses,
      allocate: (length) => {
        ends.allocated += length;
        return Buffer.allocUnsafeSlow(length);
      },
      onLink: (link) => ends.#links.push(link) > 0,
      onRefused: () => {},
    });
    return ends;
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /** A link of ours, and a raw peer at its other end. */
  async raw(alpn: string = ALPN_TRANSFER): Promise<[link: Link, peer: RawPeer]> {
    const peer = await RawPeer.connect(this.port, { credentials: theirs, alpn: [alpn] });
    this.#others.push(peer);
    return [await this.#accepted(), peer];
  }

  /** Two links, each the other's end. */
  async pair(alpn: string = ALPN_TRANSFER): Promise<[accepted: Link, dialled: Link]> {
    const context = { credentials: theirs, aes: true, clock: this.clock, ownAddresses: () => this.addresses };
    const link = await dial({ host: "127.0.0.1", port: this.port, alpn, expect: ours.id, peer: "us" }, context, never);
    this.#others.push(link);
    return [await this.#accepted(), link];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.#links) link.destroy();
    for (const other of this.#others) {
      other.destroy?.();
      await other[Symbol.asyncDispose]?.();
    }
    await this.#listener?.close();
  }

  async #accepted(): Promise<Link> {
    const link = await eventually("a link", () => this.#links[this.#taken], { everyMs: 1 });
    this.#taken++;
    return link;
  }
}

async function readAll(link: Link): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of link.frames()) frames.push(frame);
  return frames;
}

/** The payloads of the messages, and blocks as their entry. */
const gist = (frames: readonly Frame[]) =>
  frames.map((frame) => (frame.type === "block" ? frame.entry : frame.payload));

async function reasonOf(work: Promise<unknown>): Promise<LanxferError> {
  const reason = await work.then(
    () => new Error("nothing went wrong"),
    (error: unknown) => error,
  );
  if (reason instanceof LanxferError) return reason;
  throw reason;
}

function blockOf(content: Uint8Array): [digest: Buffer, frame: Buffer] {
  const frame = Buffer.alloc(BLOCK_PREFIX + content.length);
  frame.set(content, BLOCK_PREFIX);
  return [digestBlock(content), frame];
}

/** Resolves when the link of `ends` holds what it may and has stopped reading. */
async function full(ends: Ends): Promise<void> {
  for (let before = -1; before < 2 * MiB || before !== ends.allocated; ) {
    before = ends.allocated;
    await settle();
  }
}

/** Lets everything that can happen without further input happen. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

describe("a link", () => {
  it("knows the keys of both ends and carries messages and blocks in order", async () => {
    await using ends = await Ends.open();
    const [a, b] = await ends.pair();
    expect([a.peer, b.peer]).toEqual([theirs.id, ours.id]);
    const content = randomBytes(BLOCK_SIZE);
    a.send({ t: "done" });
    a.sendBlock(7, ...blockOf(content));
    a.send({ t: "complete" });
    await a.close();
    const frames = await readAll(b);
    expect(gist(frames)).toEqual([{ t: "done" }, 7, { t: "complete" }]);
    const [, block] = frames;
    expect(block?.type === "block" && block.data.equals(content) && block.digest.equals(digestBlock(content))).toBe(
      true,
    );
  });

  it("gives both ends the same keying material, which no other connection has", async () => {
    await using ends = await Ends.open();
    const [a, b] = await ends.pair(ALPN_PAIR);
    const [c] = await ends.pair(ALPN_PAIR);
    const key = (link: Link) => link.exportKey("EXPORTER-test", Buffer.from("context"), 32).toString("hex");
    expect(key(a)).toBe(key(b));
    expect(key(c)).not.toBe(key(a));
  });

  it("understands a stream of one-byte segments", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.socket.setNoDelay(true);
    const bytes = Buffer.concat([frameOf(Buffer.from('{"t":"done"}')), frameOf(Buffer.from('{"t":"complete"}'))]);
    for (const byte of bytes) {
      peer.sendBytes(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    peer.end();
    expect(gist(await readAll(link))).toEqual([{ t: "done" }, { t: "complete" }]);
  });
});

describe("memory", () => {
  it("for sending is bounded while the other end does not read, and the writer waits", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.pause();
    const [digest, frame] = blockOf(randomBytes(BLOCK_SIZE));
    let sent = 0;
    let taken = 0;
    const writing = (async () => {
      for (; sent < 64; sent++) {
        link.sendBlock(sent, digest, Buffer.from(frame), () => taken++);
        await link.flushed();
      }
    })();
    await settle();
    const stuckAt = sent;
    expect(stuckAt).toBeLessThan(40); // what sockets hold on both sides of loopback
    expect(stuckAt - taken).toBeLessThanOrEqual(4); // what we hold
    await settle();
    expect(sent).toBe(stuckAt);
    peer.resume();
    await writing;
    await eventually("all blocks", () => (peer.receivedBytes === 64 * MiB ? true : undefined));
    expect(taken).toBe(64);
  });

  it("for receiving is bounded while nobody reads, and the other end has to wait", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    const content = randomBytes(BLOCK_SIZE);
    for (let i = 0; i < 64; i++) peer.sendBlock(i, content);
    await settle();
    expect(ends.allocated).toBeLessThanOrEqual(4 * MiB);
    expect(peer.socket.writableLength).toBeGreaterThan(16 * MiB);
    peer.end();
    const frames = await readAll(link);
    expect(gist(frames)).toEqual(Array.from({ length: 64 }, (_, i) => i));
    expect(frames.every((frame) => frame.type === "block" && frame.data.equals(content))).toBe(true);
  });

  it("for receiving is bounded also when a flood of tiny messages comes", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => frameOf(Buffer.from("1"))));
    const rounds = 300; // 3 million messages in 18 MB; as objects they would take ten times that
    for (let i = 0; i < rounds; i++) peer.sendBytes(many);
    await settle();
    expect(peer.socket.writableLength).toBeGreaterThan(4 * MiB);
    let count = 0;
    peer.end();
    for await (const frame of link.frames()) {
      if (frame.type === "control") count++;
    }
    expect(count).toBe(rounds * 10_000);
  });
});

describe("silence", () => {
  it("is broken by a heartbeat every 10 s", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    for (let n = 1; n <= 3; n++) {
      peer.send({ t: "heartbeat" });
      link.send({ t: "progress", bytes: n });
      await settle();
      ends.clock.skip(9_000);
      await settle();
      expect(peer.heartbeats).toBe(n - 1);
      ends.clock.skip(2_500);
      await eventually("a heartbeat", () => (peer.heartbeats === n ? true : undefined));
    }
  });

  it("needs no heartbeat where something was said", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    for (let n = 0; n < 5; n++) {
      ends.clock.skip(6_000);
      link.send({ t: "progress", bytes: n });
      peer.send({ t: "heartbeat" });
      await settle();
    }
    expect(peer.heartbeats).toBe(0);
  });

  it("of 30 s is death: readers and writers are told, and the socket is gone", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    const reading = reasonOf(readAll(link));
    ends.clock.skip(29_000);
    await settle();
    expect(peer.socket.destroyed).toBe(false);
    ends.clock.skip(2_500);
    expect(await reading).toMatchObject({ code: "E_LOST", details: { text: "nothing heard for 30 s" } });
    expect(await reasonOf(link.flushed())).toMatchObject({ code: "E_LOST" });
    link.send({ t: "done" }); // does nothing
    await peer.closed();
  });

  it("is not waited for where our own address is gone, unless it comes back at once", async () => {
    await using ends = await Ends.open();
    const [accepted, dialled] = await ends.pair();
    const reading = reasonOf(dialled.frames().next());
    ends.addresses?.clear();
    ends.clock.skip(1_000);
    ends.addresses?.add("127.0.0.1");
    for (let second = 0; second < 3; second++) ends.clock.skip(1_000);
    dialled.send({ t: "heartbeat" });
    expect(await accepted.frames().next()).toMatchObject({ done: false });
    ends.addresses?.clear();
    for (let second = 0; second < 2; second++) ends.clock.skip(1_000);
    expect(await reading).toMatchObject({ code: "E_LOST", details: { text: "the address of this device changed" } });
  });

  it("is waited for where the system cannot tell which addresses are ours", async () => {
    await using ends = await Ends.open();
    const [accepted, dialled] = await ends.pair();
    ends.addresses = undefined;
    for (let second = 0; second < 5; second++) ends.clock.skip(1_000);
    dialled.send({ t: "heartbeat" });
    expect(await accepted.frames().next()).toMatchObject({ done: false });
  });

  it("of 30 s is death also for a reader that is busy then", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    const frames = link.frames();
    peer.send({ t: "done" });
    await frames.next();
    ends.clock.skip(31_000);
    await settle();
    expect(await reasonOf(frames.next())).toMatchObject({ details: { text: "nothing heard for 30 s" } });
  });

  it("does not kill two links that have nothing to say, since each sends heartbeats", async () => {
    await using ends = await Ends.open();
    const [a, b] = await ends.pair();
    for (let n = 0; n < 20; n++) {
      ends.clock.skip(5_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    a.send({ t: "done" });
    await a.close();
    const frames = await readAll(b);
    expect(frames.length).toBeGreaterThan(5);
    expect(gist(frames.slice(-1))).toEqual([{ t: "done" }]);
  });

  it("of our own making, while our reader is slow, is not the other end's", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    const frames = link.frames();
    for (let i = 0; i < 16; i++) peer.sendBlock(i, randomBytes(BLOCK_SIZE));
    await full(ends);
    ends.clock.skip(300_000); // a disk that takes five minutes
    await settle();
    for (let i = 0; i < 16; i++) expect((await frames.next()).value).toMatchObject({ entry: i });
    ends.clock.skip(20_000);
    await settle();
    peer.send({ t: "done" });
    expect((await frames.next()).value).toMatchObject({ payload: { t: "done" } });
  });
});

describe("the end of a link", () => {
  it("flushes all that was said before it", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    for (let i = 0; i < 8; i++) link.sendBlock(i, ...blockOf(randomBytes(BLOCK_SIZE)));
    link.send({ t: "complete" });
    await Promise.all([link.close(), link.close()]);
    await peer.closed();
    expect(peer.receivedBytes).toBe(8 * MiB);
    expect(peer.messages).toEqual([{ t: "complete" }]);
  });

  it("gets its reason across to an end that is still sending and reads late", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.pause();
    for (let i = 0; i < 32; i++) peer.sendBlock(i, randomBytes(BLOCK_SIZE));
    await settle();
    const { allocated } = ends;
    const refused = link.refuse(new LanxferError("E_NO_SPACE", { needs: 10, has: 1 }));
    await settle();
    expect(ends.allocated).toBe(allocated); // what still comes is thrown away
    peer.resume();
    expect(await peer.next("abort")).toEqual({ t: "abort", code: "E_NO_SPACE", details: { needs: 10, has: 1 } });
    await refused;
  });

  it("comes after 2 s when the other end does not go along", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.pause();
    for (let i = 0; i < 32; i++) link.sendBlock(i, ...blockOf(randomBytes(BLOCK_SIZE)));
    await settle();
    let over = false;
    const closing = link.close().then(() => {
      over = true;
    });
    await settle();
    expect(over).toBe(false);
    ends.clock.skip(2_000);
    await closing;
    peer.resume();
    await peer.closed();
  });

  it("is an end for the reader when the other one closes between two frames", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.send({ t: "done" });
    peer.end();
    expect(gist(await readAll(link))).toEqual([{ t: "done" }]);
  });

  it("inside a frame is a loss", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.send({ t: "done" });
    peer.sendBytes(Buffer.of(0, 0, 0));
    peer.end();
    const frames = link.frames();
    expect((await frames.next()).value).toMatchObject({ payload: { t: "done" } });
    expect(await reasonOf(frames.next())).toMatchObject({
      code: "E_LOST",
      details: { text: expect.stringContaining("inside a frame") },
    });
  });

  it("by a reset is a loss, also between two frames", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.send({ t: "done" });
    const frames = link.frames();
    expect((await frames.next()).value).toMatchObject({ payload: { t: "done" } });
    const next = reasonOf(frames.next());
    peer.reset();
    expect(await next).toMatchObject({ code: "E_LOST", details: { text: expect.stringContaining("ECONNRESET") } });
  });

  it("by a reset is a loss also for a reader that is busy then", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.send({ t: "done" });
    const frames = link.frames();
    await frames.next();
    peer.reset();
    await settle();
    expect(await reasonOf(frames.next())).toMatchObject({ code: "E_LOST" });
  });

  it("by our own hand has its first reason for everybody", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.pause();
    const [digest, frame] = blockOf(randomBytes(BLOCK_SIZE));
    for (let i = 0; i < 32; i++) link.sendBlock(i, digest, frame);
    const waiting = [reasonOf(readAll(link)), reasonOf(link.flushed())];
    const reason = new LanxferError("E_STOPPING");
    link.destroy(reason);
    link.destroy(new LanxferError("E_TIMEOUT"));
    for (const each of waiting) expect(await each).toBe(reason);
    expect(await reasonOf(link.flushed())).toBe(reason);
    await link.close();
  });

  it("gives back the memory of what was never sent", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.pause();
    let taken = 0;
    for (let i = 0; i < 32; i++) link.sendBlock(i, ...blockOf(randomBytes(BLOCK_SIZE)), () => taken++);
    await settle();
    expect(taken).toBeLessThan(32);
    link.destroy();
    await eventually("all frames", () => (taken === 32 ? true : undefined));
    link.sendBlock(0, ...blockOf(Buffer.of(1)), () => taken++);
    expect(taken).toBe(33);
  });
});

describe("garbage", () => {
  it("is told after what was good, and nothing is read behind it", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    peer.send({ t: "done" }, { t: "complete" });
    peer.sendBytes(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    peer.send({ t: "heartbeat" });
    const frames = link.frames();
    expect((await frames.next()).value).toMatchObject({ payload: { t: "done" } });
    expect((await frames.next()).value).toMatchObject({ payload: { t: "complete" } });
    expect(await reasonOf(frames.next())).toMatchObject({ code: "E_FRAME" });
    await link.refuse(new LanxferError("E_FRAME"));
    expect(await peer.next("abort")).toMatchObject({ code: "E_FRAME" });
  });
});

describe("a confined link", () => {
  it("takes no block, and sets no memory aside for one that has only begun", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    link.confine(1_000);
    peer.send({ t: "heartbeat" });
    peer.sendBytes(blockFrame(0, Buffer.alloc(MiB)).subarray(0, 100));
    const frames = link.frames();
    expect((await frames.next()).value?.type).toBe("control");
    await expect(frames.next()).rejects.toMatchObject({ code: "E_PROTO" });
    expect(ends.allocated).toBe(0);
  });

  it("takes so many bytes in all, however they come", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    const one = controlFrame({ t: "heartbeat" });
    link.confine(10 * one.length);
    for (let n = 0; n < 10; n++) peer.sendBytes(one);
    const frames = link.frames();
    for (let n = 0; n < 10; n++) expect((await frames.next()).value?.type).toBe("control");
    peer.sendBytes(one.subarray(0, 1));
    await expect(frames.next()).rejects.toMatchObject({ code: "E_PROTO" });
  });

  it("is like any other once it is free", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw();
    link.confine(100);
    peer.send({ t: "heartbeat" });
    const frames = link.frames();
    await frames.next();
    link.free();
    for (let n = 0; n < 10; n++) peer.sendBlock(n, Buffer.alloc(1_000));
    for (let n = 0; n < 10; n++) expect((await frames.next()).value).toMatchObject({ type: "block", entry: n });
  });
});

describe("a link for pairing", () => {
  it("takes no blocks", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw(ALPN_PAIR);
    peer.sendBlock(0, Buffer.of(1));
    expect(await reasonOf(readAll(link))).toMatchObject({ code: "E_FRAME" });
  });

  it("takes and sends small messages only", async () => {
    await using ends = await Ends.open();
    const [link, peer] = await ends.raw(ALPN_PAIR);
    expect(() => link.send({ t: "x".repeat(1024) })).toThrow(LanxferError);
    peer.send({ t: "x".repeat(1024) });
    expect(await reasonOf(readAll(link))).toMatchObject({ code: "E_FRAME" });
  });

  it("sends no heartbeats, which a stranger could count", async () => {
    await using ends = await Ends.open();
    const [, peer] = await ends.raw(ALPN_PAIR);
    ends.clock.skip(60_000);
    await settle();
    expect(peer.heartbeats).toBe(0);
  });
});
