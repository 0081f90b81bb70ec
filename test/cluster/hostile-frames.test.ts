/** A paired sender whose frames, order or content are wrong: it is told so, and nothing of it stays. */

import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DigestList, digestBlock } from "../../src/transfer/blocks.ts";
import { BLOCK_SIZE } from "../../src/transfer/wire.ts";
import { entryFrames, offerOf, Scene, type Sent, sendEntries } from "../support/mallory.ts";
import { frameOf, type RawPeer } from "../support/raw-peer.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

const ROOT_OF_HELLO = "0".repeat(64); // no content has this one
const hello: Sent = { path: ["a.txt"], content: "hello" };

let scene: Scene;
const clock = new SkippingClock();
let arrived: Record<string, string | null> = {};
beforeAll(async () => {
  scene = await Scene.open({ clock });
});
afterEach(async () => {
  const expected = arrived;
  arrived = {};
  await scene.unharmed(expected);
});
afterAll(() => scene[Symbol.asyncDispose]());

/** The code with which bert ends the connection. */
async function refused(peer: RawPeer): Promise<unknown> {
  const { code } = await peer.next("abort");
  peer.end();
  await peer.closed();
  return code;
}

const entry = { t: "entry", index: 0, path: ["a.txt"], type: "file", size: 5, mtime: 0 };
const end = { t: "end", index: 0, root: ROOT_OF_HELLO };

/** How to come to each phase of a conversation. */
const PHASES: Readonly<Record<string, () => Promise<RawPeer>>> = {
  opening: async () => {
    const peer = await scene.mallory.connect(scene.bert);
    await peer.next("hello");
    return peer;
  },
  ready: () => scene.mallory.greet(scene.bert),
  sending: () => scene.mallory.accepted(scene.bert),
  content: async () => {
    const peer = await scene.mallory.accepted(scene.bert);
    peer.send(entry);
    return peer;
  },
};

const header = (length: number, type: number) => Buffer.of(length >>> 24, length >>> 16, length >>> 8, length, type);

describe.each(Object.entries(PHASES))("while %s", (_, reach) => {
  it.each([
    ["a frame of nothing", header(0, 1)],
    ["a message above the limit", header(64 * 1024 + 2, 1)],
    ["the largest length", header(0xffff_ffff, 1)],
    ["a length that is negative as a signed number", header(0x8000_0000, 2)],
    ["a block above the limit", header(37 + BLOCK_SIZE + 1, 2)],
    ["an unknown type", header(5, 9)],
    ["bytes that are not UTF-8", frameOf(Buffer.from('{"t":"\xc0\xaf"}', "latin1"))],
    ["text that is not JSON", frameOf(Buffer.from("{t:done}"))],
    ["noise", Buffer.alloc(4096, 0xa5)],
  ])("it is refused with E_FRAME: %s", async (_, bytes) => {
    const peer = await reach();
    peer.sendBytes(bytes);
    expect(await refused(peer)).toBe("E_FRAME");
  });

  it.each([
    ["an unknown message", { t: "delete", path: ["/"] }],
    ["what only a receiver says", { t: "accept" }],
    ["a value of another type", { t: "entry", index: "0", path: "a", type: "file", size: 0, mtime: 0 }],
    ["a list", []],
    ["null", null],
  ])("it is refused with E_PROTO: %s", async (_, payload) => {
    const peer = await reach();
    peer.sendBytes(frameOf(Buffer.from(JSON.stringify(payload))));
    expect(await refused(peer)).toBe("E_PROTO");
  });

  it.each(["FIN", "RST"])("half a frame and then a %s leave nothing", async (how) => {
    const peer = await reach();
    peer.sendBytes(header(1000, 1));
    peer.sendBytes(randomBytes(500));
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (how === "FIN") peer.end();
    else peer.reset();
    await peer.closed();
  });
});

describe("sizes that are no sizes", () => {
  it.each(["-1", "0.5", "9007199254740992", "18446744073709551615", '"1e9"', "1e999", "null", "[5]"])(
    "are refused: %s, in an offer and in an entry",
    async (size) => {
      const offering = await scene.mallory.greet(scene.bert);
      const offer = JSON.stringify({ ...offerOf([hello]), bytes: "SIZE" });
      offering.sendBytes(frameOf(Buffer.from(offer.replace('"SIZE"', size))));
      expect(await refused(offering)).toBe("E_PROTO");
      const sending = await scene.mallory.accepted(scene.bert);
      sending.sendBytes(frameOf(Buffer.from(JSON.stringify({ ...entry, size: "SIZE" }).replace('"SIZE"', size))));
      expect(await refused(sending)).toBe("E_PROTO");
    },
  );
});

