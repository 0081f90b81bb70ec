import { describe, expect, it } from "vitest";
import { transferIdFrom } from "../../../src/core/ids.ts";
import { inMemory } from "../../../src/transfer/content.ts";
import { BLOCK_PREFIX } from "../../../src/transfer/frames.ts";
import { Outgoing, type SenderEvent } from "../../../src/transfer/outgoing.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import type { SourceEntry } from "../../../src/transfer/source.ts";
import type { MessageOf } from "../../../src/transfer/wire.ts";
import { rootOf } from "../../support/root.ts";

type Have = MessageOf<"have">["items"][number];

const CONTENT = Buffer.from("hello");
const never = () => new AbortController().signal;

/** A transfer of a folder `d` with the file `d/a`, and of the file `b`, that has been offered. */
function offered(more: { readonly there?: boolean } = {}) {
  const events: SenderEvent[] = [];
  const totals = {
    items: [
      { name: "d", type: "folder" },
      { name: "b", type: "file" },
    ],
    entries: 3,
    bytes: 10,
    skipped: 0,
    excluded: 0,
    stamp: "",
  } as const;
  const outgoing = new Outgoing({
    id: transferIdFrom(new Uint8Array(10)),
    paths: ["/s/d", "/s/b"],
    exclude: [],
    note: null,
    ...more,
    files: new SmallFiles(),
    totals,
    signal: never(),
    report: (event) => void events.push(event),
  });
  return { outgoing, events };
}

function entry(path: string, change: Partial<SourceEntry> = {}): SourceEntry {
  const type = path === "d" ? "folder" : "file";
  const size = type === "folder" ? 0 : CONTENT.length;
  const source = `/s/${path}`;
  const own = { source, type, size, mtime: 7, modified: 7.5, executable: false, inode: 1 } as const;
  return { path: path.split("/"), ...own, ...change };
}

function have(path: string, change: Partial<Have> = {}): Have {
  const { type, size, mtime } = entry(path);
  const file = type === "file" ? { blocks: 1, root: rootOf(CONTENT) } : { blocks: 0 };
  return { path: path.split("/"), type, size, mtime, ...file, ...change };
}

/** How many blocks are taken up of an entry whose content is at hand; undefined when it is sent from its start. */
async function takenUp(outgoing: Outgoing, one: SourceEntry): Promise<number | undefined> {
  const prepared = inMemory(one, Buffer.concat([Buffer.alloc(BLOCK_PREFIX), CONTENT]));
  return (await outgoing.resumption.takeUp(prepared, never()))?.count;
}

