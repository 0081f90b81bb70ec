/** The published values of the protocol, and the tables of docs/PROTOCOL.md, held against the code. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ERRORS } from "../../../src/core/errors.ts";
import { deviceIdFromHash } from "../../../src/core/ids.ts";
import { MAX_NOTE } from "../../../src/core/text.ts";
import { DigestList, digestBlock } from "../../../src/transfer/blocks.ts";
import * as framing from "../../../src/transfer/frames.ts";
import { Conversation, type Input, next, type Phase, type Role } from "../../../src/transfer/machine.ts";
import * as wire from "../../../src/transfer/wire.ts";
import vectors from "../../vectors/frames.json" with { type: "json" };

const document = readFileSync(new URL("../../../docs/PROTOCOL.md", import.meta.url), "utf8");

const hex = (text: string) => Buffer.from(text, "hex");

function rootOf(content: Buffer) {
  const digests = new DigestList();
  const blocks: string[] = [];
  for (let at = 0; at < content.length; at += wire.BLOCK_SIZE) {
    const digest = digestBlock(content.subarray(at, at + wire.BLOCK_SIZE));
    digests.push(digest);
    blocks.push(digest.toString("hex"));
  }
  return { blocks, root: digests.root() };
}

describe("the published values", () => {
  it("give the id of a device", () => {
    const { spki, id } = vectors.deviceId;
    expect(deviceIdFromHash(createHash("sha256").update(hex(spki)).digest())).toBe(id);
    expect(document).toContain(id);
  });

  it.each(vectors.roots)("give the digests and the root of $bytes bytes", ({ bytes, blocks, root }) => {
    const content = Buffer.alloc(bytes, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
    expect(rootOf(content)).toEqual({ blocks, root });
  });

  it.each(vectors.takenMessages)("have messages that are taken: $because", ({ json, means }) => {
    expect(wire.parseMessage(JSON.parse(json))).toEqual(means);
  });
});

/** A step as published: a message or a block, and its bytes. */
interface Step {
  readonly from: string;
  readonly control?: { readonly t: string };
  readonly block?: { readonly entry: number; readonly digest: string; readonly content: string };
  readonly hex: string;
}

const TRANSFERS: readonly [string, readonly Step[], string, string][] = [
  ["transfer", vectors.conversation, "\n## 12 ", "\n### 12.1 "],
  ["transfer that was interrupted", vectors.resumed, "\n### 12.1 ", "\n### 12.2 "],
  ["transfer that was there already", vectors.there, "\n### 12.2 ", "\n## 13 "],
];

const toldBy = (steps: readonly Step[]) =>
  steps.map(({ from, control, block, hex: bytes }) => ({
    from: from as Role, // our own file
    message: control === undefined ? undefined : wire.parseMessage(control),
    block,
    bytes: hex(bytes),
  }));

describe.each(TRANSFERS)("the published %s", (_, steps, begins, ends) => {
  const said = toldBy(steps);

  it("is encoded byte by byte as published", () => {
    for (const { control, block, hex: bytes } of steps) {
      if (control !== undefined) expect(framing.encodeControl(control).toString("hex")).toBe(bytes);
      if (block === undefined) continue;
      const frame = Buffer.concat([Buffer.alloc(framing.BLOCK_PREFIX), hex(block.content)]);
      framing.writeBlockPrefix(frame, block.entry, hex(block.digest));
      expect(frame.toString("hex")).toBe(bytes);
    }
  });

  it.each<Role>(["sender", "receiver"])("is decoded as published, as the %s says it", (role) => {
    const decoder = new framing.FrameDecoder({ maxControl: wire.MAX_CONTROL, blocks: true, allocate: Buffer.alloc });
    const own = said.filter(({ from }) => from === role);
    const frames = [...decoder.feed(Buffer.concat(own.map(({ bytes }) => bytes)))];
    expect(decoder.idle).toBe(true);
    const meant = frames.map((frame) => {
      if (frame.type === "control") return { message: wire.parseMessage(frame.payload), block: undefined };
      const { entry, digest, data } = frame;
      return { message: undefined, block: { entry, digest: digest.toString("hex"), content: data.toString("hex") } };
    });
    expect(meant).toEqual(own.map(({ message, block }) => ({ message, block })));
  });

  it.each<Role>(["sender", "receiver"])("keeps the order, as the %s sees it", (role) => {
    const conversation = new Conversation();
    for (const { from, message } of said) {
      if (message?.t === "hello" && from === role) continue; // an end waits for the other one's hello
      const input: Input =
        message === undefined ? "block" : message.t === "entry" ? `entry-${message.type}` : message.t;
      conversation.step(from, input);
    }
    expect(conversation.phase).toBe("ready");
  });

  it("is the one that the document shows", () => {
    const section = document.slice(document.indexOf(begins), document.indexOf(ends));
    const printed = [...section.matchAll(/\*\*\d+\. (\w+):\*\* (.+)\n\n```\n([0-9a-f\n]+)```/g)];
    const shown = printed.map(([, from, text = "", bytes = ""]) => {
      const json = /^`(\{.*\})`$/.exec(text)?.[1];
      return { from, control: json === undefined ? undefined : JSON.parse(json), hex: bytes.replaceAll("\n", "") };
    });
    expect(shown).toEqual(steps.map(({ from, control, hex: bytes }) => ({ from, control, hex: bytes })));
  });
});

