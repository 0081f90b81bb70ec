import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Room } from "../support/daemons.ts";
import { copied, differences, readTree, untouched } from "../support/tree.ts";

describe("what is delivered", () => {
  it("is a folder with all that is in it, times and the executable bit included", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await anna.write("trip/a/b/c/deep.txt", "deep");
    await anna.write("trip/zero", "");
    await anna.write("trip/.git/config", "[core]");
    await anna.write("trip/-rf", "a dash");
    await anna.write("trip/日本 🗻 é.txt", "names");
    await anna.write("trip/big.bin", Buffer.alloc(3 * 1024 * 1024 + 17, 7));
    await chmod(await anna.write("trip/run.sh", "#!/bin/sh\n"), 0o755);
    const trip = path.join(anna.home, "files", "trip");
    await mkdir(path.join(trip, "empty", "emptier"), { recursive: true });
    await utimes(path.join(trip, "zero"), 1_000_000_000.123, 1_000_000_000.123);
    await utimes(path.join(trip, "empty"), 1_234_567_890, 1_234_567_890);

    const sent = await anna.deliver(bert, [trip]);
    expect(sent).toMatchObject({ state: "done", entries: 14, items: [{ name: "trip", type: "folder", as: "trip" }] });
    expect(differences(await readTree(trip), await readTree(path.join(bert.inbox, "trip")), copied)).toEqual([]);
  });

  it("takes the next free name where one is taken, and leaves what was there alone", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("a.tar.gz", "new");
    await anna.write("box/x", "new");
    await writeFile(path.join(bert.inbox, "a.tar.gz"), "old");
    await mkdir(path.join(bert.inbox, "box"));
    await writeFile(path.join(bert.inbox, "box", "mine"), "old");
    const before = await readTree(bert.inbox, (name) => name.startsWith(".lanxfer"));

    const sent = await anna.deliver(bert, [file, path.dirname(await anna.write("box/x", "new"))]);
    expect(sent.items.map(({ as }) => as)).toEqual(["a (1).tar.gz", "box (1)"]);
    const after = await readTree(bert.inbox, (name) => name.startsWith(".lanxfer"));
    for (const [name, entry] of before) if (name !== ".") expect(after.get(name)).toEqual(entry);
    expect(await readdir(path.join(bert.inbox, "box (1)"))).toEqual(["x"]);
  });

  it("is told to both ends: the record, the history and the inbox", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const sent = await anna.deliver(bert, [await anna.write("a.txt", "hello")]);
    const received = await bert.ended(sent.id);
    expect(received).toMatchObject({ direction: "in", state: "done", moved: 5, peer: { id: anna.id } });
    for (const daemon of [anna, bert]) {
      const { history } = await daemon.client.call("get", "/v1/history", { query: {} });
      expect(history).toMatchObject([{ id: sent.id, result: "done", bytes: 5, entries: 1 }]);
    }
    const { items } = await bert.client.call("get", "/v1/inbox", { query: {} });
    expect(items).toMatchObject([{ path: path.join(bert.inbox, "a.txt"), bytes: 5, from: { name: "anna" } }]);
  });

  it("has visible names: a leading dot at the top is no way to hide", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const sent = await anna.deliver(bert, [await anna.write(".bashrc", "x")]);
    expect(sent.items).toMatchObject([{ name: ".bashrc", as: "_.bashrc" }]);
    expect(await readdir(bert.inbox)).toEqual([".lanxfer", "_.bashrc"]);
  });

  it("leaves out links inside a folder and says so, but follows one that the user named", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const secret = await anna.write("secret", "elsewhere");
    const folder = path.dirname(await anna.write("folder/kept", "kept"));
    await symlink(secret, path.join(folder, "link"));
    await symlink(folder, path.join(anna.home, "files", "named"));
    const sent = await anna.deliver(bert, [path.join(anna.home, "files", "named")]);
    expect(sent).toMatchObject({ state: "done", skippedCount: 1, skipped: [{ reason: "symbolic link" }] });
    expect(await readdir(path.join(bert.inbox, "named"))).toEqual(["kept"]);
  });

  it("may be larger than 4 GiB", { timeout: 120_000 }, async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("sparse.img", "begin");
    const size = 4 * 1024 ** 3 + 1;
    await truncate(file, size);
    const sent = await anna.send(bert, [file]);
    expect(await anna.ended(sent.id, 110_000)).toMatchObject({ error: null, state: "done", bytes: size });
    expect((await stat(path.join(bert.inbox, "sparse.img"))).size).toBe(size);
  });

  it("arrives from many at once under distinct names", async () => {
    await using room = await Room.open();
    const bert = await room.daemon("bert");
    const senders = [];
    for (let i = 0; i < 6; i++) {
      const sender = await room.daemon(`s${i}`);
      await sender.pairWith(bert);
      senders.push(sender);
    }
    const sent = await Promise.all(
      senders.map(async (sender) => sender.deliver(bert, [await sender.write("a.txt", sender.name)])),
    );
    expect(sent.map(({ state }) => state)).toEqual(senders.map(() => "done"));
    const names = (await readdir(bert.inbox)).filter((name) => name !== ".lanxfer");
    expect(names.sort()).toEqual(["a (1).txt", "a (2).txt", "a (3).txt", "a (4).txt", "a (5).txt", "a.txt"]);
    const contents = await Promise.all(names.map((name) => readFile(path.join(bert.inbox, name), "utf8")));
    expect(contents.sort()).toEqual(senders.map(({ name }) => name));
  });

  it("goes both ways at the same time", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const [a, b] = await Promise.all([
      anna.deliver(bert, [await anna.write("a.bin", Buffer.alloc(9_000_000, 1))]),
      bert.deliver(anna, [await bert.write("b.bin", Buffer.alloc(9_000_000, 2))]),
    ]);
    expect([a.state, b.state]).toEqual(["done", "done"]);
  });
});

