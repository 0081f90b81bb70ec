import { mkdir, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Room } from "../support/daemons.ts";

describe("an inbox that is a link to a folder", () => {
  it("is the folder that it led to when the daemon started, staging included", async () => {
    await using room = await Room.open();
    const disk = path.join(room.directory, "disk");
    await mkdir(disk);
    await symlink(disk, path.join(room.directory, "link"));
    const anna = await room.daemon("anna");
    const bert = await room.daemon("bert", { inbox: path.join(room.directory, "link") });
    await anna.pairWith(bert);
    const file = await anna.write("a.txt", "hello");
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "done" });
    expect(await readFile(path.join(disk, "a.txt"), "utf8")).toBe("hello");
    expect((await readdir(disk)).sort()).toEqual([".lanxfer", "a.txt"]);

    // A link that leads elsewhere while the daemon runs changes nothing.
    const elsewhere = path.join(room.directory, "elsewhere");
    await mkdir(elsewhere);
    await rm(path.join(room.directory, "link"));
    await symlink(elsewhere, path.join(room.directory, "link"));
    expect(await anna.deliver(bert, [file], { always: true })).toMatchObject({ state: "done" });
    expect(await readdir(elsewhere)).toEqual([]);
    expect(await readFile(path.join(disk, "a (1).txt"), "utf8")).toBe("hello");
  });

  it("is out of use while the folder behind it is away", async () => {
    await using room = await Room.open();
    const disk = path.join(room.directory, "disk");
    await mkdir(disk);
    await symlink(disk, path.join(room.directory, "link"));
    const anna = await room.daemon("anna");
    const bert = await room.daemon("bert", { inbox: path.join(room.directory, "link") });
    await anna.pairWith(bert);
    const file = await anna.write("a.txt", "hello");
    await rename(disk, `${disk}.away`);
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "failed", error: { code: "E_INBOX" } });
    expect((await bert.client.call("get", "/v1/status", {})).inbox.problem).not.toBeNull();
    await rename(`${disk}.away`, disk);
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "done" });
  });
});

describe("another inbox in the settings", () => {
  it("counts from the next start, as the setting says", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const other = path.join(room.directory, "other");
    await bert.client.call("put", "/v1/settings/:name", { param: { name: "inbox" }, json: { value: other } });
    const file = await anna.write("a.txt", "hello");
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "done" });
    expect(await readdir(bert.inbox)).toContain("a.txt");
    expect((await bert.client.call("get", "/v1/status", {})).inbox.path).toBe(bert.inbox);
    await bert.stop();
    await bert.start();
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "done" });
    expect(await readdir(other)).toContain("a.txt");
  });
});
