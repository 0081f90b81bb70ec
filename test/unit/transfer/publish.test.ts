import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { systemCode } from "../../../src/core/errors.ts";
import { PinnedDir } from "../../../src/transfer/pinned.ts";
import { firstFree, publishFile, publishFolder } from "../../../src/transfer/publish.ts";
import { temporaryDirectories } from "../../support/temporary.ts";
import { differences, readTree, untouched } from "../../support/tree.ts";

const directory = temporaryDirectories();

class Places {
  readonly root: string;
  readonly inbox: PinnedDir;
  readonly staging: PinnedDir;
  #parts = 0;

  private constructor(root: string, inbox: PinnedDir, staging: PinnedDir) {
    this.root = root;
    this.inbox = inbox;
    this.staging = staging;
  }

  static async open(): Promise<Places> {
    const root = await directory();
    const inbox = await PinnedDir.open(root);
    return new Places(root, inbox, await inbox.create(".lanxfer", 0o700));
  }

  in(name: string): string {
    return path.join(this.root, name);
  }

  async file(name: string, content: string): Promise<string> {
    const part = `part${this.#parts++}`;
    await writeFile(this.staging.path(part), content);
    return publishFile(this.inbox, this.staging, part, name, async () => {});
  }

  async folder(name: string, inner: string): Promise<string> {
    const part = `part${this.#parts++}`;
    await mkdir(this.staging.path(part));
    await writeFile(path.join(this.staging.path(part), inner), inner);
    return publishFolder(this.inbox, this.staging, part, name, async () => {});
  }

  /** What is in the inbox, and that staging is empty. */
  async names(): Promise<string[]> {
    expect(await readdir(this.in(".lanxfer"))).toEqual([]);
    return (await readdir(this.root)).filter((name) => name !== ".lanxfer").sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.staging.close();
    await this.inbox.close();
  }
}

/** What may have the name already. */
const TAKEN: readonly [string, (at: string) => unknown][] = [
  ["a file", (at) => writeFile(at, "before")],
  ["an empty file", (at) => writeFile(at, "")],
  ["a folder", (at) => mkdir(path.join(at, "inner"), { recursive: true })],
  ["an empty folder", (at) => mkdir(at)],
  ["a dangling link", (at) => symlink("../nowhere", at)],
  ["a link to a file", (at) => symlink("/etc/hostname", at)],
  ["a link to a folder", (at) => symlink("/tmp", at)],
  ["a pipe", (at) => execFileSync("mkfifo", [at])],
];

describe("a file that is published", () => {
  it("has its name, and the part is gone", async () => {
    await using places = await Places.open();
    expect(await places.file("a.txt", "hello")).toBe("a.txt");
    expect(await places.names()).toEqual(["a.txt"]);
    expect(await readFile(places.in("a.txt"), "utf8")).toBe("hello");
    expect((await stat(places.in("a.txt"))).nlink).toBe(1);
  });

  it.each(TAKEN)("gets the next number beside %s, which is untouched", async (_, make) => {
    await using places = await Places.open();
    await make(places.in("a.tar.gz"));
    const isOurs = (name: string) => name === ".lanxfer" || name === "a (1).tar.gz";
    const before = await readTree(places.root, isOurs);
    expect(await places.file("a.tar.gz", "new")).toBe("a (1).tar.gz");
    const after = await readTree(places.root, isOurs);
    const notTheRoot = differences(before, after, untouched).filter((line) => !line.startsWith(".:"));
    expect(notTheRoot).toEqual([]);
    expect(await readFile(places.in("a (1).tar.gz"), "utf8")).toBe("new");
    expect(await places.names()).toHaveLength(2);
  });

  it("gets the first number that is free, also with the longest of names", async () => {
    await using places = await Places.open();
    const name = `${"é".repeat(125)}x.txt`; // 255 bytes
    for (let i = 0; i < 12; i++) await places.file(name, String(i));
    const names = await places.names();
    expect(names).toHaveLength(12);
    for (const each of names) {
      expect(Buffer.byteLength(each)).toBeLessThanOrEqual(255);
      expect(each).toMatch(/^é+x?( \(\d+\))?\.txt$/);
    }
  });

  it("is a file of its own in either normal form of Unicode", async () => {
    await using places = await Places.open();
    for (const name of ["\u00e9.txt", "e\u0301.txt"]) expect(await places.file(name, name)).toBe(name);
    expect(await places.names()).toHaveLength(2);
  });

  it("is one of 50 when 50 of that name are published at once", async () => {
    await using places = await Places.open();
    const published = await Promise.all(Array.from({ length: 50 }, (_, i) => places.file("a.txt", `content ${i}`)));
    expect(new Set(published).size).toBe(50);
    expect(await places.names()).toEqual(published.toSorted());
    for (const [i, name] of published.entries()) expect(await readFile(places.in(name), "utf8")).toBe(`content ${i}`);
  });

  it("fails, and leaves nothing, when the part is not there", async () => {
    await using places = await Places.open();
    await expect(publishFile(places.inbox, places.staging, "missing", "a", async () => {})).rejects.toMatchObject({
      code: "ENOENT",
    });
    expect(await places.names()).toEqual([]);
  });
});