describe("a sender that does not wait for its turn", () => {
  it.each<[string, (peer: RawPeer) => void]>([
    ["offers before it has said hello", (peer) => peer.send(offerOf([hello]))],
    ["says hello twice", (peer) => peer.send(scene.mallory.hello, scene.mallory.hello)],
    ["offers twice", (peer) => peer.send(scene.mallory.hello, offerOf([hello]), offerOf([hello]))],
    ["sends an entry without an offer", (peer) => peer.send(scene.mallory.hello, entry)],
    ["is done without an offer", (peer) => peer.send(scene.mallory.hello, { t: "done" })],
    [
      "sends a block without an offer",
      (peer) => {
        peer.send(scene.mallory.hello);
        peer.sendBlock(0, Buffer.from("hello"));
      },
    ],
  ])("is refused: %s", async (_, act) => {
    const peer = await scene.mallory.connect(scene.bert);
    act(peer);
    expect(await refused(peer)).toBe("E_PROTO");
  });

  it("is refused when it sends before a person has answered, and the person is not bothered any more", async () => {
    await scene.bert.client.call("patch", "/v1/devices/:device", {
      param: { device: "mallory" },
      json: { policy: "ask" },
    });
    const peer = await scene.mallory.greet(scene.bert);
    peer.send(offerOf([hello]));
    await peer.next("ask");
    expect((await scene.bert.offer()).from.name).toBe("mallory");
    peer.send(entry);
    peer.sendContent(0, Buffer.from("hello"));
    expect(await refused(peer)).toBe("E_PROTO");
    expect(await scene.bert.client.call("get", "/v1/offers", {})).toEqual({ offers: [] });
    await scene.bert.client.call("patch", "/v1/devices/:device", {
      param: { device: "mallory" },
      json: { policy: "auto" },
    });
  });

  it("is refused when entries come in one go with their offer, unless the answer was faster", async () => {
    const peer = await scene.mallory.greet(scene.bert);
    peer.send(offerOf([hello]));
    sendEntries(peer, [hello]);
    const { t, code, details } = await peer.next("abort", "complete");
    if (t === "complete") arrived = { "a.txt": "hello" };
    else
      expect({ code, details }).toEqual({
        code: "E_PROTO",
        details: { text: "entry-file from the sender while offered" },
      });
    peer.end();
    await peer.closed();
  });

  it.each<[string, (peer: RawPeer) => void, string]>([
    ["a block before its entry", (peer) => peer.sendBlock(0, Buffer.from("hello")), "E_PROTO"],
    ["an end before its entry", (peer) => peer.send(end), "E_PROTO"],
    ["done before anything", (peer) => peer.send({ t: "done" }), "E_LENGTH"],
    ["an entry inside an entry", (peer) => peer.send(entry, { ...entry, index: 1 }), "E_PROTO"],
    ["done inside an entry", (peer) => peer.send(entry, { t: "done" }), "E_PROTO"],
    ["the end before the content", (peer) => peer.send(entry, end), "E_LENGTH"],
    ["an entry that skips an index", (peer) => peer.send({ ...entry, index: 1 }), "E_PROTO"],
    [
      "the block of another entry",
      (peer) => {
        peer.send(entry);
        peer.sendBlock(1, Buffer.from("hello"));
      },
      "E_PROTO",
    ],
    [
      "the end of another entry",
      (peer) => {
        peer.send(entry);
        peer.sendBlock(0, Buffer.from("hello"));
        peer.send({ ...end, index: 1 });
      },
      "E_PROTO",
    ],
    ["an offer inside a transfer", (peer) => peer.send(offerOf([hello])), "E_PROTO"],
    ["a hello inside a transfer", (peer) => peer.send(scene.mallory.hello), "E_PROTO"],
    ["a folder with a size", (peer) => peer.send({ ...entry, type: "folder" }), "E_PROTO"],
  ])("is refused inside a transfer: %s", async (_, act, code) => {
    const peer = await scene.mallory.accepted(scene.bert);
    act(peer);
    expect(await refused(peer)).toBe(code);
  });

  it("is refused when more content comes after the end; the file was complete by then", async () => {
    const peer = await scene.mallory.accepted(scene.bert);
    peer.send(entry);
    peer.sendContent(0, Buffer.from("hello"));
    peer.sendBlock(0, Buffer.from("hello"));
    expect(await refused(peer)).toBe("E_PROTO");
    arrived = { "a.txt": "hello" };
  });

  it("is refused when it goes on after done; the transfer had landed by then", async () => {
    const peer = await scene.mallory.accepted(scene.bert);
    sendEntries(peer, [hello]);
    peer.send({ t: "done" });
    await peer.next("complete");
    expect(await refused(peer)).toBe("E_PROTO");
    arrived = { "a.txt": "hello" };
  });
});

