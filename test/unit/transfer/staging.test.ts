import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { type DeviceId, deviceIdFromHash, shortId, type TransferId, transferIdFrom } from "../../../src/core/ids.ts";
import { openStaging, storageError, sweepStaging } from "../../../src/transfer/staging.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories, unprivileged } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const idOf = (seed: string): DeviceId => deviceIdFromHash(createHash("sha256").update(seed).digest());
const transfer = (n: number): TransferId => transferIdFrom(Buffer.alloc(10, n));
const self = idOf("self");

async function inboxIn(root: string): Promise<string> {
  const inbox = path.join(root, "inbox");
  await mkdir(inbox);
  return inbox;
}

describe("the staging of a transfer", () => {
  it("is a directory that only the user can read, in the inbox, named after the device and the transfer", async () => {
    const inbox = await inboxIn(await directory());
    const staging = await openStaging(inbox, self, transfer(1));
    const name = path.join(inbox, ".lanxfer", `${shortId(self)}.${transfer(1)}`);
    for (const each of [path.join(inbox, ".lanxfer"), name]) expect((await stat(each)).mode & 0o777).toBe(0o700);
    await writeFile(staging.dir.path("part"), "x");
    expect(await readFile(path.join(name, "part"), "utf8")).toBe("x");
    await staging.dispose();
  });

  it("goes with all that is in it, however deep, and leaves no descriptor open", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    await mkdir(path.join(root, "elsewhere"));
    await writeFile(path.join(root, "elsewhere", "kept"), "kept");
    const staging = await openStaging(inbox, self, transfer(1));
    await mkdir(path.join(staging.dir.path("a"), "b", "c"), { recursive: true });
    await writeFile(path.join(staging.dir.path("a"), "b", "c", "file"), "");
    await symlink(path.join(root, "elsewhere"), staging.dir.path("link"));
    await chmod(staging.dir.path("a"), 0o500);
    await staging.dispose();
    expect(await readdir(path.join(inbox, ".lanxfer"))).toEqual([]);
    expect(await readdir(path.join(root, "elsewhere"))).toEqual(["kept"]);
    expect(openFilesBelow(root)).toEqual([]);
    await staging.dispose(); // once more does nothing
  });

  it("is for one transfer of that id at a time", async () => {
    const inbox = await inboxIn(await directory());
    const first = await openStaging(inbox, self, transfer(1));
    await expect(openStaging(inbox, self, transfer(1))).rejects.toMatchObject({ code: "E_BUSY" });
    const second = await openStaging(inbox, self, transfer(2));
    const third = await openStaging(inbox, idOf("another device with the same inbox"), transfer(1));
    for (const each of [first, second, third]) await each.dispose();
    await (await openStaging(inbox, self, transfer(1))).dispose();
  });

  it("goes from where it is, when the inbox was renamed meanwhile", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    const staging = await openStaging(inbox, self, transfer(1));
    await rename(inbox, path.join(root, "renamed"));
    await staging.dispose();
    expect(await readdir(path.join(root, "renamed", ".lanxfer"))).toEqual([]);
    expect(await readdir(root)).toEqual(["renamed"]);
  });

  it.each([
    ["the inbox is missing", (inbox: string) => rm(inbox, { recursive: true }), "it does not exist"],
    [
      "the inbox is a file",
      async (inbox: string) => {
        await rm(inbox, { recursive: true });
        await writeFile(inbox, "");
      },
      "it is not a directory",
    ],
    [
      "a file has the place of .lanxfer",
      (inbox: string) => writeFile(path.join(inbox, ".lanxfer"), ""),
      "not a directory",
    ],
    [
      "a link has the place of .lanxfer",
      (inbox: string) => symlink("../elsewhere", path.join(inbox, ".lanxfer")),
      "link|not a dir",
    ],
    [
      "a link has the place of .lanxfer that leads nowhere",
      (inbox: string) => symlink("x", path.join(inbox, ".lanxfer")),
      "link|not a dir",
    ],
  ])("is refused when %s, and nothing is made anywhere", async (_, spoil, words) => {
    const root = await directory();
    const inbox = await inboxIn(root);
    await mkdir(path.join(root, "elsewhere"));
    await spoil(inbox);
    const before = await readdir(root, { recursive: true });
    const opening = openStaging(inbox, self, transfer(1));
    await expect(opening).rejects.toMatchObject({ code: "E_INBOX", message: expect.stringMatching(words) });
    expect(await readdir(root, { recursive: true })).toEqual(before);
    expect(openFilesBelow(root)).toEqual([]);
  });

  it("is refused when the inbox cannot be written to", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    await chmod(inbox, 0o555);
    await unprivileged(root, async () => {
      await expect(openStaging(inbox, self, transfer(1))).rejects.toMatchObject({
        code: "E_INBOX",
        message: expect.stringContaining("permission denied"),
      });
    });
  });
});

