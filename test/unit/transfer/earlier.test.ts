import { link, mkdir, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { deviceIdFromHash, transferIdFrom } from "../../../src/core/ids.ts";
import { type Arrival, type EarlierItem, findEarlier, thereItems } from "../../../src/transfer/earlier.ts";
import { EarlierReader } from "../../../src/transfer/earlier-reader.ts";
import { Flusher } from "../../../src/transfer/flush.ts";
import type { FileFacts } from "../../../src/transfer/incoming-reports.ts";
import type { JournalLine } from "../../../src/transfer/journal-lines.ts";
import { PinnedDir } from "../../../src/transfer/pinned.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import { BLOCK_SIZE, type MessageOf } from "../../../src/transfer/wire.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { rootOf } from "../../support/root.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const files = new SmallFiles();
const TIME = 1_767_323_045_123;
const never = new AbortController().signal;

/** An inbox, and beside it the journal of a transfer of the folder `d` that landed as `d (1)`. */
class Landed {
  readonly root: string;
  readonly inbox: PinnedDir;
  readonly #lines: JournalLine[] = [];
  #n = 0;

  private constructor(root: string, inbox: PinnedDir) {
    this.root = root;
    this.inbox = inbox;
    const id = transferIdFrom(Buffer.alloc(10));
    const offer = { t: "offer", id, entries: 9, bytes: 9, count: 1, items: [{ name: "d", type: "folder" }] } as const;
    this.#lines.push({
      t: "offer",
      v: 1,
      peer: deviceIdFromHash(Buffer.alloc(32, 1)),
      offer: { ...offer, items: [...offer.items] },
    });
  }

  static async open(): Promise<Landed> {
    const root = await directory();
    await mkdir(path.join(root, "inbox"));
    const landed = new Landed(root, await PinnedDir.open(path.join(root, "inbox")));
    await landed.folder(["d"], "d (1)");
    landed.#lines.push({ t: "publishing", n: 0, as: "d (1)", reserved: true });
    return landed;
  }

  in(...names: string[]): string {
    return path.join(this.root, "inbox", ...names);
  }

  async folder(sent: string[], ...names: string[]): Promise<void> {
    await mkdir(this.in(...names));
    const facts = { path: sent, type: "folder", size: 0, mtime: TIME } as const;
    this.#lines.push({ t: "begun", n: this.#n++, name: names.length === 1 ? "0" : (names.at(-1) ?? ""), facts });
  }

  async file(sent: string[], content: Uint8Array | string, ...names: string[]): Promise<void> {
    const file = this.in(...names);
    await writeFile(file, content);
    await utimes(file, TIME / 1_000, TIME / 1_000 + 0.0000005);
    const facts = { path: sent, type: "file", size: (await stat(file)).size, mtime: TIME } as const;
    this.#lines.push({ t: "begun", n: this.#n, name: names.at(-1) ?? "", facts });
    this.#lines.push({ t: "finished", n: this.#n++, root: rootOf(Buffer.from(content)) });
  }

  async journal(more = "", name = "journal"): Promise<string> {
    const at = path.join(this.root, name);
    await writeFile(at, this.#lines.map((line) => `${JSON.stringify(line)}\n`).join("") + more);
    return at;
  }

  async find(change: Partial<Arrival> = {}) {
    const arrival: Arrival = {
      name: "d",
      type: "folder",
      as: "d (1)",
      root: null,
      facts: undefined,
      journal: await this.journal(),
      forget: () => {},
      ...change,
    };
    const found = new Map<string, readonly EarlierItem[]>();
    await files.during(() => findEarlier(this.inbox, [arrival], [{ name: "d", type: arrival.type }], files, found));
    return { found, told: [...thereItems(found, new Map(), 1_000)] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.inbox.close();
    expect(await openFilesBelow(this.root)).toEqual([]);
  }
}

const pathsIn = (told: readonly { readonly path: readonly string[] }[]) =>
  told.map(({ path }) => path.join("/")).toSorted();

async function full(): Promise<Landed> {
  const landed = await Landed.open();
  await landed.file(["d", "a"], "one", "d (1)", "a");
  await landed.folder(["d", "e"], "d (1)", "e");
  await landed.file(["d", "e", "b:c"], "two", "d (1)", "e", "b_c");
  return landed;
}

describe("what stands in the inbox of an earlier transfer", () => {
  it("is told by the paths and with the roots with which it came", async () => {
    await using landed = await full();
    const { told } = await landed.find();
    expect(told).toEqual([
      {
        path: ["d", "a"],
        type: "file",
        size: 3,
        mtime: TIME,
        blocks: 1,
        root: rootOf(Buffer.from("one")),
        there: true,
      },
      {
        path: ["d", "e", "b:c"],
        type: "file",
        size: 3,
        mtime: TIME,
        blocks: 1,
        root: rootOf(Buffer.from("two")),
        there: true,
      },
    ]);
  });

  it.each<[string, (landed: Landed) => Promise<unknown>, string[]]>([
    ["written to", (at) => writeFile(at.in("d (1)", "a"), "eno"), ["d/e/b:c"]],
    [
      "longer",
      async (at) => writeFile(at.in("d (1)", "a"), "ones").then(() => utimes(at.in("d (1)", "a"), 1, TIME / 1_000)),
      ["d/e/b:c"],
    ],
    ["gone", (at) => rm(at.in("d (1)", "a")), ["d/e/b:c"]],
    ["a folder now", (at) => rm(at.in("d (1)", "a")).then(() => mkdir(at.in("d (1)", "a"))), ["d/e/b:c"]],
    ["in a folder that was renamed", (at) => rename(at.in("d (1)", "e"), at.in("d (1)", "f")), ["d/a"]],
    [
      "in a folder that is a file now",
      (at) => rm(at.in("d (1)", "e"), { recursive: true }).then(() => writeFile(at.in("d (1)", "e"), "")),
      ["d/a"],
    ],
    [
      "behind a link to where it is now",
      (at) => rename(at.in("d (1)", "e"), at.in("e")).then(() => symlink("../e", at.in("d (1)", "e"))),
      ["d/a"],
    ],
    [
      "a link to itself",
      (at) => rename(at.in("d (1)", "a"), at.in("a")).then(() => symlink("../a", at.in("d (1)", "a"))),
      ["d/e/b:c"],
    ],
    ["under another name, all of it", (at) => rename(at.in("d (1)"), at.in("d")), []],
    [
      "behind a link, all of it",
      (at) => rename(at.in("d (1)"), at.in("d")).then(() => symlink("d", at.in("d (1)"))),
      [],
    ],
  ])("is not told of when it is %s", async (_, change, left) => {
    await using landed = await full();
    await change(landed);
    expect(pathsIn((await landed.find()).told)).toEqual(left);
  });

  it("is not told of when its journal is missing, damaged, or that of another one", async () => {
    await using landed = await full();
    expect((await landed.find({ journal: null })).told).toEqual([]);
    expect((await landed.find({ journal: path.join(landed.root, "nothing") })).told).toEqual([]);
    expect((await landed.find({ journal: await landed.journal("{}\n", "damaged") })).told).toEqual([]);
    expect((await landed.find({ as: "d" })).told).toEqual([]);
    expect((await landed.find({ type: "file", root: rootOf(Buffer.alloc(0)) })).told).toEqual([]);
    const link = path.join(landed.root, "link");
    await symlink(await landed.journal(), link);
    expect((await landed.find({ journal: link })).told).toEqual([]);
  });

  it.each<[string, Partial<FileFacts>, boolean]>([
    ["as it came", {}, true],
    ["executable as it came, whatever is made of that", { executable: true }, true],
    ["shorter", { size: 4 }, false],
    ["older", { mtime: TIME + 1 }, false],
  ])("is a file that is %s", async (_, change, isTold) => {
    await using landed = await Landed.open();
    await landed.file(["f"], "one", "f (1)");
    const facts = { size: 3, mtime: TIME, executable: false, ...change };
    const { told } = await landed.find({ type: "file", as: "f (1)", root: rootOf(Buffer.from("one")), facts });
    expect(told).toMatchObject(isTold ? [{ path: ["d"], ...facts, there: true }] : []);
  });

  it("is no file of which size and time are not known", async () => {
    await using landed = await Landed.open();
    await landed.file(["f"], "one", "f (1)");
    expect((await landed.find({ type: "file", as: "f (1)", root: rootOf(Buffer.from("one")) })).told).toEqual([]);
  });

  it("is of many files of one name the newest, those apart that cannot be told apart", async () => {
    await using landed = await Landed.open();
    const arrivals: Arrival[] = [];
    for (let n = 0; n < 20; n++) {
      await writeFile(landed.in(`f (${n})`), Buffer.alloc(n % 18));
      await utimes(landed.in(`f (${n})`), 1, 1);
      arrivals.unshift({
        name: "f",
        type: "file",
        as: `f (${n})`,
        root: "0".repeat(64),
        facts: { size: n % 18, mtime: 1_000, executable: false },
        journal: null,
        forget: () => {},
      });
    }
    const found = new Map<string, readonly EarlierItem[]>();
    await files.during(() => findEarlier(landed.inbox, arrivals, [{ name: "f", type: "file" }], files, found));
    const sizes = [...thereItems(found, new Map(), 1_000)].map(({ size }) => size);
    expect(sizes).toEqual([1, 0, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4]);
    expect([...thereItems(found, new Map(), 3)]).toHaveLength(3);
  });
});

describe("the reader of such files", () => {
  /** The one file of an item, and what is read of it. */
  async function reading(landed: Landed, change: () => Promise<unknown> = async () => {}, signal = never) {
    const { found } = await landed.find();
    const [file] = [...(found.get("d")?.[0]?.files() ?? [])];
    if (file === undefined) throw new Error("nothing stands there");
    await change();
    const reader = new EarlierReader(landed.inbox, Buffer.alloc, signal);
    const blocks: Buffer[] = [];
    try {
      for await (const { data, shared } of reader.blocks(file)) {
        expect(shared).toBe(false);
        blocks.push(data);
      }
    } finally {
      await reader.close();
    }
    return blocks;
  }

  it("gives it block by block", async () => {
    await using landed = await Landed.open();
    const content = Buffer.alloc(2 * BLOCK_SIZE + 3, "abc");
    await landed.file(["d", "large"], content, "d (1)", "large");
    const blocks = await reading(landed);
    expect(blocks.map(({ length }) => length)).toEqual([BLOCK_SIZE, BLOCK_SIZE, 3]);
    expect(Buffer.concat(blocks).equals(content)).toBe(true);
  });

  it.each<[string, (landed: Landed) => Promise<unknown>]>([
    [
      "replaced by an equal one",
      (at) =>
        writeFile(at.in("x"), "one")
          .then(() => utimes(at.in("x"), 1, TIME / 1_000))
          .then(() => rename(at.in("x"), at.in("d (1)", "a"))),
    ],
    ["written to", (at) => writeFile(at.in("d (1)", "a"), "one")],
    ["gone", (at) => rm(at.in("d (1)", "a"))],
    [
      "replaced by a link to another name of it",
      (at) =>
        link(at.in("d (1)", "a"), at.in("y"))
          .then(() => rm(at.in("d (1)", "a")))
          .then(() => symlink("../y", at.in("d (1)", "a"))),
    ],
    [
      "in a folder that is replaced by a link",
      (at) => rename(at.in("d (1)"), at.in("z")).then(() => symlink("z", at.in("d (1)"))),
    ],
  ])("fails for one that is %s meanwhile", async (_, change) => {
    await using landed = await Landed.open();
    await landed.file(["d", "a"], "one", "d (1)", "a");
    await expect(reading(landed, () => change(landed))).rejects.toMatchObject({ code: "E_INTEGRITY" });
  });

  it("ends with the reason of its signal", async () => {
    await using landed = await Landed.open();
    await landed.file(["d", "a"], "one", "d (1)", "a");
    const reason = new Error("enough");
    await expect(reading(landed, undefined, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe("what stands and stays", () => {
  const all = (count: number) => [["d (1)"], ...Array.from({ length: count }, (_, n) => ["d (1)", `${n}`])];

  /** Flushes a folder of so many files; `whole` is what comes of flushing the file system. Resolves to how often that was tried. */
  async function flushed(landed: Landed, count: number, whole: boolean): Promise<number> {
    let tried = 0;
    const flusher = new Flusher(systemClock, async () => {
      tried++;
      return whole;
    });
    await new EarlierReader(landed.inbox, Buffer.alloc, never).flush(all(count), flusher);
    return tried;
  }

  it.each([
    [3, true, 0],
    [600, true, 3],
    [30, false, 1],
  ])("is flushed, %i files, one by one or with its file system (%s)", async (count, whole, times) => {
    await using landed = await Landed.open();
    for (let n = 0; n < count; n++) await writeFile(landed.in("d (1)", `${n}`), "x");
    const works = landed.inbox.fileSystem.whole; // where this runs
    expect(await flushed(landed, count, whole)).toBe(works ? times : 0);
  });

  it.each<[string, (landed: Landed) => Promise<unknown>]>([
    ["is gone", async () => {}],
    ["is a link by now", (at) => symlink("b", at.in("d (1)", "0"))],
    ["is behind a link", (at) => rename(at.in("d (1)"), at.in("d")).then(() => symlink("d", at.in("d (1)")))],
  ])("is not there when it %s", async (_, change) => {
    await using landed = await Landed.open();
    await change(landed);
    await expect(flushed(landed, 1, true)).rejects.toMatchObject({ code: "E_INTEGRITY" });
  });
});

describe("an item that stands", () => {
  const entry = (change: Partial<MessageOf<"entry">>): MessageOf<"entry"> => ({
    t: "entry",
    index: 0,
    path: ["d", "a"],
    type: "file",
    size: 3,
    mtime: TIME,
    held: 1,
    ...change,
  });

  it("is taken up entry by entry, each once, until nothing is left", async () => {
    await using landed = await full();
    const item = (await landed.find()).found.get("d")?.[0];
    if (item === undefined) throw new Error("nothing stands there");
    expect(item.left).toBe(4);
    expect(item.begins(entry({ path: ["d"], type: "folder" }))).toBe(true);
    expect(item.begins(entry({ path: ["d"] }))).toBe(false);
    for (const wrong of [{ size: 4 }, { mtime: 1 }, { executable: true }, { held: 0 }, { path: ["d", "b"] }]) {
      expect(item.takeFile(entry(wrong))).toBeUndefined();
    }
    const { held: _, ...whole } = entry({});
    expect(item.takeFile(whole)).toBeUndefined();
    expect(item.takeFile(entry({}))?.names).toEqual(["d (1)", "a"]);
    expect(item.takeFile(entry({}))).toBeUndefined();
    expect(item.takeFolder(entry({ path: ["d"] }))).toEqual(["d (1)"]);
    expect(item.takeFolder(entry({ path: ["d"] }))).toBeUndefined();
    expect(item.takeFolder(entry({ path: ["d", "e"] }))).toEqual(["d (1)", "e"]);
    expect(item.takeFile(entry({ path: ["d", "e", "b:c"] }))?.names).toEqual(["d (1)", "e", "b_c"]);
    expect(item.left).toBe(0);
  });
});