describe("what the receiver says is there from earlier transfers", () => {
  const there = (path: string, change: Partial<Have> = {}) => have(path, { there: true, ...change });

  it("counts when it is taken up, of several versions the one that is the same", async () => {
    const { outgoing, events } = offered({ there: true });
    const versions = [there("d/a", { mtime: 8 }), there("d/a", { size: 6 }), there("d/a")];
    outgoing.heard({ t: "have", items: [there("b", { root: "0".repeat(64) }), ...versions] });
    outgoing.heard({ t: "accept" });
    expect(events).toEqual([{ type: "accepted" }]);
    await outgoing.resumption.begin();
    const taken = [await takenUp(outgoing, entry("d")), await takenUp(outgoing, entry("d/a"))];
    expect([...taken, await takenUp(outgoing, entry("b"))]).toEqual([undefined, 1, undefined]);
    outgoing.tellResumed();
    expect(events.slice(1)).toEqual([{ type: "already", entries: 1, bytes: 5 }]);
  });

  it("is taken up as often as it is there, each by what it is the content of", async () => {
    const { outgoing, events } = offered({ there: true });
    const other = there("b", { root: "0".repeat(64) });
    outgoing.heard({ t: "have", items: [other, there("b"), there("b", { executable: true }), there("b"), other] });
    outgoing.heard({ t: "accept" });
    await outgoing.resumption.begin();
    const taken: (number | undefined)[] = [];
    for (let n = 0; n < 3; n++) taken.push(await takenUp(outgoing, entry("b")));
    expect(taken).toEqual([1, 1, undefined]);
    outgoing.tellResumed();
    expect(events.at(-1)).toEqual({ type: "already", entries: 2, bytes: 10 });
  });

  it("comes behind what an earlier attempt has left", async () => {
    const { outgoing, events } = offered({ there: true });
    outgoing.heard({ t: "have", items: [there("b"), have("b")] });
    outgoing.heard({ t: "accept" });
    await outgoing.resumption.begin();
    expect(await takenUp(outgoing, entry("b"))).toBe(1);
    outgoing.tellResumed();
    expect(events).toEqual([{ type: "resumed", bytes: 5 }, { type: "accepted" }]);
    // It is about one of several entries with that path.
    expect(await takenUp(outgoing, entry("b"))).toBeUndefined();
  });

  it("may be more than was offered, within bounds", () => {
    const { outgoing } = offered({ there: true });
    for (let n = 0; n < 3 + 1_000; n++) outgoing.heard({ t: "have", items: [there(`${n}`)] });
    expect(() => outgoing.heard({ t: "have", items: [there("one more")] })).toThrow(/more items than were offered/);
  });

  it.each<[string, Partial<Have>]>([
    ["half a file", { size: 5_000_000 }],
    ["a folder", { type: "folder", size: 0, blocks: 0 }],
    ["something with its final name", { as: "b" }],
  ])("is not %s", (_, change) => {
    const { outgoing } = offered({ there: true });
    expect(() => outgoing.heard({ t: "have", items: [there("b", change)] })).toThrow(/^.*have: /);
  });

  it("is nothing when it was not asked for", () => {
    const { outgoing } = offered();
    expect(() => outgoing.heard({ t: "have", items: [there("b")] })).toThrow(/not asked for/);
  });
});

