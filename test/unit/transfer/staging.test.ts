import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { type DeviceId, deviceIdFromHash, shortId, type TransferId, transferIdFrom } from "../../../src/core/ids.ts";
import { findKept, openStaging, type Staging, storageError } from "../../../src/transfer/staging.ts";
import type { MessageOf } from "../../../src/transfer/wire.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories, unprivileged } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const idOf = (seed: string): DeviceId => deviceIdFromHash(createHash("sha256").update(seed).digest());
const transfer = (n: number): TransferId => transferIdFrom(Buffer.alloc(10, n));
const self = idOf("self");
const peer = idOf("peer");

/** Room for transfer `n` of the peer, nothing taken up. */
function staging(inbox: string, n: number, device = self): Promise<Staging> {
  const offer: MessageOf<"offer"> = { t: "offer", id: transfer(n), entries: 1, bytes: 0, count: 1, items: [] };
  return openStaging(inbox, { self: device, peer, id: transfer(n) }, offer, false);
}

const nameOf = (n: number) => `${shortId(self)}.${shortId(peer)}.${transfer(n)}`;

async function inboxIn(root: string): Promise<string> {
  const inbox = path.join(root, "inbox");
  await mkdir(inbox);
  return inbox;
}

describe("the staging of a transfer", () => {
  it("is a directory that only the user can read, in the inbox, named after both devices and the transfer", async () => {
    const inbox = await inboxIn(await directory());
    const opened = await staging(inbox, 1);
    const name = path.join(inbox, ".lanxfer", nameOf(1));
    for (const each of [path.join(inbox, ".lanxfer"), name]) expect((await stat(each)).mode & 0o777).toBe(0o700);
    await writeFile(opened.dir.path("part"), "x");
    expect(await readFile(path.join(name, "part"), "utf8")).toBe("x");
    await opened.dispose(false);
  });

  it("goes with all that is in it, however deep, and leaves no descriptor open", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    await mkdir(path.join(root, "elsewhere"));
    await writeFile(path.join(root, "elsewhere", "kept"), "kept");
    const opened = await staging(inbox, 1);
    await mkdir(path.join(opened.dir.path("a"), "b", "c"), { recursive: true });
    await writeFile(path.join(opened.dir.path("a"), "b", "c", "file"), "");
    await symlink(path.join(root, "elsewhere"), opened.dir.path("link"));
    await chmod(opened.dir.path("a"), 0o500);
    await opened.dispose(false);
    expect(await readdir(path.join(inbox, ".lanxfer"))).toEqual([]);
    expect(await readdir(path.join(root, "elsewhere"))).toEqual(["kept"]);
    expect(openFilesBelow(root)).toEqual([]);
    await opened.dispose(false); // once more does nothing
  });

  it("is another one for each transfer and each device that shares the inbox", async () => {
    const inbox = await inboxIn(await directory());
    const all = [await staging(inbox, 1), await staging(inbox, 2), await staging(inbox, 1, idOf("another device"))];
    expect(await readdir(path.join(inbox, ".lanxfer"))).toHaveLength(3);
    for (const each of all) await each.dispose(false);
    expect(await readdir(path.join(inbox, ".lanxfer"))).toEqual([]);
  });

  it("stays when it is to be kept, and begins anew when that is not to be taken up", async () => {
    const inbox = await inboxIn(await directory());
    const first = await staging(inbox, 1);
    await writeFile(first.dir.path("0"), "part");
    await first.dispose(true);
    expect((await readdir(path.join(inbox, ".lanxfer", nameOf(1)))).sort()).toEqual(["0", "journal"]);
    const second = await staging(inbox, 1);
    expect(await readdir(path.join(inbox, ".lanxfer", nameOf(1)))).toEqual(["journal"]);
    await second.dispose(false);
    expect(openFilesBelow(path.dirname(inbox))).toEqual([]);
  });

  it("goes from where it is, when the inbox was renamed meanwhile", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    const opened = await staging(inbox, 1);
    await rename(inbox, path.join(root, "renamed"));
    await opened.dispose(false);
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
    const opening = staging(inbox, 1);
    await expect(opening).rejects.toMatchObject({ code: "E_INBOX", message: expect.stringMatching(words) });
    expect(await readdir(root, { recursive: true })).toEqual(before);
    expect(openFilesBelow(root)).toEqual([]);
  });

  it("is refused when the inbox cannot be written to", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    await chmod(inbox, 0o555);
    await unprivileged(root, async () => {
      await expect(staging(inbox, 1)).rejects.toMatchObject({
        code: "E_INBOX",
        message: expect.stringContaining("permission denied"),
      });
    });
  });
});

describe("the look into staging at a start", () => {
  it("removes what this device left and nothing can be made of, and nothing else", async () => {
    const inbox = await inboxIn(await directory());
    const own = `${shortId(self)}.${transfer(1)}`;
    const ownToo = nameOf(2);
    const others = [
      `${shortId(idOf("other"))}.${transfer(1)}`, // of another device that shares the inbox
      `${shortId(self)}.${transfer(1)}.bak`,
      `${shortId(self)}.UPPER`,
      shortId(self),
      transfer(1),
      "notes.txt",
      ".hidden",
    ];
    for (const name of [own, ownToo])
      await mkdir(path.join(inbox, ".lanxfer", name, "deep", "er"), { recursive: true });
    for (const name of others) await writeFile(path.join(inbox, ".lanxfer", name), name);
    await writeFile(path.join(inbox, own), "of the user");
    expect(await findKept(inbox, self)).toEqual([]);
    expect((await readdir(path.join(inbox, ".lanxfer"))).sort()).toEqual(others.toSorted());
    expect(await readFile(path.join(inbox, own), "utf8")).toBe("of the user");
    expect(await findKept(inbox, self)).toEqual([]);
  });

  it("removes a link that has one of its names, not what it leads to", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    await mkdir(path.join(root, "precious"));
    await writeFile(path.join(root, "precious", "file"), "kept");
    await mkdir(path.join(inbox, ".lanxfer"));
    await symlink(path.join(root, "precious"), path.join(inbox, ".lanxfer", `${shortId(self)}.${transfer(1)}`));
    expect(await findKept(inbox, self)).toEqual([]);
    expect(await readFile(path.join(root, "precious", "file"), "utf8")).toBe("kept");
  });

  it("does not follow a link in the place of .lanxfer", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    const victim = path.join(root, "elsewhere", `${shortId(self)}.${transfer(1)}`);
    await mkdir(victim, { recursive: true });
    await symlink("../elsewhere", path.join(inbox, ".lanxfer"));
    expect(await findKept(inbox, self)).toEqual([]);
    expect((await stat(victim)).isDirectory()).toBe(true);
  });

  it("leaves alone what cannot be read just now", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    const staged = path.join(inbox, ".lanxfer", nameOf(1));
    await mkdir(staged, { recursive: true });
    await chmod(path.dirname(staged), 0o777);
    await chmod(staged, 0o000);
    await unprivileged(root, async () => expect(await findKept(inbox, self)).toEqual([]));
    expect((await stat(staged)).isDirectory()).toBe(true);
  });

  it("has nothing to do where there never was a transfer", async () => {
    const root = await directory();
    const inbox = await inboxIn(root);
    expect(await findKept(inbox, self)).toEqual([]);
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
