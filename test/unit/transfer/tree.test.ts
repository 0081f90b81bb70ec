import { mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { deviceIdFromHash, transferIdFrom } from "../../../src/core/ids.ts";
import { Flusher } from "../../../src/transfer/flush.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import { openStaging, type Staging, storageError } from "../../../src/transfer/staging.ts";
import { IncomingTree, type OpenFile } from "../../../src/transfer/tree.ts";
import type { MessageOf } from "../../../src/transfer/wire.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const ROOT = "0".repeat(64);
const MTIME = 1_600_000_000_123;

/** A tree in an inbox, fed with paths: `a/` is a folder, `a/b` a file that holds its own path. */
class Growing {
  readonly inbox: string;
  readonly tree: IncomingTree;
  readonly saved: [index: number, as: string | undefined, top: boolean][] = [];
  readonly #staging: Staging;
  #index = 0;

  private constructor(inbox: string, staging: Staging, umask: number, files: SmallFiles | undefined) {
    this.inbox = inbox;
    this.#staging = staging;
    this.tree = new IncomingTree(
      staging,
      umask,
      new Flusher(systemClock),
      files,
      (...entry) => void this.saved.push(entry),
      storageError,
    );
  }

  static async open(umask = 0o022, files?: SmallFiles): Promise<Growing> {
    const root = await directory();
    const inbox = path.join(root, "inbox");
    await mkdir(inbox);
    const self = deviceIdFromHash(Buffer.alloc(32));
    const peer = deviceIdFromHash(Buffer.alloc(32, 1));
    const id = transferIdFrom(Buffer.alloc(10));
    const offer: MessageOf<"offer"> = { t: "offer", id, entries: 1, bytes: 0, count: 1, items: [] };
    return new Growing(inbox, await openStaging(inbox, { self, peer, id }, offer, false), umask, files);
  }

  entry(name: string, fields: Partial<MessageOf<"entry">> = {}): MessageOf<"entry"> {
    const type = name.endsWith("/") ? "folder" : "file";
    const path = name.replace(/\/$/, "").split("/");
    return { t: "entry", index: this.#index++, path, type, size: 0, mtime: MTIME, ...fields };
  }

  async file(name: string, fields: Partial<MessageOf<"entry">> = {}): Promise<OpenFile> {
    const file = await this.tree.addFile(this.entry(name, fields));
    file.part?.write(Buffer.from(name), 0, () => {});
    return file;
  }

  async add(...names: string[]): Promise<void> {
    for (const name of names) {
      if (name.endsWith("/")) await this.tree.addFolder(this.entry(name));
      else void this.tree.finishFile(await this.file(name), ROOT);
    }
  }

  /** Everything in the inbox but staging. */
  async names(): Promise<string[]> {
    return (await readdir(this.inbox, { recursive: true })).filter((name) => !name.startsWith(".lanxfer")).sort();
  }

  in(name: string): string {
    return path.join(this.inbox, name);
  }

  /** Ends it; then nothing may be left in staging and nothing be open. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.tree.abandon();
    await this.#staging.dispose(false);
    expect(await readdir(this.in(".lanxfer")).catch(() => [])).toEqual([]);
    expect(openFilesBelow(path.dirname(this.inbox))).toEqual([]);
  }
}

describe("a tree that is received", () => {
  it("becomes files and folders with what was in them", async () => {
    await using growing = await Growing.open();
    await growing.add("a.txt", "d/", "d/1", "d/e/", "d/e/2", "d/e/f/", "d/3", "g/", "b.txt");
    await growing.tree.finish();
    expect(await growing.names()).toEqual(["a.txt", "b.txt", "d", "d/1", "d/3", "d/e", "d/e/2", "d/e/f", "g"]);
    for (const name of ["a.txt", "d/1", "d/e/2", "d/3"]) expect(await readFile(growing.in(name), "utf8")).toBe(name);
  });

  it("tells of each entry once: the top-level ones with their names", async () => {
    await using growing = await Growing.open();
    await growing.add("a.txt", "d/", "d/1", "d/e/", "d/e/2");
    await growing.tree.finish();
    expect(growing.saved.toSorted(([a], [b]) => a - b)).toEqual([
      [0, "a.txt", true],
      [1, "d", true],
      [2, undefined, false],
      [3, undefined, false],
      [4, undefined, false],
    ]);
    // A folder is told of after all that is in it.
    const order = growing.saved.map(([index]) => index);
    expect(order.indexOf(1)).toBeGreaterThan(order.indexOf(3));
    expect(order.indexOf(3)).toBeGreaterThan(order.indexOf(4));
  });

  it("publishes a folder only when all that is in it is there, a file at once", async () => {
    await using growing = await Growing.open();
    await growing.add("d/", "d/1");
    const last = await growing.file("d/2");
    await growing.tree.settled();
    expect(await growing.names()).toEqual([]);
    void growing.tree.finishFile(last, ROOT);
    await growing.tree.settled();
    expect(await growing.names()).toEqual([]); // more may come
    await growing.add("next.txt");
    await growing.tree.settled();
    expect(await growing.names()).toEqual(["d", "d/1", "d/2", "next.txt"]);
  });

  it("keeps times, and of the mode only the user's executable bit", async () => {
    await using growing = await Growing.open(0o027);
    await growing.tree.addFolder(growing.entry("d/"));
    void growing.tree.finishFile(await growing.file("d/run", { executable: true }), ROOT);
    void growing.tree.finishFile(await growing.file("d/text"), ROOT);
    await growing.tree.finish();
    const look = async (name: string) => {
      const { mode, mtimeMs } = await stat(growing.in(name));
      return [(mode & 0o7777).toString(8), Math.floor(mtimeMs)];
    };
    expect(await look("d")).toEqual(["750", MTIME]);
    expect(await look("d/run")).toEqual(["740", MTIME]);
    expect(await look("d/text")).toEqual(["640", MTIME]);
  });

  it("never merges two entries of one name, of whatever types", async () => {
    await using growing = await Growing.open();
    await growing.add("d/", "d/x", "d/x", "d/x/", "d/x/in", "d/x/", "d/x/in");
    await growing.tree.finish();
    expect(await growing.names()).toEqual(["d", "d/x", "d/x (1)", "d/x (2)", "d/x (2)/in", "d/x (3)", "d/x (3)/in"]);
    const renamed = growing.saved.filter(([, as, top]) => !top && as !== undefined).toSorted(([a], [b]) => a - b);
    expect(renamed).toEqual([
      [2, "x (1)", false],
      [3, "x (2)", false],
      [5, "x (3)", false],
    ]);
  });

  it("never merges two items of one name at the top", async () => {
    await using growing = await Growing.open();
    await growing.add("d/", "d/1", "d/", "d/2", "d");
    await growing.tree.finish();
    const items = ["d", "d (1)", "d (2)"];
    expect(growing.saved.filter(([, , top]) => top).map(([, as]) => as)).toHaveLength(3);
    expect((await readdir(growing.inbox)).filter((name) => name !== ".lanxfer").sort()).toEqual(items);
    expect((await growing.names()).map((name) => path.basename(name)).filter((name) => /^\d$/.test(name))).toHaveLength(
      2,
    );
  });

  it("makes names visible at the top and leaves them inside, made safe in both places", async () => {
    await using growing = await Growing.open();
    await growing.add(
      ".bashrc",
      ".git/",
      ".git/.gitignore",
      ".git/a\u001b[2J",
      "-rf",
      "  ",
      "...",
      "d\n/",
      "d\n/..\u202e",
    );
    await growing.tree.finish();
    expect(await growing.names()).toEqual(
      ["-rf", "_.bashrc", "_...", "_.git", "_.git/.gitignore", "_.git/a_[2J", "d_", "d_/.._", "untitled"].sort(),
    );
  });

  it("cannot replace staging with a folder of its name", async () => {
    await using growing = await Growing.open();
    await growing.add(".lanxfer/", ".lanxfer/x");
    await growing.tree.finish();
    expect(await growing.names()).toEqual(["_.lanxfer", "_.lanxfer/x"]);
  });
});

describe("an entry that does not belong where it comes", () => {
  it.each([
    ["in a folder that never came", ["d/x"]],
    ["in a folder that was left for another", ["d/", "e/", "d/x"]],
    ["in a folder that was left for a file beside it", ["d/", "f", "d/x"]],
    ["in an inner folder that was left", ["d/", "d/e/", "d/f/", "d/e/x"]],
    ["two levels below an open folder", ["d/", "d/e/f"]],
    ["in a file", ["d/", "d/e", "d/e/f"]],
    ["in a folder whose name only begins like an open one", ["d/", "dd/x"]],
    ["in a folder by the name it got, not the one it was sent with", ["d/", "d/x", "d/x/", "d/x (1)/y"]],
  ])("is refused: %s", async (_, names) => {
    await using growing = await Growing.open();
    await growing.add(...names.slice(0, -1));
    await expect(growing.add(...names.slice(-1))).rejects.toMatchObject({ code: "E_PROTO" });
  });

  it.each(["..", ".", "", "a/b", "..\\x", "C:\\x", "\ud800", "x".repeat(5000)])(
    "is refused: the name %j",
    async (name) => {
      await using growing = await Growing.open();
      await growing.tree.addFolder(growing.entry("d/"));
      for (const path of [["d", name], [name]]) {
        await expect(growing.tree.addFile(growing.entry("x", { path }))).rejects.toMatchObject({ code: "E_NAME" });
        await expect(growing.tree.addFolder(growing.entry("x/", { path }))).rejects.toMatchObject({ code: "E_NAME" });
      }
      expect(await growing.names()).toEqual([]);
    },
  );

  it("is refused: a path longer than 3072 bytes, whatever its components", async () => {
    await using growing = await Growing.open();
    const folder = "é".repeat(100);
    const names: string[] = [];
    for (let depth = 1; depth <= 15; depth++) names.push(`${Array.from({ length: depth }, () => folder).join("/")}/`);
    await growing.add(...names); // 15 times 201 bytes with separators: 3014
    await growing.add(`${names.at(-1)}${"x".repeat(57)}`);
    await expect(growing.add(`${names.at(-1)}${"x".repeat(58)}`)).rejects.toMatchObject({ code: "E_NAME" });
  });
});

describe("a tree that comes to nothing", () => {
  it("leaves no descriptor of folders that were left before a file in them failed", async () => {
    await using growing = await Growing.open();
    await growing.add("d/", "d/e/");
    const broken = await growing.file("d/e/x");
    await growing.add("next.txt"); // leaves d and d/e
    await broken.part?.abandon(); // now it cannot be finished
    void growing.tree.finishFile(broken, ROOT);
    await growing.tree.settled();
    expect(() => growing.tree.throwIfFailed()).toThrow(/EBADF|closed/);
    await growing.tree.abandon();
    expect(openFilesBelow(growing.in(".lanxfer")).filter((name) => name.endsWith("/e"))).toEqual([]);
    expect(await growing.names()).toEqual(["next.txt"]);
  });

  it("publishes nothing of a folder in which a file failed", async () => {
    await using growing = await Growing.open();
    await growing.add("d/", "d/1");
    const broken = await growing.file("d/2");
    await broken.part?.abandon();
    void growing.tree.finishFile(broken, ROOT);
    await growing.add("d/3");
    await expect(growing.tree.finish()).rejects.toMatchObject({ code: "E_INBOX" });
    expect(await growing.names()).toEqual([]);
  });

  it("keeps what was published before", async () => {
    await using growing = await Growing.open();
    await growing.add("a.txt", "d/", "d/1");
    await growing.tree.settled();
    await growing.tree.abandon();
    expect(await growing.names()).toEqual(["a.txt"]);
  });

  it.each([
    ["a link", async (inbox: string) => symlink("elsewhere", inbox)],
    ["another folder", async (inbox: string) => mkdir(inbox)],
    ["nothing", async () => {}],
  ])("publishes nothing when the inbox became %s", async (_, make) => {
    await using growing = await Growing.open();
    await growing.add("d/", "d/1");
    const file = await growing.file("d/2");
    await rename(growing.inbox, `${growing.inbox}.old`);
    await mkdir(path.join(growing.inbox, "..", "elsewhere"));
    await make(growing.inbox);
    void growing.tree.finishFile(file, ROOT);
    await expect(growing.tree.finish()).rejects.toMatchObject({ code: "E_INBOX" });
    const names = await readdir(path.dirname(growing.inbox), { recursive: true });
    expect(names.filter((name) => !name.includes(".lanxfer")).sort()).not.toContain("elsewhere/d");
    expect((await readdir(`${growing.inbox}.old`)).sort()).toEqual([".lanxfer"]);
    await writeFile(`${growing.inbox}.old/.lanxfer/proof`, ""); // it was still there to be cleaned up
  });
});

describe("the end of a tree", () => {
  it("waits for a file that waits for something itself", async () => {
    await using growing = await Growing.open();
    await growing.add("d/");
    let idle: () => void = () => {};
    const waiting = new Promise<void>((resolve) => {
      idle = resolve;
    });
    void growing.tree.finishFile(await growing.file("d/file"), ROOT, waiting);
    let ended = false;
    const end = growing.tree.finish().then(() => {
      ended = true;
    });
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([ended, growing.saved]).toEqual([false, []]);
    idle();
    await end;
    expect(await growing.names()).toEqual(["d", "d/file"]);
  });
});

describe("a tree of many small files", () => {
  it("is written in batches and is the same, the executable among them executable", async () => {
    const files = new SmallFiles();
    await using growing = await Growing.open(0o022, files);
    await files.during(async () => {
      const names = Array.from({ length: 200 }, (_, n) => `d/${n}`);
      await growing.add("d/", ...names);
      void growing.tree.finishFile(await growing.file("d/run", { executable: true }), ROOT);
      await growing.tree.finish();
      expect(await growing.names()).toEqual(["d", "d/run", ...names].sort());
      for (const name of names) expect(await readFile(growing.in(name), "utf8")).toBe(name);
      expect((await stat(growing.in("d/run"))).mode & 0o777).toBe(0o744);
      expect((await stat(growing.in("d/0"))).mode & 0o777).toBe(0o644);
      expect(growing.saved).toHaveLength(202);
    });
  });

  it("keeps apart what has the same name here, and tells the names that changed", async () => {
    const files = new SmallFiles();
    await using growing = await Growing.open(0o022, files);
    await files.during(async () => {
      await growing.add("d/", "d/x", "d/x", "d/x");
      await growing.tree.finish();
      expect(await growing.names()).toEqual(["d", "d/x", "d/x (1)", "d/x (2)"]);
      expect(growing.saved.map(([, as]) => as).sort()).toEqual(["d", "x (1)", "x (2)", undefined]);
    });
  });
});