describe("the published transfer", () => {
  const said = toldBy(vectors.conversation);

  it("has the right digests, roots and sums", () => {
    const roots = new Map<number, string>();
    let bytes = 0;
    for (const { message, block } of said) {
      if (block !== undefined) {
        const content = hex(block.content);
        bytes += content.length;
        expect(rootOf(content).blocks).toEqual([block.digest]);
        roots.set(block.entry, rootOf(content).root);
      }
      if (message?.t === "end") expect(message.root).toBe(roots.get(message.index));
      if (message?.t === "saved") for (const item of message.items) expect(item.root).toBe(roots.get(item.index));
    }
    expect(said.find(({ message }) => message?.t === "offer")?.message).toMatchObject({ bytes, entries: 3, count: 2 });
  });
});

describe("the published transfer that was interrupted", () => {
  it("has the right digests and roots, and counts what was taken up", () => {
    const messages = toldBy(vectors.resumed).flatMap(({ message }) => message ?? []);
    const of = <T extends wire.Message["t"]>(t: T) => messages.filter((m): m is wire.MessageOf<T> => m.t === t);
    const film = vectors.roots.find(({ blocks }) => blocks.length === 3);
    const hello = vectors.digests.find(({ block }) => block !== null);
    const first = new DigestList();
    for (const digest of film?.blocks.slice(0, 2) ?? []) first.push(hex(digest));
    expect(of("have").flatMap(({ items }) => items.map(({ root }) => root))).toEqual([first.root(), hello?.root]);
    expect(vectors.resumed.flatMap(({ block }) => block?.digest ?? [])).toEqual([film?.blocks[2]]);
    expect(of("end").map(({ root }) => root)).toEqual([film?.root, hello?.root]);
    expect(of("entry").map(({ held }) => held)).toEqual([2, 1]);
    expect(of("progress").map(({ bytes }) => bytes)).toEqual(of("offer").map(({ bytes }) => bytes));
  });
});

describe("the published transfer that was there already", () => {
  it("sends no block, and takes up what is in the have with the roots of the first transfer", () => {
    const messages = toldBy(vectors.there).flatMap(({ message }) => message ?? []);
    const of = <T extends wire.Message["t"]>(t: T) => messages.filter((m): m is wire.MessageOf<T> => m.t === t);
    const first = toldBy(vectors.conversation).flatMap(({ message }) => (message?.t === "end" ? message.root : []));
    expect(vectors.there.filter((step) => "block" in step)).toEqual([]);
    expect(of("have").flatMap(({ items }) => items.map(({ root }) => root))).toEqual(first);
    expect(of("end").map(({ root }) => root)).toEqual(first);
    expect(of("entry").map(({ held }) => held)).toEqual([undefined, 1, 1]);
    expect(of("progress").map(({ bytes }) => bytes)).toEqual(of("offer").map(({ bytes }) => bytes));
  });
});

