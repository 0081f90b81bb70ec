// The journal's claims after a crash: nothing was closed in good order.
// What an orderly end leaves is tested with real daemons (test/cluster).

import { link, mkdir, open, readdir, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { deviceIdFromHash, transferIdFrom } from "../../../src/core/ids.ts";
import { DigestList, digestBlock } from "../../../src/transfer/blocks.ts";
import { findHeld, type Held, haveItems, heldBytes } from "../../../src/transfer/held.ts";
import { JOURNAL, readJournal } from "../../../src/transfer/journal.ts";
import type { JournalLine } from "../../../src/transfer/journal-lines.ts";
import { PinnedDir } from "../../../src/transfer/pinned.ts";
import { settlePublishing } from "../../../src/transfer/settle.ts";
import { BLOCK_SIZE } from "../../../src/transfer/wire.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const peer = deviceIdFromHash(Buffer.alloc(32, 1));
const offer: JournalLine = {
  t: "offer",
  v: 1,
  peer,
  offer: {
    t: "offer",
    id: transferIdFrom(Buffer.alloc(10)),
    entries: 9,
    bytes: 9,
    count: 1,
    items: [{ name: "a", type: "file" }],
  },
};
const ROOT = "0".repeat(64);
const block = (n: number) => Buffer.alloc(BLOCK_SIZE, n);
const digestsOf = (...blocks: readonly Buffer[]) => Buffer.concat(blocks.map(digestBlock)).toString("base64");
const begun = (n: number, name: string, type: "file" | "folder", size: number, ...inner: string[]): JournalLine => ({
  t: "begun",
  n,
  name,
  facts: { path: inner, type, size, mtime: 0 },
});

/** An inbox with a staging directory in it, and a journal there. */
class Crashed {
  readonly inbox: PinnedDir;
  readonly staged: PinnedDir;
  readonly root: string;

  private constructor(root: string, inbox: PinnedDir, staged: PinnedDir) {
    this.root = root;
    this.inbox = inbox;
    this.staged = staged;
  }

  static async open(): Promise<Crashed> {
    const root = await directory();
    const inbox = await PinnedDir.open(root);
    return new Crashed(root, inbox, await inbox.create("staged", 0o700));
  }

  async journal(...lines: readonly JournalLine[]): Promise<void> {
    const text = [offer, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
    await writeFile(this.staged.path("journal"), text);
  }

  /** What a restarted daemon finds. */
  async held(): Promise<Held> {
    const record = await readJournal(this.staged.path(JOURNAL));
    if (record === undefined) throw new Error("a damaged journal");
    await settlePublishing(record, this.inbox, this.staged);
    return findHeld(record, this.staged);
  }

  in(...name: string[]): string {
    return path.join(this.root, ...name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.staged.close();
    await this.inbox.close();
    expect(openFilesBelow(this.root)).toEqual([]);
  }
}

describe("a part that a crash left", () => {
  const whole = [block(1), block(2), block(3)];
  const left = async (crashed: Crashed, ...blocks: readonly Buffer[]) => {
    await writeFile(crashed.in("staged", "0"), Buffer.concat(blocks));
    await crashed.journal(
      begun(0, "0", "file", 5 * BLOCK_SIZE, "a"),
      { t: "written", n: 0, digests: digestsOf(block(1)) },
      { t: "written", n: 0, digests: digestsOf(block(2), block(3)) },
      { t: "flushed", n: 0, blocks: 1 },
    );
  };

  it("is held up to the last block that has a digest and is what that says, flushed or not", async () => {
    await using crashed = await Crashed.open();
    await left(crashed, ...whole, Buffer.from("half of a block"));
    const held = await crashed.held();
    expect(held.get("a")).toMatchObject({ blocks: 3, finished: false, published: false });
    const digests = new DigestList();
    for (const each of whole) digests.push(digestBlock(each));
    expect([...haveItems(held, 10)]).toEqual([
      { path: ["a"], type: "file", size: 5 * BLOCK_SIZE, mtime: 0, blocks: 3, root: digests.root() },
    ]);
    expect(heldBytes(held)).toBe(3 * BLOCK_SIZE);
  });

  it.each([
    ["a block behind the checkpoint never reached the disk", [block(1), block(2), block(0)], 2],
    ["the disk lost all behind the checkpoint", [block(1)], 1],
    ["somebody wrote to what was flushed", [block(9), block(2), block(3)], 0],
  ])("counts only as far as it is true: %s", async (_, blocks, expected) => {
    await using crashed = await Crashed.open();
    await left(crashed, ...blocks);
    expect((await crashed.held()).get("a")?.blocks ?? 0).toBe(expected);
    const there = await readdir(crashed.in("staged"));
    expect(there.sort()).toEqual(expected === 0 ? ["journal"] : ["0", "journal"]);
  });

  describe("and that is large", () => {
    const BLOCKS = 258; // more than what is read again as a matter of course
    const zeros = digestBlock(block(0));

    async function large(crashed: Crashed): Promise<string> {
      const part = crashed.in("staged", "0");
      await writeFile(part, "");
      await truncate(part, BLOCKS * BLOCK_SIZE);
      const digests = Buffer.alloc(BLOCKS * 32, zeros).toString("base64");
      await crashed.journal(
        begun(0, "0", "file", 2 * BLOCKS * BLOCK_SIZE, "a"),
        { t: "written", n: 0, digests },
        { t: "flushed", n: 0, blocks: BLOCKS - 1 },
      );
      return part;
    }

    async function spoil(part: string, at: number): Promise<void> {
      const { atime, mtime } = await stat(part);
      const handle = await open(part, "r+");
      await handle.write("x", at);
      await handle.close();
      await utimes(part, atime, mtime);
    }

    it("is read again only behind the last checkpoint", async () => {
      await using crashed = await Crashed.open();
      const part = await large(crashed);
      await spoil(part, 0); // not seen: what is flushed is not read, and the time is as it was
      await spoil(part, (BLOCKS - 1) * BLOCK_SIZE);
      expect((await crashed.held()).get("a")?.blocks).toBe(BLOCKS - 1);
    });

    it("is read again whole when it was written to after the journal", async () => {
      await using crashed = await Crashed.open();
      const part = await large(crashed);
      await spoil(part, 3 * BLOCK_SIZE);
      const { mtimeMs } = await stat(crashed.in("staged", "journal"));
      await utimes(part, new Date(), new Date(mtimeMs + 5_000));
      expect((await crashed.held()).get("a")?.blocks).toBe(3);
    });
  });
});

describe("files and folders that a crash left", () => {
  const finished = async (crashed: Crashed, name: string, content: string) => {
    await writeFile(crashed.in("staged", name), content);
    await utimes(crashed.in("staged", name), 0, 0);
  };

  it("are held when they are what the journal says, and removed when nobody claims them", async () => {
    await using crashed = await Crashed.open();
    await mkdir(crashed.in("staged", "0", "inner"), { recursive: true });
    await mkdir(crashed.in("staged", "7"));
    for (const [name, content] of [
      ["0/good", "good"],
      ["0/longer", "longer than said"],
      ["0/unclaimed", ""],
      ["0/inner/good", "good"],
    ] as const) {
      await finished(crashed, name, content);
    }
    await writeFile(crashed.in("staged", "0", "touched"), "good");
    await crashed.journal(
      begun(0, "0", "folder", 0, "d"),
      begun(1, "good", "file", 4, "d", "good"),
      begun(2, "longer", "file", 4, "d", "longer"),
      begun(3, "touched", "file", 4, "d", "touched"),
      begun(4, "inner", "folder", 0, "d", "inner"),
      begun(5, "good", "file", 4, "d", "inner", "good"),
      begun(6, "gone", "file", 4, "d", "gone"),
      ...[1, 2, 3, 5, 6].map((n): JournalLine => ({ t: "finished", n, root: ROOT })),
    );
    const held = await crashed.held();
    expect([...held.keys()].sort()).toEqual(["d", "d/good", "d/inner", "d/inner/good"]);
    expect([...haveItems(held, 10)].map(({ path }) => path.join("/"))).toEqual(["d/good", "d/inner/good"]);
    expect([...haveItems(held, 1)]).toHaveLength(1);
    const there = await readdir(crashed.in("staged"), { recursive: true });
    expect(there.sort()).toEqual(["0", "0/good", "0/inner", "0/inner/good", "journal"]);
  });

  it("that were in a folder which was begun anew went with the old one", async () => {
    await using crashed = await Crashed.open();
    await mkdir(crashed.in("staged", "2"));
    await finished(crashed, "2/a", "good");
    await crashed.journal(
      begun(0, "0", "folder", 0, "d"),
      begun(1, "a", "file", 4, "d", "a"),
      { t: "finished", n: 1, root: ROOT },
      { t: "dropped", n: 0 },
      begun(2, "2", "folder", 0, "d"),
    );
    expect([...(await crashed.held()).keys()]).toEqual(["d"]);
    expect(await readdir(crashed.in("staged", "2"))).toEqual([]);
  });
});

describe("a publication that a crash cut short", () => {
  const FILE = [begun(0, "0", "file", 4, "a.txt"), { t: "finished", n: 0, root: ROOT }] as const;
  const publishing = (reserved: boolean): JournalLine => ({ t: "publishing", n: 0, as: "a.txt", reserved });
  const part = async (crashed: Crashed, content = "good") => {
    await writeFile(crashed.in("staged", "0"), content);
    await utimes(crashed.in("staged", "0"), 0, 0);
  };

  it("had not begun: the part is held", async () => {
    await using crashed = await Crashed.open();
    await part(crashed);
    await crashed.journal(...FILE, publishing(false));
    expect((await crashed.held()).get("a.txt")).toMatchObject({ finished: true, published: false });
  });

  it("had its name, and the part with it: it is published, under one name", async () => {
    await using crashed = await Crashed.open();
    await part(crashed);
    await link(crashed.in("staged", "0"), crashed.in("a.txt"));
    await crashed.journal(...FILE, publishing(false));
    expect((await crashed.held()).get("a.txt")).toMatchObject({ published: true, as: "a.txt" });
    expect((await stat(crashed.in("a.txt"))).nlink).toBe(1);
    expect(await readdir(crashed.in("staged"))).toEqual(["journal"]);
  });

  it("was over but for the record: it is published, even if its owner has taken it away since", async () => {
    await using crashed = await Crashed.open();
    await crashed.journal(...FILE, publishing(false));
    expect((await crashed.held()).get("a.txt")).toMatchObject({ published: true, as: "a.txt" });
  });

  it("met somebody else's file: that stays, also when it is empty", async () => {
    for (const content of ["theirs", ""]) {
      await using crashed = await Crashed.open();
      await part(crashed);
      await writeFile(crashed.in("a.txt"), content);
      await crashed.journal(...FILE, publishing(false));
      expect((await crashed.held()).get("a.txt")).toMatchObject({ published: false });
      expect(await readFile(crashed.in("a.txt"), "utf8")).toBe(content);
    }
  });

  it("had reserved its name where there are no hard links: the empty file goes, anything else stays", async () => {
    await using crashed = await Crashed.open();
    await part(crashed);
    await writeFile(crashed.in("a.txt"), "");
    await crashed.journal(...FILE, publishing(true));
    expect((await crashed.held()).get("a.txt")).toMatchObject({ published: false });
    expect((await readdir(crashed.root)).sort()).toEqual(["staged"]);
    await writeFile(crashed.in("a.txt"), "theirs");
    expect((await crashed.held()).get("a.txt")).toMatchObject({ published: false });
    expect(await readFile(crashed.in("a.txt"), "utf8")).toBe("theirs");
  });

  const FOLDER = [
    begun(0, "0", "folder", 0, "d"),
    begun(1, "a", "file", 4, "d", "a"),
    { t: "finished", n: 1, root: ROOT },
    { t: "publishing", n: 0, as: "d", reserved: true },
  ] as const;

  it("of a folder had reserved its name: the empty folder goes, one with something in it stays", async () => {
    await using crashed = await Crashed.open();
    await mkdir(crashed.in("staged", "0"));
    await writeFile(crashed.in("staged", "0", "a"), "good");
    await utimes(crashed.in("staged", "0", "a"), 0, 0);
    await mkdir(crashed.in("d"));
    await crashed.journal(...FOLDER);
    expect([...(await crashed.held()).values()].map(({ published }) => published)).toEqual([false, false]);
    expect((await readdir(crashed.root)).sort()).toEqual(["staged"]);
    await mkdir(crashed.in("d"));
    await writeFile(crashed.in("d", "theirs"), "");
    await crashed.held();
    expect(await readdir(crashed.in("d"))).toEqual(["theirs"]);
  });

  it("of a folder was over but for the record: all in it is published", async () => {
    await using crashed = await Crashed.open();
    await crashed.journal(...FOLDER);
    const held = await crashed.held();
    expect([...haveItems(held, 10)]).toEqual([
      { path: ["d"], type: "folder", size: 0, mtime: 0, blocks: 0, as: "d" },
      { path: ["d", "a"], type: "file", size: 4, mtime: 0, blocks: 1, root: ROOT },
    ]);
  });
});
