/** What the receiver has from earlier transfers of the same device is not sent again. */

import { randomBytes } from "node:crypto";
import {
  appendFile,
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { freePort, Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";
import { TcpProxy } from "../support/proxy.ts";
import { KiB, MiB } from "../support/sizes.ts";
import { copied, readTree } from "../support/tree.ts";

const visible = async ({ inbox }: TestDaemon) =>
  (await readdir(inbox)).filter((name) => !name.startsWith(".")).toSorted();

/** What is below a folder, by path, as a copy keeps it. The times of folders, which change with what is in them, apart. */
async function contentOf(folder: string): Promise<Record<string, unknown>> {
  const entries = [...(await readTree(folder, (name) => name === ".lanxfer"))].filter(([name]) => name !== ".");
  return Object.fromEntries(entries.map(([name, entry]) => [name, entry.type === "file" ? copied(entry) : entry.type]));
}

/** Gives a file other content, and keeps all that a look at it tells. */
async function changeSecretly(file: string): Promise<void> {
  const { size, atime, mtime } = await stat(file);
  await writeFile(file, Buffer.alloc(size, "?"));
  await utimes(file, atime, mtime);
}

/** A folder of anna with a file of each kind, two levels deep. */
async function album(anna: TestDaemon): Promise<string> {
  for (const name of ["a.txt", "b.txt", "inner/c.txt", "inner/deep/d.txt"]) await anna.write(`album/${name}`, name);
  const run = await anna.write("album/run.sh", "#!/bin/sh\n");
  await chmod(run, 0o755);
  await anna.write("album/inner/empty", "");
  const folder = path.dirname(run);
  await mkdir(path.join(folder, "nothing"));
  return folder;
}

const ALBUM_FILES = 6;

describe("a file that is sent again", () => {
  it("is not published again, and both ends are told where it is", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("report.pdf", "a report");
    await writeFile(path.join(bert.inbox, "report.pdf"), "bert's own");
    const first = await anna.deliver(bert, [file]);
    expect(first).toMatchObject({ already: { entries: 0, bytes: 0 }, items: [{ as: "report (1).pdf", there: false }] });
    const there = { name: "report.pdf", as: "report (1).pdf", there: true, root: first.items[0]?.root };
    const expected = { moved: 8, resumed: 0, already: { entries: 1, bytes: 8 }, items: [there] };
    const again = await anna.deliver(bert, [file]);
    expect(again).toMatchObject({ state: "done", ...expected });
    expect(await bert.ended(again.id)).toMatchObject({
      ...expected,
      items: [{ ...there, path: path.join(bert.inbox, "report (1).pdf") }],
    });
    expect(await visible(bert)).toEqual(["report (1).pdf", "report.pdf"]);
    const { history } = await bert.client.call("get", "/v1/history", { query: {} });
    expect(history.map(({ already }) => already.entries)).toEqual([1, 0]);
    const { items } = await bert.client.call("get", "/v1/inbox", { query: {} });
    expect(items.map(({ name, at }) => [name, at])).toEqual([["report (1).pdf", history[1]?.at]]);
  });

  it("is known to be there after restarts of both ends, from the queue, and however large it is", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("large.bin", randomBytes(3 * MiB + 5));
    await anna.deliver(bert, [file]);
    for (const daemon of [anna, bert]) await daemon.stop();
    for (const daemon of [anna, bert]) await daemon.start();
    await anna.sees(bert);
    const again = await anna.deliver(bert, [file], { queue: {} });
    expect(again).toMatchObject({ state: "done", items: [{ as: "large.bin", there: true }], sourceChanged: false });
    expect(await visible(bert)).toEqual(["large.bin"]);
  });

  it("is sent and published when the user wants that always", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("report.pdf", "a report");
    await anna.deliver(bert, [file]);
    const again = await anna.deliver(bert, [file], { always: true });
    expect(again).toMatchObject({ already: { entries: 0 }, items: [{ as: "report (1).pdf", there: false }] });
    expect(await visible(bert)).toEqual(["report (1).pdf", "report.pdf"]);
  });

  it("calls no hook", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const bert = await room.daemon("bert", { "hooks.received": ["/bin/true"] });
    await anna.pairWith(bert);
    const file = await anna.write("report.pdf", "a report");
    await anna.deliver(bert, [file]);
    await anna.deliver(bert, [file]);
    const { history } = await bert.client.call("get", "/v1/history", { query: {} });
    expect(history.map(({ hook }) => hook !== null)).toEqual([false, true]);
  });

  it.each<[string, (there: string, source: string) => Promise<void>]>([
    ["the receiver's user has edited it", (there) => writeFile(there, "a remark")],
    ["the receiver's user has edited it and given it its old time", changeSecretly],
    ["the receiver's user has deleted it", (there) => rm(there)],
    ["the receiver's user has renamed it", (there) => rename(there, `${there}.old`)],
    [
      "a link stands in its place",
      async (there) => {
        await rename(there, `${there}.elsewhere`);
        await symlink(`${there}.elsewhere`, there);
      },
    ],
    ["its time is another one at the sender", (_, source) => utimes(source, 1, 1)],
    ["it is another one at the sender by now, of the same size and time", (_, source) => changeSecretly(source)],
    ["it can be executed at the sender by now", (_, source) => chmod(source, 0o755)],
  ])("is sent when %s", async (_, change) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const source = await anna.write("report.pdf", "a report");
    await anna.deliver(bert, [source]);
    await change(path.join(bert.inbox, "report.pdf"), source);
    const before = await contentOf(bert.inbox);
    const again = await anna.deliver(bert, [source]);
    expect(again).toMatchObject({ state: "done", error: null, items: [{ there: false }] });
    const { as, root } = again.items[0] ?? {};
    expect(await readFile(path.join(bert.inbox, as ?? ""))).toEqual(await readFile(source));
    expect(root).toMatch(/^[0-9a-f]{64}$/);
    expect(await contentOf(bert.inbox)).toMatchObject(before); // what was there is as it was
  });

  it("is there in each of the versions that still are", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const [one, two] = [await anna.write("a/log", "one"), await anna.write("b/log", "two")];
    await utimes(two, 1, 1); // as large as the other, but not as old
    for (const file of [one, two]) await anna.deliver(bert, [file]);
    const again = await anna.deliver(bert, [one]);
    expect(again.items).toMatchObject([{ as: "log", there: true }]);
    expect((await anna.deliver(bert, [two])).items).toMatchObject([{ as: "log (1)", there: true }]);
    await rm(path.join(bert.inbox, "log"));
    expect((await anna.deliver(bert, [one])).items).toMatchObject([{ as: "log", there: false }]);
  });

  it.each([
    ["the same content", "one"],
    ["other content", "two"],
  ])("is there beside another one of its name, size and time, of %s", async (_, content) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const files = [await anna.write("v1/r.txt", "one"), await anna.write("v2/r.txt", content)];
    for (const file of files) await utimes(file, 1, 1);
    await anna.deliver(bert, files);
    for (const order of [files, files.toReversed(), files.slice(1)]) {
      const again = await anna.deliver(bert, order);
      expect(again).toMatchObject({ state: "done", already: { entries: order.length } });
      for (const [i, { as, there }] of again.items.entries()) {
        expect(there).toBe(true);
        const sent = await readFile(order[i] ?? "", "utf8");
        expect(await readFile(path.join(bert.inbox, as ?? ""), "utf8")).toBe(sent);
      }
    }
    expect(await visible(bert)).toEqual(["r (1).txt", "r.txt"]);
  });

  it("is sent to whoever has not got it, and to a device that has it from another one", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const carl = await room.daemon("carl");
    await anna.pairWith(carl);
    await carl.pairWith(bert);
    const file = await anna.write("report.pdf", "a report");
    await anna.deliver(bert, [file]);
    const json = { peer: `${bert.id},${carl.id}`, paths: [file] };
    const { results } = await anna.client.call("post", "/v1/transfer-groups", { json });
    const [toBert, toCarl] = await Promise.all(results.map(({ transfer }) => anna.ended(transfer?.id ?? "")));
    expect(toBert).toMatchObject({ state: "done", items: [{ there: true }] });
    expect(toCarl).toMatchObject({ state: "done", items: [{ there: false }] });
    const fromCarl = await carl.deliver(bert, [file]);
    expect(fromCarl).toMatchObject({ state: "done", items: [{ as: "report (1).pdf", there: false }] });
  });

  it("is no business of a device that is not paired: what such a one sends comes again", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const bert = await room.daemon("bert", { unpaired: "ask" });
    await anna.sees(bert);
    const file = await anna.write("report.pdf", "a report");
    const names: (string | null | undefined)[] = [];
    for (let n = 0; n < 2; n++) {
      const { id } = await anna.send(bert, [file], { unpaired: true });
      await bert.client.call("post", "/v1/offers/:id/accept", { param: { id: (await bert.offer()).id }, json: {} });
      const sent = await anna.ended(id);
      expect(sent).toMatchObject({ state: "done", already: { entries: 0 }, items: [{ there: false }] });
      names.push(sent.items[0]?.as);
    }
    expect(names).toEqual(["report.pdf", "report (1).pdf"]);
  });

  it("is asked about where its receiver is asked, and not asked about again when nothing comes of it", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("report.pdf", "a report");
    await anna.deliver(bert, [file]);
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: anna.id }, json: { policy: "ask" } });
    const { id } = await anna.send(bert, [file]);
    const offer = await bert.offer();
    expect(offer).toMatchObject({ items: [{ name: "report.pdf" }], bytes: 8 });
    expect(await anna.client.call("get", "/v1/transfers/:id", { param: { id } })).toMatchObject({ moved: 0 });
    await bert.client.call("post", "/v1/offers/:id/accept", { param: { id: offer.id }, json: {} });
    expect(await anna.ended(id)).toMatchObject({ state: "done", items: [{ there: true }] });
  });
});