describe("content that is not what was announced", () => {
  it.each<[string, number, readonly Buffer[], string]>([
    ["one byte too many", 5, [Buffer.from("hello!")], "E_LENGTH"],
    ["a block too many", 5, [Buffer.from("hello"), Buffer.from("!")], "E_LENGTH"],
    ["a byte in an empty file", 0, [Buffer.from("x")], "E_LENGTH"],
    ["too few bytes", 6, [Buffer.from("hello")], "E_LENGTH"],
    ["a short block before the last", BLOCK_SIZE + 5, [Buffer.from("hello"), Buffer.alloc(BLOCK_SIZE)], "E_LENGTH"],
    ["a byte too many behind full blocks", BLOCK_SIZE, [Buffer.alloc(BLOCK_SIZE), Buffer.alloc(1)], "E_LENGTH"],
  ])("is refused at the first wrong byte: %s", async (_, size, blocks, code) => {
    const peer = await scene.mallory.accepted(scene.bert, offerOf([hello], { bytes: 10 * BLOCK_SIZE }));
    peer.send({ ...entry, size });
    for (const block of blocks) peer.sendBlock(0, block);
    peer.send(end);
    expect(await refused(peer)).toBe(code);
  });

  it.each([0, 1, 2])(
    "is damage when one bit of block %i is flipped: nothing appears, and it may be tried again",
    async (bad) => {
      const content = randomBytes(2 * BLOCK_SIZE + 1000);
      const offer = offerOf([{ path: ["a.bin"], content }]);
      const peer = await scene.mallory.accepted(scene.bert, offer);
      peer.send({ ...entry, path: ["a.bin"], size: content.length });
      const digests = new DigestList();
      for (let i = 0; i < 3; i++) {
        const block = Buffer.from(content.subarray(i * BLOCK_SIZE, (i + 1) * BLOCK_SIZE));
        const digest = digestBlock(block);
        digests.push(digest);
        const last = block.length - 1;
        if (i === bad) block[last] = (block[last] ?? 0) ^ 1;
        peer.sendBlock(0, block, digest);
      }
      peer.send({ t: "end", index: 0, root: digests.root() }); // right for what was announced
      expect(await refused(peer)).toBe("E_INTEGRITY");
      const record = await scene.bert.ended(String(offer["id"]));
      expect(record).toMatchObject({ state: "failed", error: { code: "E_INTEGRITY", retryable: true } });
    },
  );

  it("is damage when each block is right and the root is not", async () => {
    const peer = await scene.mallory.accepted(scene.bert);
    peer.send(entry);
    peer.sendBlock(0, Buffer.from("hello"));
    peer.send(end);
    expect(await refused(peer)).toBe("E_INTEGRITY");
  });

  it("is damage when a whole block came twice in place of another", async () => {
    const [one, two] = [Buffer.alloc(BLOCK_SIZE, 1), Buffer.alloc(BLOCK_SIZE, 2)];
    const content = Buffer.concat([one, two]);
    const peer = await scene.mallory.accepted(scene.bert, offerOf([{ path: ["a.txt"], content }]));
    peer.send({ ...entry, size: content.length });
    peer.sendBlock(0, one);
    peer.sendBlock(0, one);
    peer.send({
      t: "end",
      index: 0,
      root: digestBlock(Buffer.concat([digestBlock(one), digestBlock(two)])).toString("hex"),
    });
    expect(await refused(peer)).toBe("E_INTEGRITY");
  });
});