describe("what cannot be sent", () => {
  it("is refused with the reason and leaves nothing at either end", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const before = await readTree(bert.home, (name) => /state|\.lanxfer/.test(name));
    const refused = async (target: string, file: string) => (await anna.deliver(target, [file])).error?.code;
    expect(await refused("bert", "/nowhere/at/all")).toBe("E_SOURCE_MISSING");
    expect(await refused("bert", "/dev/null")).toBe("E_SOURCE_TYPE");
    await expect(anna.send("carol", ["/etc/hostname"])).rejects.toMatchObject({ code: "E_NO_PEER" });
    await expect(anna.send("bert", ["relative"])).rejects.toMatchObject({ code: "E_USAGE" });
    const after = await readTree(bert.home, (name) => /state|\.lanxfer/.test(name));
    expect(differences(before, after, untouched)).toEqual([]);
  });

  it("is refused before the first byte when it would not fit", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const bert = await room.daemon("bert", { "limits.transfer": 1000, "limits.entries": 3 });
    await anna.pairWith(bert);
    const large = await anna.deliver(bert, [await anna.write("large", Buffer.alloc(1001))]);
    expect(large.error).toMatchObject({ code: "E_LIMIT", exit: 9, message: "bert does not take this: too many bytes" });
    for (const name of ["a", "b", "c"]) await anna.write(`many/${name}`, name);
    const many = await anna.deliver(bert, [path.join(anna.home, "files", "many")]);
    expect(many.error?.code).toBe("E_LIMIT");

    const huge = await anna.write("huge", "");
    await truncate(huge, 8 * 1024 ** 4);
    const carl = await room.daemon("carl");
    await anna.pairWith(carl);
    const full = await anna.deliver(carl, [huge]);
    expect(full.error).toMatchObject({ code: "E_NO_SPACE", exit: 9 });
    expect(full.error?.message).toMatch(/^no space left at carl \(needs 8\.8 TB, has \d.*\)$/);
  });

  it("is refused when the inbox is gone, and taken again when it is back", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("a.txt", "hello");
    await rename(bert.inbox, `${bert.inbox}.away`);
    expect((await anna.deliver(bert, [file])).error).toMatchObject({ code: "E_INBOX", exit: 9 });
    const status = await bert.client.call("get", "/v1/status", {});
    expect(status.inbox.problem).toMatch(/ENOENT/);
    await symlink(bert.home, bert.inbox);
    expect((await anna.deliver(bert, [file])).error).toMatchObject({ code: "E_INBOX" });
    await unlink(bert.inbox);
    await rename(`${bert.inbox}.away`, bert.inbox);
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "done" });
  });
});