describe("what the receiver says it has", () => {
  it("is told before the acceptance, and corrected when less of it is taken up", async () => {
    const { outgoing, events } = offered();
    outgoing.heard({ t: "have", items: [have("b"), have("d/a", { mtime: 8 })] });
    outgoing.heard({ t: "accept" });
    expect(events).toEqual([{ type: "resumed", bytes: 10 }, { type: "accepted" }]);
    await outgoing.resumption.begin();
    expect([await takenUp(outgoing, entry("d")), await takenUp(outgoing, entry("d/a"))]).toEqual([
      undefined,
      undefined,
    ]);
    expect(await takenUp(outgoing, entry("b"))).toBe(1);
    outgoing.tellResumed();
    outgoing.tellResumed();
    expect(events.slice(2)).toEqual([{ type: "resumed", bytes: 5 }]);
  });

  it("is taken up once, by the first of two entries with one path", async () => {
    const { outgoing } = offered();
    outgoing.heard({ t: "have", items: [have("b")] });
    outgoing.heard({ t: "accept" });
    expect([await takenUp(outgoing, entry("b")), await takenUp(outgoing, entry("b"))]).toEqual([1, undefined]);
  });

  it.each<[string, Partial<SourceEntry>]>([
    ["size", { size: 6 }],
    ["time", { mtime: 8 }],
    ["mode", { executable: true }],
    ["type", { type: "folder", size: 0 }],
  ])("is not taken up by an entry of another %s", async (_, change) => {
    const { outgoing } = offered();
    outgoing.heard({ t: "have", items: [have("b")] });
    outgoing.heard({ t: "accept" });
    expect(await takenUp(outgoing, entry("b", change))).toBeUndefined();
  });

  it("takes a folder that is published with everything in it, and nothing less", async () => {
    for (const inner of [[have("d/a")], []]) {
      const { outgoing } = offered();
      outgoing.heard({ t: "have", items: [...inner, have("d", { as: "d (1)" })] });
      outgoing.heard({ t: "accept" });
      expect(await takenUp(outgoing, entry("d"))).toBe(0);
      const taking = takenUp(outgoing, entry("d/a"));
      if (inner.length > 0) expect(await taking).toBe(1);
      else await expect(taking).rejects.toMatchObject({ code: "E_SOURCE_CHANGED" });
    }
  });

  it("must be among the entries if it is published", async () => {
    const { outgoing } = offered();
    outgoing.heard({ t: "have", items: [have("d", { as: "d" }), have("d/a")] });
    outgoing.heard({ t: "accept" });
    expect(await takenUp(outgoing, entry("d"))).toBe(0);
    expect(() => outgoing.resumption.end()).toThrow(expect.objectContaining({ code: "E_SOURCE_CHANGED" }));
  });

  it.each<[string, Have[]]>([
    ["a path twice", [have("b"), have("b")]],
    ["more items than entries were offered", ["w", "x", "y", "z"].map((name) => have(name))],
    ["a file without a root", [have("b", { root: undefined })]],
    ["a folder with a root", [have("d", { as: "d", root: rootOf(CONTENT) })]],
    ["a folder with a size", [have("d", { as: "d", size: 1 })]],
    ["a folder that is not published", [have("d")]],
    ["more blocks than there can be", [have("b", { blocks: 2 })]],
    ["a file of which nothing is there", [have("b", { blocks: 0 })]],
    ["a final name for an inner entry", [have("d/a", { as: "a" })]],
    ["something published that is not whole", [have("b", { as: "b", size: 2 ** 21 })]],
  ])("is refused: %s", (_, items) => {
    const { outgoing } = offered();
    expect(() => outgoing.heard({ t: "have", items })).toThrow(expect.objectContaining({ code: "E_PROTO" }));
  });

  it("is refused when a folder in it belongs to nothing that is published", () => {
    const { outgoing } = offered();
    outgoing.heard({ t: "have", items: [have("d", { path: ["d", "e"] }), have("b", { as: "b" })] });
    expect(() => outgoing.heard({ t: "accept" })).toThrow(expect.objectContaining({ code: "E_PROTO" }));
  });

  it("is refused with a path that is none", () => {
    const { outgoing } = offered();
    const items = [have("b", { path: ["..", "b"] })];
    expect(() => outgoing.heard({ t: "have", items })).toThrow(expect.objectContaining({ code: "E_NAME" }));
  });
});

describe("a transfer that has landed", () => {
  it("is complete with the names that all its items got, in any order and number of messages", async () => {
    const { outgoing, events } = offered();
    outgoing.heard({ t: "landed", items: [{ item: 1, as: "b (1)" }] });
    outgoing.heard({ t: "landed", items: [{ item: 0, as: "d" }] });
    expect(await outgoing.answer).toBe("landed");
    outgoing.assertComplete();
    expect(events).toEqual([
      { type: "resumed", bytes: 10 },
      { type: "saved", item: 1, as: "b (1)", root: undefined, there: false },
      { type: "saved", item: 0, as: "d", root: undefined, there: false },
    ]);
  });

  it.each([
    ["is named twice", [0, 0]],
    ["was not offered", [2]],
  ])("is refused when an item %s", (_, numbers) => {
    const { outgoing } = offered();
    const items = numbers.map((item) => ({ item, as: "x" }));
    expect(() => outgoing.heard({ t: "landed", items })).toThrow(expect.objectContaining({ code: "E_PROTO" }));
  });

  it("is not complete before all items are named, and reports none until then", () => {
    const { outgoing, events } = offered();
    outgoing.heard({ t: "landed", items: [{ item: 0, as: "d" }] });
    expect(() => outgoing.assertComplete()).toThrow(expect.objectContaining({ code: "E_PROTO" }));
    expect(events).toEqual([]);
  });
});
