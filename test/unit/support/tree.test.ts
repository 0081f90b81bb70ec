import { link, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { copied, differences, readTree, untouched } from "../../support/tree.ts";

describe("The comparison of directory trees", () => {
  let root: string;
  const at = (...parts: string[]) => path.join(root, ...parts);

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), "lanxfer-tree-"));
    await mkdir(at("a/b"), { recursive: true });
    await writeFile(at("a/b/one"), "first");
    await writeFile(at("two"), "second", { mode: 0o755 });
    await symlink("two", at("three"));
  });
  afterEach(() => rm(root, { recursive: true }));

  it("finds nothing in a tree that only was read", async () => {
    const before = await readTree(root);
    expect([...before.keys()].sort()).toEqual([".", "a", "a/b", "a/b/one", "three", "two"]);
    expect(differences(before, await readTree(root), untouched)).toEqual([]);
  });

  it("names what is new, gone or different", async () => {
    const before = await readTree(root);
    await rm(at("a/b/one"));
    await writeFile(at("new"), "");
    await rm(at("three"));
    await symlink("elsewhere", at("three"));
    const found = differences(before, await readTree(root), untouched);
    expect(found).toEqual(
      expect.arrayContaining(["a/b/one is gone", "new is new", "three: content was two, is elsewhere"]),
    );
  });

  it("sees a file that was replaced by an equal one", async () => {
    const before = await readTree(root, (name) => name === "copy");
    const time = new Date(2020, 1, 1);
    await utimes(at("two"), time, time);
    await utimes(root, time, time);
    const dated = await readTree(root);
    await writeFile(at("copy"), "second", { mode: 0o755 });
    await utimes(at("copy"), time, time);
    await rename(at("copy"), at("two"));
    await utimes(root, time, time);
    const after = await readTree(root);
    expect(differences(before, dated, untouched).filter((line) => line.startsWith("two: mtime"))).toHaveLength(1);
    expect(differences(dated, after, untouched)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^two: inode was \d+, is \d+$/)]),
    );
    expect(differences(dated, after, copied)).toEqual([]);
  });

  it("leaves out what it is told to skip, with all that is below", async () => {
    const before = await readTree(root, (name) => name === "a");
    await link(at("two"), at("a/b/hard"));
    expect(before.has("a/b/one")).toBe(false);
    expect(differences(before, await readTree(root, (name) => name === "a"), untouched)).toEqual([]);
  });
});