describe("a folder that is published", () => {
  it("appears with all that is in it", async () => {
    await using places = await Places.open();
    expect(await places.folder("photos", "1.jpg")).toBe("photos");
    expect(await readdir(places.in("photos"))).toEqual(["1.jpg"]);
    expect(await places.names()).toEqual(["photos"]);
  });

  it.each(TAKEN)("gets the next number beside %s, which is untouched", async (_, make) => {
    await using places = await Places.open();
    await make(places.in("my.photos"));
    const isOurs = (name: string) => name === ".lanxfer" || name.startsWith("my.photos (1)");
    const before = await readTree(places.root, isOurs);
    expect(await places.folder("my.photos", "1.jpg")).toBe("my.photos (1)");
    const after = await readTree(places.root, isOurs);
    expect(differences(before, after, untouched).filter((line) => !line.startsWith(".:"))).toEqual([]);
    expect(await readdir(places.in("my.photos (1)"))).toEqual(["1.jpg"]);
  });

  it("is one of 50 when 50 of that name are published at once, none merged with another", async () => {
    await using places = await Places.open();
    const published = await Promise.all(Array.from({ length: 50 }, (_, i) => places.folder("d", `file${i}`)));
    expect(new Set(published).size).toBe(50);
    expect(await places.names()).toEqual(published.toSorted());
    for (const [i, name] of published.entries()) expect(await readdir(places.in(name))).toEqual([`file${i}`]);
  });

  it("fails at once, and gives its name back, when somebody put a file in the place of the part", async () => {
    await using places = await Places.open();
    await writeFile(places.staging.path("part"), "not a folder");
    const failure = await publishFolder(places.inbox, places.staging, "part", "d", async () => {}).catch(systemCode);
    expect(failure).toBe("EISDIR");
    expect(await readdir(places.root)).toEqual([".lanxfer"]);
  });

  it("fails, and gives its name back, when the part is not there", async () => {
    await using places = await Places.open();
    await expect(publishFolder(places.inbox, places.staging, "missing", "d", async () => {})).rejects.toMatchObject({
      code: "ENOENT",
    });
    expect(await places.names()).toEqual([]);
  });
});

const failWith = (code: string) => Object.assign(new Error(code), { code });

describe("the first free name", () => {
  it("is looked for among 10,000, then given up", async () => {
    const tried: string[] = [];
    const search = firstFree("a.txt", false, async (name) => {
      tried.push(name);
      throw failWith("EEXIST");
    });
    await expect(search).rejects.toMatchObject({ code: "E_INBOX" });
    expect(tried).toHaveLength(10_000);
    expect(new Set(tried).size).toBe(10_000);
    expect(tried.slice(0, 3)).toEqual(["a.txt", "a (1).txt", "a (2).txt"]);
  });

  it.each(["EINVAL", "EILSEQ", "ENOENT"])("is one that the file system can hold, after it said %s", async (code) => {
    const tried: string[] = [];
    const as = await firstFree("what?.txt", false, async (name) => {
      tried.push(name);
      if (name.includes("?")) throw failWith(code);
      if (name === "what_.txt") throw failWith("EEXIST");
    });
    expect(as).toBe("what_ (1).txt");
    expect(tried).toEqual(["what?.txt", "what_.txt", "what_ (1).txt"]);
  });

  it("is not looked for when the name was not the trouble", async () => {
    let tries = 0;
    const search = firstFree("a?", false, async () => {
      tries++;
      throw failWith("ENOSPC");
    });
    await expect(search).rejects.toMatchObject({ code: "ENOSPC" });
    expect(tries).toBe(1);
  });

  it("is not looked for twice when the file system refuses a portable name as well", async () => {
    let tries = 0;
    const search = firstFree("a?", false, async () => {
      tries++;
      throw failWith("EINVAL");
    });
    await expect(search).rejects.toMatchObject({ code: "EINVAL" });
    expect(tries).toBe(2);
  });
});
