import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { PinnedDir, toSeconds } from "../../../src/transfer/pinned.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();

/** A folder `inbox`, pinned, beside a folder `elsewhere` that nothing may ever reach. */
async function pinned() {
  const root = await directory();
  const inbox = path.join(root, "inbox");
  const elsewhere = path.join(root, "elsewhere");
  await mkdir(inbox);
  await mkdir(elsewhere);
  return { root, inbox, elsewhere, dir: await PinnedDir.open(inbox) };
}

describe("a directory that is pinned", () => {
  it("must be one: a link, a file or a pipe in its place is refused, and the pipe not waited for", async () => {
    const root = await directory();
    await mkdir(path.join(root, "real"));
    await symlink("real", path.join(root, "link"));
    await writeFile(path.join(root, "file"), "");
    execFileSync("mkfifo", [path.join(root, "pipe")]);
    for (const name of ["link", "file", "pipe"]) {
      await expect(PinnedDir.open(path.join(root, name))).rejects.toMatchObject({
        code: expect.stringMatching(/ELOOP|ENOTDIR/),
      });
    }
    await expect(PinnedDir.open(path.join(root, "missing"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("is the same while its path leads to it", async () => {
    const { dir } = await pinned();
    await expect(dir.verify()).resolves.toBeUndefined();
    await dir.close();
  });

  const swaps: readonly [string, (inbox: string, elsewhere: string) => Promise<void>][] = [
    [
      "a symbolic link",
      async (inbox, elsewhere) => {
        await rename(inbox, `${inbox}.old`);
        await symlink(elsewhere, inbox);
      },
    ],
    [
      "a link to itself",
      async (inbox) => {
        await rename(inbox, `${inbox}.old`);
        await symlink(`${inbox}.old`, inbox);
      },
    ],
    [
      "another folder",
      async (inbox, elsewhere) => {
        await rename(inbox, `${inbox}.old`);
        await rename(elsewhere, inbox);
      },
    ],
    ["nothing", (inbox) => rename(inbox, `${inbox}.old`)],
  ];

  it.each(swaps)("is written to, and notices, when its path becomes %s", async (_, swap) => {
    const { root, inbox, elsewhere, dir } = await pinned();
    await swap(inbox, elsewhere);
    await writeFile(dir.path("file"), "here");
    await (await dir.create("folder", 0o700)).close();
    expect((await readdir(path.join(root, "inbox.old"))).sort()).toEqual(["file", "folder"]);
    expect(await readFile(path.join(root, "inbox.old", "file"), "utf8")).toBe("here");
    const other = await readdir(elsewhere).catch(() => readdir(inbox)); // whichever of the names it has now
    expect(other).toEqual([]);
    await expect(dir.verify()).rejects.toMatchObject({ code: "E_INBOX" });
    await dir.close();
  });

  it("that was removed takes nothing any more", async () => {
    const { inbox, dir } = await pinned();
    await rm(inbox, { recursive: true });
    await expect(writeFile(dir.path("file"), "x")).rejects.toMatchObject({ code: "ENOENT" });
    await expect(dir.verify()).rejects.toMatchObject({ code: "E_INBOX" });
    await dir.close();
  });

  it("creates only what is new, and opens what is there only if it is a folder", async () => {
    const { inbox, elsewhere, dir } = await pinned();
    await mkdir(path.join(inbox, "taken"));
    await symlink(elsewhere, path.join(inbox, "link"));
    await expect(dir.create("taken", 0o700)).rejects.toMatchObject({ code: "EEXIST" });
    await expect(dir.create("link", 0o700)).rejects.toMatchObject({ code: "EEXIST" });
    await expect(dir.ensure("link", 0o700)).rejects.toMatchObject({ code: expect.stringMatching(/ELOOP|ENOTDIR/) });
    const taken = await dir.ensure("taken", 0o700);
    const fresh = await dir.ensure("fresh", 0o700);
    await writeFile(fresh.path("file"), "");
    expect(await readdir(path.join(inbox, "fresh"))).toEqual(["file"]);
    expect((await stat(path.join(inbox, "fresh"))).mode & 0o777).toBe(0o700);
    for (const each of [taken, fresh, dir]) await each.close();
  });

  it("takes a time, a mode and a flush, also after it was renamed", async () => {
    const { root, inbox, dir } = await pinned();
    await rename(inbox, path.join(root, "renamed"));
    await dir.setAttributes({ mode: 0o750, mtime: 1_700_000_000_123 });
    await Promise.all([dir.sync(), dir.sync(), dir.sync()]);
    const { mode, mtimeMs } = await stat(path.join(root, "renamed"));
    expect([mode & 0o777, Math.floor(mtimeMs)]).toEqual([0o750, 1_700_000_000_123]); // newer Nodes keep its fraction
    await dir.close();
  });
});

describe("a time in seconds", () => {
  it("keeps each millisecond through a system call that cuts fractions", async () => {
    const { inbox, dir } = await pinned();
    for (let i = 0; i < 1000; i += 7) {
      const ms = 1_767_323_045_000 + i;
      await dir.setAttributes({ mode: 0o700, mtime: ms });
      expect(Math.floor((await stat(inbox)).mtimeMs)).toBe(ms);
    }
    expect(toSeconds(0)).toBeLessThan(0.001);
    await dir.close();
  });
});