describe("a folder that is sent again", () => {
  it("is not published again when it is the same, whatever the receiver's user has put into it", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const folder = await album(anna);
    await anna.deliver(bert, [folder]);
    await writeFile(path.join(bert.inbox, "album", "inner", "remarks.txt"), "mine");
    const again = await anna.deliver(bert, [folder]);
    expect(again).toMatchObject({ state: "done", already: { entries: ALBUM_FILES }, renamed: [] });
    expect(again.items).toMatchObject([{ as: "album", there: true }]);
    expect(await visible(bert)).toEqual(["album"]);
  });

  it("is published whole under another name when something has changed, of which only that has come", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const port = await freePort();
    const proxy = room.use(await TcpProxy.open(port));
    const bert = await room.daemon("bert", { port }, proxy.port);
    await anna.pairWith(bert);
    await anna.sees(bert);
    const folder = path.join(anna.home, "files", "photos");
    for (let n = 0; n < 100; n++) await anna.write(`photos/${n % 7}/${n}.jpg`, randomBytes(100 * KiB));
    await anna.deliver(bert, [folder]);
    const first = await contentOf(path.join(bert.inbox, "photos"));
    for (const n of [3, 40, 77]) await anna.write(`photos/${n % 7}/${n}.jpg`, randomBytes(100 * KiB));
    proxy.begin();
    const again = await anna.deliver(bert, [folder]);
    expect(again).toMatchObject({ state: "done", already: { entries: 97, bytes: 97 * 100 * KiB } });
    expect(again.items).toMatchObject([{ as: "photos (1)", there: false }]);
    expect(proxy.passed.there.bytes).toBeGreaterThan(300 * KiB);
    expect(proxy.passed.there.bytes).toBeLessThan(400 * KiB);
    expect(await contentOf(path.join(bert.inbox, "photos (1)"))).toEqual(await contentOf(folder));
    expect(await contentOf(path.join(bert.inbox, "photos"))).toEqual(first);
    const third = await anna.deliver(bert, [folder]);
    expect(third).toMatchObject({ already: { entries: 100 }, items: [{ as: "photos (1)", there: true }] });
  });

  it.each<[string, number, (there: string, source: string) => Promise<void>]>([
    ["a file is new", ALBUM_FILES, (_, source) => writeFile(path.join(source, "new.txt"), "new")],
    ["a file is gone", ALBUM_FILES - 1, (_, source) => rm(path.join(source, "b.txt"))],
    ["a folder is gone", ALBUM_FILES - 3, (_, source) => rm(path.join(source, "inner"), { recursive: true })],
    ["a folder is new", ALBUM_FILES, (_, source) => mkdir(path.join(source, "zzz")).then(() => {})],
    ["an empty folder is gone there", ALBUM_FILES, (there) => rm(path.join(there, "nothing"), { recursive: true })],
    ["a file was edited there", ALBUM_FILES - 1, (there) => writeFile(path.join(there, "inner/c.txt"), "remark")],
    ["a file is gone there", ALBUM_FILES - 1, (there) => rm(path.join(there, "a.txt"))],
    [
      "a folder there is a link by now",
      ALBUM_FILES - 3,
      async (there) => {
        await rename(path.join(there, "inner"), `${there}.inner`);
        await symlink(`${there}.inner`, path.join(there, "inner"));
      },
    ],
    [
      "all of it there is a link by now",
      0,
      async (there) => {
        await rename(there, `${there}.elsewhere`);
        await symlink(`${there}.elsewhere`, there);
      },
    ],
  ])("is published whole when %s", async (_, known, change) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const folder = await album(anna);
    await anna.deliver(bert, [folder]);
    const there = path.join(bert.inbox, "album");
    await change(there, folder);
    const before = await contentOf(bert.inbox);
    const again = await anna.deliver(bert, [folder]);
    expect(again).toMatchObject({ state: "done", already: { entries: known }, items: [{ there: false }] });
    expect(await contentOf(path.join(bert.inbox, again.items[0]?.as ?? ""))).toEqual(await contentOf(folder));
    expect(await contentOf(bert.inbox)).toMatchObject(before);
  });

  it("arrives as it is at the sender when a file there is another one of the same size and time", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const folder = await album(anna);
    await anna.deliver(bert, [folder]);
    await changeSecretly(path.join(bert.inbox, "album", "inner", "c.txt"));
    await anna.write("album/a.txt", "changed");
    const again = await anna.deliver(bert, [folder]);
    expect(again).toMatchObject({ state: "done", items: [{ as: "album (1)", there: false }] });
    expect(await contentOf(path.join(bert.inbox, "album (1)"))).toEqual(await contentOf(folder));
  });

  it("goes on after an interruption, with what was there and what had come", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    const port = await freePort();
    const proxy = room.use(await TcpProxy.open(port));
    const bert = await room.daemon("bert", { port }, proxy.port);
    await anna.pairWith(bert);
    await anna.sees(bert);
    const folder = path.join(anna.home, "files", "photos");
    for (const name of ["a", "b", "c", "x", "y", "z"]) await anna.write(`photos/${name}`, randomBytes(2 * MiB));
    await anna.deliver(bert, [folder]);
    await anna.write("photos/m", randomBytes(6 * MiB));
    proxy.begin({ bytesPerSecond: 8 * MiB });
    const { id } = await anna.send(bert, [folder]);
    const look = async () => {
      const view = await anna.client.call("get", "/v1/transfers/:id", { param: { id } });
      return view.moved >= 8 * MiB || undefined; // in the middle of what is new
    };
    await eventually("half of what is new", look, { everyMs: 5 });
    proxy.cutAt({ direction: "there", after: { bytes: 0 }, end: "reset" });
    await eventually("the interruption", async () => {
      const { state } = await anna.client.call("get", "/v1/transfers/:id", { param: { id } });
      return state === "waiting" || undefined;
    });
    proxy.begin();
    const sent = await anna.ended(id);
    expect(sent).toMatchObject({ state: "done", items: [{ as: "photos (1)", there: false }] });
    expect(sent.resumed).toBeGreaterThan(6 * MiB);
    expect(sent.already).toEqual({ entries: 3, bytes: 6 * MiB });
    expect(proxy.passed.there.bytes).toBeLessThan(6 * MiB);
    expect(await contentOf(path.join(bert.inbox, "photos (1)"))).toEqual(await contentOf(folder));
    expect(await visible(bert)).toEqual(["photos", "photos (1)"]);
  });

  it("is known to be there, and listed, however often it was sent again", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const folder = await album(anna);
    await anna.deliver(bert, [folder]);
    await anna.deliver(bert, [folder]);
    await bert.stop();
    const history = path.join(bert.state, "history.jsonl");
    const last = (await readFile(history, "utf8")).trimEnd().split("\n").at(-1);
    await appendFile(history, `${last}\n`.repeat(10_000));
    await bert.start();
    await anna.sees(bert);
    const { items } = await bert.client.call("get", "/v1/inbox", { query: {} });
    expect(items.map(({ name }) => name)).toEqual(["album"]);
    expect((await anna.deliver(bert, [folder])).items).toMatchObject([{ as: "album", there: true }]);
  });

  it("is there beside what is not, each item by itself", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const folder = await album(anna);
    const [kept, changed] = [await anna.write("kept.txt", "kept"), await anna.write("changed.txt", "before")];
    await anna.deliver(bert, [folder, kept, changed]);
    await anna.write("changed.txt", "after");
    const again = await anna.deliver(bert, [kept, changed, folder]);
    expect(again.items.map(({ as, there }) => [as, there])).toEqual([
      ["kept.txt", true],
      ["changed (1).txt", false],
      ["album", true],
    ]);
    expect(await visible(bert)).toEqual(["album", "changed (1).txt", "changed.txt", "kept.txt"]);
  });
});