describe("an honest stream, however it is cut", () => {
  const tree: Sent[] = [
    { path: ["d"] },
    { path: ["d", "empty"], content: "" },
    { path: ["d", "x"], content: "content of x" },
    { path: ["f.txt"], content: "content of f" },
  ];
  const ARRIVED = { d: null, "d/empty": "", "d/x": "content of x", "f.txt": "content of f" };

  it("arrives when it comes byte by byte", async () => {
    const peer = await scene.mallory.accepted(scene.bert, offerOf(tree));
    peer.socket.setNoDelay(true);
    for (const byte of Buffer.concat(entryFrames(tree))) {
      peer.sendBytes(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await peer.next("complete");
    peer.end();
    await peer.closed();
    arrived = ARRIVED;
  });

  it("arrives when it comes all at once", async () => {
    const peer = await scene.mallory.accepted(scene.bert, offerOf(tree));
    peer.sendBytes(Buffer.concat(entryFrames(tree)));
    await peer.next("complete");
    peer.end();
    await peer.closed();
    arrived = ARRIVED;
  });

  it("with fields of a later version arrives all the same", async () => {
    const later = tree.map((each) => ({ ...each, colour: "blue", __proto__: { size: 7 } }));
    expect(await scene.mallory.deliver(scene.bert, later, offerOf(tree, { priority: 3 }))).toEqual({ t: "complete" });
    arrived = ARRIVED;
  });

  it.each(["FIN", "RST"])(
    "leaves only whole items when a %s cuts it at any frame",
    { timeout: 60_000 },
    async (how) => {
      const all = entryFrames(tree);
      for (let n = 0; n < all.length; n++) {
        const peer = await scene.mallory.accepted(scene.bert, offerOf(tree));
        for (const frame of all.slice(0, n)) peer.sendBytes(frame);
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (how === "FIN") peer.end();
        else peer.reset();
        await peer.closed();
        // Complete items are published as they come: the folder when the next one begins, the file at its end.
        const could = all.slice(0, n).some((frame) => frame.includes('"f.txt"')) ? ["d"] : [];
        if (n === all.length - 1) could.push("f.txt");
        await scene.atRest();
        const names = (await readdir(scene.bert.inbox)).filter((name) => name !== ".lanxfer");
        // What was under way may be lost by a reset; an item that is there is whole.
        if (how === "FIN") expect(names).toEqual(could);
        else expect(could).toEqual(expect.arrayContaining(names));
        const whole = Object.entries(ARRIVED).filter(([name]) => names.includes(name.split("/")[0] ?? ""));
        await scene.unharmed(Object.fromEntries(whole));
      }
    },
  );

  it("leaves nothing when the sender falls silent in the middle, after 30 s", async () => {
    const offer = offerOf([{ path: ["a.bin"], content: Buffer.alloc(3 * BLOCK_SIZE) }]);
    const peer = await scene.mallory.accepted(scene.bert, offer);
    peer.send({ ...entry, path: ["a.bin"], size: 3 * BLOCK_SIZE });
    peer.sendBlock(0, Buffer.alloc(BLOCK_SIZE));
    peer.sendBytes(header(37 + BLOCK_SIZE, 2));
    peer.sendBytes(Buffer.alloc(1000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    clock.skip(31_500);
    await peer.closed();
    const record = await scene.bert.ended(String(offer["id"]));
    expect(record.error).toMatchObject({ code: "E_LOST", retryable: true });
    expect(record.error?.message).toContain("30 s");
  });
});

describe("an abort of the sender", () => {
  it.each([
    ["an escape sequence", { text: "\u001b[2J\u001b]52;c;aGk=\u0007 gone" }],
    ["60 kB", { text: "x".repeat(60_000) }],
    ["60 kB of line feeds", { text: "\n".repeat(30_000) }],
    ["reversed text", { text: "\u202egnp.exe" }],
    ["a name with a path", { name: "../../etc/passwd\u0000" }],
  ])("with %s is told safely and shortly", async (_, details) => {
    for (const code of ["E_SOURCE_CHANGED", "E_PROTO", "E_INVENTED\u001b[2J", "E_INTERNAL"]) {
      const offer = offerOf([hello]);
      const peer = await scene.mallory.accepted(scene.bert, offer);
      peer.send({ t: "abort", code, details });
      await peer.closed();
      const { error } = await scene.bert.ended(String(offer["id"]));
      expect(error?.message.length).toBeLessThan(2_000); // 256 characters, each at most an escape
      expect(error?.message).toMatch(/^[\x20-\x7e…]*$/);
      expect(error?.code).toBe(code === "E_SOURCE_CHANGED" || code === "E_PROTO" ? code : "E_PEER");
    }
  });

  it("of more than a message may hold is no message", async () => {
    const peer = await scene.mallory.accepted(scene.bert);
    peer.sendBytes(
      frameOf(Buffer.from(JSON.stringify({ t: "abort", code: "E_LOST", details: { text: "x".repeat(10_000_000) } }))),
    );
    expect(await refused(peer)).toBe("E_FRAME");
  });

  it("is not answered by another one", async () => {
    const peer = await scene.mallory.accepted(scene.bert);
    peer.send(entry, { t: "abort", code: "E_CANCELLED_BY_PEER" });
    await peer.closed();
    expect(peer.messages.filter(({ t }) => t === "abort")).toEqual([]);
  });
});