/** The rows of the first table after `heading`, without its head, each cell without its quotes. */
function tableAfter(heading: string): string[][] {
  const from = document.indexOf(heading);
  expect(from).toBeGreaterThan(0);
  const [table = ""] = /(?:^\|.*\n)+/m.exec(document.slice(from)) ?? [];
  const rows = table.trimEnd().split("\n").slice(2);
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

describe("docs/PROTOCOL.md", () => {
  it.each<[Role, string]>([
    ["sender", "**What the sender says:**"],
    ["receiver", "**What the receiver says:**"],
  ])("says of each phase what the %s may say in it", (role, heading) => {
    const inputs: readonly Input[] = [
      ...wire.message.options.map((option) => option.shape.t.value).filter((t) => t !== "entry"),
      "entry-file",
      "entry-folder",
      "block",
    ];
    const phases = tableAfter("a block frame is one, too.").map(([phase]) => phase as Phase); // checked by what follows
    expect(phases).toHaveLength(9);
    const documented = tableAfter(heading).map(([phase, cell = ""]) => {
      const steps = [...cell.matchAll(/`([\w-]+)` → (\w+)/g)].map(([, input, after]) => [input, after]);
      return [phase, Object.fromEntries(steps)];
    });
    const coded = phases.map((phase) => {
      const steps = inputs.map((input) => [input, next(phase, role, input)]).filter(([, after]) => after !== undefined);
      return [phase, Object.fromEntries(steps)];
    });
    expect(documented).toEqual(coded);
  });

  it("describes every message", () => {
    const described = [...document.matchAll(/^#### `(\w+)` \((sender|receiver|both)\)$/gm)].map(([, t]) => t);
    expect(described.toSorted()).toEqual(wire.message.options.map((option) => option.shape.t.value).toSorted());
  });

  it("names every code that may cross, and whether it can be tried again", () => {
    const codes = Object.entries(ERRORS).filter(([code, kind]) => kind.wire || code === "E_INTERNAL");
    const expected = codes.map(([code, { retryable }]) => [code, retryable ? "yes" : "no"]);
    const named = tableAfter("*Again* says").map(([code = "", , , again]) => [code.replaceAll("`", ""), again]);
    expect(named.toSorted()).toEqual(expected.toSorted());
  });

  it("lists the limits of the code", () => {
    const limits = Object.fromEntries(tableAfter("## 8 Limits").map(([what, limit]) => [what, limit]));
    const number = (value: number) => value.toLocaleString("en");
    expect(limits).toEqual({
      "control message, transfer connection": `${number(wire.MAX_CONTROL)} bytes`,
      "control message, pairing connection": `${number(wire.MAX_PAIR_CONTROL)} bytes`,
      "messages from one end of a pairing connection": number(wire.MAX_PAIR_MESSAGES),
      "data of a block": `${number(wire.BLOCK_SIZE)} bytes`,
      "size, count, number of bytes": number(Number.MAX_SAFE_INTEGER),
      "index of an entry": number(0xffff_ffff),
      "components of a path": number(wire.MAX_DEPTH),
      "path with separators": `${number(wire.MAX_PATH_BYTES)} bytes`,
      "listed items of an offer": number(wire.MAX_LISTED_ITEMS),
      "items of one `saved`, `have` or `landed`": number(wire.MAX_BATCH),
      "items of all `have` of an offer, without `there`": "the `entries` of the offer",
      "the same, with `there`": `${number(wire.MORE_THERE)} more`,
      "`note`": `${number(MAX_NOTE)} bytes`,
      // The next ones are numbers in schemas; frames.json has messages at and above them.
      "name of a device": "63 bytes",
      "`as`": "255 bytes",
      features: "32",
      feature: "32 characters",
      "error code": "64 characters",
      "heartbeat after silence of": `${wire.HEARTBEAT_MS / 1000} s`,
      "dead after silence of": `${wire.DEAD_MS / 1000} s`,
      "handshake, `hello`, pairing message": `${wire.OPENING_MS / 1000} s`,
      "what a device that is not paired may say before it is accepted (4.10)": `${number(wire.MAX_UNACCEPTED)} bytes`,
      "typing the codes": "120 s", // checked where pairing is
    });
  });
});