describe("the sweep at a start", () => {
  it("removes what an earlier run of this device left, and nothing else", async () => {
    const inbox = await inboxIn(await directory());
    const own = `${shortId(self)}.${transfer(1)}`;
    const others = [
      `${shortId(idOf("other"))}.${transfer(1)}`, // of another device that shares the inbox
      `${shortId(self)}.${transfer(1)}.bak`,
      `${shortId(self)}.UPPER`,
      shortId(self),
      transfer(1),
      "notes.txt",
      ".hidden",
    ];
    await mkdir(path.join(inbox, ".lanxfer", own, "deep", "er"), { recursive: true });
    for (const name of others) await writeFile(path.join(inbox, ".lanxfer", name), name);
    await writeFile(path.join(inbox, own), "of the user");
    expect(await sweepStaging(inbox, self)).toBe(1);
    expect((await readdir(path.join(inbox, ".lanxfer"))).sort()).toEqual(others.toSorted());
    expect(await readFile(path.join(inbox, own), "utf8")).toBe("of the user");
    expect(await sweepStaging(inbox, self)).toBe(0);
  });

  it("removes a link that has one of its names, not what it leads to", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    await mkdir(path.join(root, "precious"));
    await writeFile(path.join(root, "precious", "file"), "kept");
    await mkdir(path.join(inbox, ".lanxfer"));
    await symlink(path.join(root, "precious"), path.join(inbox, ".lanxfer", `${shortId(self)}.${transfer(1)}`));
    expect(await sweepStaging(inbox, self)).toBe(1);
    expect(await readFile(path.join(root, "precious", "file"), "utf8")).toBe("kept");
  });

  it("does not follow a link in the place of .lanxfer", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    const victim = path.join(root, "elsewhere", `${shortId(self)}.${transfer(1)}`);
    await mkdir(victim, { recursive: true });
    await symlink("../elsewhere", path.join(inbox, ".lanxfer"));
    expect(await sweepStaging(inbox, self)).toBe(0);
    expect((await stat(victim)).isDirectory()).toBe(true);
  });

  it("has nothing to do where there never was a transfer", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    expect(await sweepStaging(inbox, self)).toBe(0);
    expect(await readdir(inbox)).toEqual([]);
    expect(openFilesBelow(root)).toEqual([]);
  });
});

describe("what went wrong on the disk", () => {
  const failWith = (code: string) => Object.assign(new Error(`${code}: /home/anna/LanInbox/.lanxfer/x`), { code });

  it.each([
    ["ENOSPC", "E_NO_SPACE"],
    ["EROFS", "E_INBOX"],
    ["EIO", "E_INBOX"],
    ["EFBIG", "E_INBOX"],
    ["EMFILE", "E_INBOX"],
    ["ESTALE", "E_INBOX"],
  ])("%s is told as %s, without a path of ours", (system, code) => {
    const cause = failWith(system);
    const error = storageError(cause);
    expect(error).toMatchObject({ code, cause });
    expect(`${error.message} ${JSON.stringify(error.details)}`).not.toContain("/home");
  });

  it("over quota is no space, though the platform has no name for it", () => {
    const cause = Object.assign(failWith("Unknown system error -122"), { errno: -constants.errno.EDQUOT });
    expect(storageError(cause)).toMatchObject({ code: "E_NO_SPACE", cause });
  });

  it("stays what it is when it is an error of ours, and is internal when it is a fault of ours", () => {
    const own = new LanxferError("E_LENGTH");
    expect(storageError(own)).toBe(own);
    expect(storageError(new TypeError("x is not a function")).code).toBe("E_INTERNAL");
  });
});
