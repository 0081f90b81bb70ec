// What a receiver keeps of a transfer that was interrupted, and what it says and
// does when that is offered again (PROTOCOL 4.9). The sender is played.

import { mkdir, open, readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { newTransferId } from "../support/ends.ts";
import { Mallory, offerOf, type Sent } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import { Attempt, finish } from "../support/resuming.ts";
import { rootOf } from "../support/root.ts";

const MiB = 1024 * 1024;
const content = (bytes: number, seed = 1) => Buffer.alloc(bytes, Buffer.from(`content ${seed} `));
/** Three blocks and a bit. */
const LARGE: Sent = { path: ["large.bin"], content: content(3 * MiB + 5) };

async function open2(): Promise<{ room: Room; bert: TestDaemon; mallory: Mallory }> {
  const room = await Room.open();
  const bert = await room.daemon("bert");
  const mallory = room.use(await Mallory.open());
  await mallory.pairWith(bert);
  return { room, bert, mallory };
}

const names = async (bert: TestDaemon) => (await readdir(bert.inbox)).filter((name) => name !== ".lanxfer").sort();
/** Comparing large buffers with toEqual takes seconds. */
const assertArrived = async (bert: TestDaemon, { path: name, content = "" }: Sent) => {
  const there = await readFile(path.join(bert.inbox, ...name));
  expect(there.equals(Buffer.from(content)), name.join("/")).toBe(true);
};

/** The directory in which the one interrupted transfer waits. */
async function stagedIn(bert: TestDaemon): Promise<string> {
  const [name = "", ...others] = await readdir(path.join(bert.inbox, ".lanxfer"));
  expect(others).toEqual([]);
  return path.join(bert.inbox, ".lanxfer", name);
}

/** Sends two blocks of the large file and is cut off. */
async function interrupted(mallory: Mallory, bert: TestDaemon, id: string, features?: string[]): Promise<void> {
  const attempt = await Attempt.begin(mallory, bert, offerOf([LARGE], { id }), features);
  attempt.send(LARGE, 2);
  await attempt.moved(2 * MiB);
  await attempt.cut(bert, id);
}

describe("an interrupted file", () => {
  it("goes on from the last block that is here", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await interrupted(mallory, bert, id);
    expect(await names(bert)).toEqual([]);
    const { transfers } = await bert.client.call("get", "/v1/transfers", { query: {} });
    const again = await finish(mallory, bert, [LARGE], id);
    const all = Buffer.from(LARGE.content ?? "");
    expect(again.have).toEqual([
      { path: ["large.bin"], type: "file", size: all.length, mtime: 0, blocks: 2, root: rootOf(all, 2) },
    ]);
    await assertArrived(bert, LARGE);
    const ended = { state: "done", resumed: 2 * MiB, moved: all.length, startedAt: transfers[0]?.startedAt };
    expect(await bert.ended(id)).toMatchObject(ended);
    expect(await names(bert)).toEqual(["large.bin"]);
  });

  it("goes on as often as it has to, also after a restart in between", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    for (const [from, until] of [
      [0, 1],
      [1, 2],
      [2, 3],
    ] as const) {
      const attempt = await Attempt.begin(mallory, bert, offerOf([LARGE], { id }));
      expect(attempt.item("large.bin")?.blocks ?? 0).toBe(from);
      attempt.send(from === 0 ? LARGE : { ...LARGE, held: from }, until);
      await attempt.moved(until * MiB);
      await attempt.cut(bert, id);
      await bert.stop();
      await bert.start();
    }
    await finish(mallory, bert, [LARGE], id);
    await assertArrived(bert, LARGE);
  });

  it("is seen as waiting, with how much of it is here, and can be cancelled, also after a restart", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const ids = [newTransferId(), newTransferId()];
    for (const id of ids) await interrupted(mallory, bert, id);
    const waiting = async () => (await bert.client.call("get", "/v1/transfers", { query: {} })).transfers;
    const shown = { state: "waiting", direction: "in", moved: 2 * MiB, endedAt: null };
    expect(await waiting()).toEqual([expect.objectContaining(shown), expect.objectContaining(shown)]);
    expect((await waiting())[0]?.waitingFor?.code).toBe("E_LOST");
    const cancel = (id = "") => bert.client.call("delete", "/v1/transfers/:id", { param: { id } });
    await cancel(ids[0]);
    expect(await bert.ended(ids[0] ?? "")).toMatchObject({ state: "cancelled" });
    await bert.stop();
    await bert.start();
    expect(await waiting()).toEqual([expect.objectContaining({ ...shown, id: ids[1] })]);
    await cancel(ids[1]);
    await eventually(
      "staging is empty",
      async () => (await readdir(path.join(bert.inbox, ".lanxfer"))).length === 0 || undefined,
    );
    const history = (await bert.client.call("get", "/v1/history", { query: {} })).history;
    expect(history.map(({ id, result }) => [id, result])).toEqual([
      [ids[1], "cancelled"],
      [ids[0], "cancelled"],
    ]);
  });

  it("begins at its start for a sender that does not resume, for another device, and under another id", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const other = room.use(await Mallory.open());
    await other.pairWith(bert);
    const id = newTransferId();
    await interrupted(mallory, bert, id);
    expect((await finish(other, bert, [LARGE], id)).have).toEqual([]);
    expect((await finish(mallory, bert, [LARGE], newTransferId())).have).toEqual([]);
    const plain = await Attempt.begin(mallory, bert, offerOf([LARGE], { id }), []);
    expect(plain.have).toEqual([]);
    plain.sendAll([LARGE]);
    expect(await plain.outcome()).toEqual({ t: "complete" });
    expect(await names(bert)).toEqual(["large (1).bin", "large (2).bin", "large.bin"]);
  });

  it("is not kept for a sender that does not resume", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await interrupted(mallory, bert, id, []);
    expect(await bert.ended(id)).toMatchObject({ state: "failed", error: { code: "E_LOST" } });
    expect(await readdir(path.join(bert.inbox, ".lanxfer"))).toEqual([]);
  });

  it("that has changed is sent from its start, and nothing of the old one is in it", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await interrupted(mallory, bert, id);
    const changed: Sent = { path: ["large.bin"], content: content(2 * MiB + 1, 2), mtime: 5_000 };
    const again = await Attempt.begin(mallory, bert, offerOf([changed], { id }));
    expect(again.have).toHaveLength(1);
    again.send(changed);
    again.peer.send({ t: "done" });
    expect(await again.outcome()).toEqual({ t: "complete" });
    await assertArrived(bert, changed);
    expect(await bert.ended(id)).toMatchObject({ resumed: 0 });
  });

  it("is not kept when its user or ours cancels, when its source failed, or when trust ends", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    for (const code of ["E_CANCELLED_BY_PEER", "E_SOURCE_CHANGED", "E_SOURCE_MISSING"]) {
      const id = newTransferId();
      const attempt = await Attempt.begin(mallory, bert, offerOf([LARGE], { id }));
      attempt.send(LARGE, 2);
      await attempt.moved(2 * MiB);
      attempt.peer.send({ t: "abort", code });
      expect((await bert.ended(id)).error?.code).toBe(code);
      attempt.peer.end();
      await attempt.peer.closed();
    }
    const id = newTransferId();
    await interrupted(mallory, bert, id);
    await bert.client.call("delete", "/v1/devices/:device", { param: { device: mallory.credentials.id } });
    expect((await bert.ended(id)).error?.code).toBe("E_NOT_PAIRED");
    expect(await readdir(path.join(bert.inbox, ".lanxfer"))).toEqual([]);
  });
});

describe("the part of an interrupted file that somebody touched", () => {
  const part = async (bert: TestDaemon) => path.join(await stagedIn(bert), "0");
  const damage: [string, (bert: TestDaemon) => Promise<void>, number][] = [
    [
      "in its second block",
      async (bert) => {
        const file = await open(await part(bert), "r+");
        await file.write("x", MiB + 7);
        await file.close();
      },
      1,
    ],
    ["by cutting it short", async (bert) => truncate(await part(bert), MiB + 7), 1],
    ["by cutting all of it", async (bert) => truncate(await part(bert), 0), 0],
    ["by removing it", async (bert) => rm(await part(bert)), 0],
    [
      "by a link in its place",
      async (bert) => {
        await rename(await part(bert), path.join(bert.home, "moved"));
        await symlink(path.join(bert.home, "moved"), path.join(await stagedIn(bert), "0"));
      },
      0,
    ],
    [
      "by a folder in its place",
      async (bert) => {
        await rm(await part(bert));
        await mkdir(path.join(await stagedIn(bert), "0"));
      },
      0,
    ],
    ["by garbage in the journal", async (bert) => writeFile(path.join(await stagedIn(bert), "journal"), "{}\n"), 0],
    ["by removing the journal", async (bert) => rm(path.join(await stagedIn(bert), "journal")), 0],
    [
      "by a torn last line of the journal",
      async (bert) => writeFile(path.join(await stagedIn(bert), "journal"), '{"t":"writ', { flag: "a" }),
      2,
    ],
  ];
  it.each(damage)("%s is not believed", async (_title, spoil, blocks) => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await interrupted(mallory, bert, id);
    await bert.stop();
    await spoil(bert);
    await bert.start();
    const again = await finish(mallory, bert, [LARGE], id);
    expect(again.item("large.bin")?.blocks ?? 0).toBe(blocks);
    await assertArrived(bert, LARGE);
    expect(await names(bert)).toEqual(["large.bin"]);
  });
});

describe("an interrupted folder", () => {
  const FOLDER: readonly Sent[] = [
    { path: ["d"] },
    { path: ["d", "a"], content: "a" },
    { path: ["d", "e"] },
    { path: ["d", "e", "empty"], content: "" },
    { path: ["d", "e", "large"], content: content(2 * MiB + 1) },
    { path: ["d", "z"], content: "z" },
  ];

  /** Sends all but the last block of the large file and what comes after it. */
  async function begun(mallory: Mallory, bert: TestDaemon, id: string): Promise<void> {
    const attempt = await Attempt.begin(mallory, bert, offerOf(FOLDER, { id }));
    for (const entry of FOLDER.slice(0, 5)) attempt.send(entry, 2);
    await attempt.saved(2);
    await attempt.moved(2 * MiB);
    await attempt.cut(bert, id);
  }

  it("keeps the files that were complete and goes on inside of the others", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await begun(mallory, bert, id);
    expect(await names(bert)).toEqual([]);
    const again = await finish(mallory, bert, FOLDER, id);
    const have = again.have.map(({ path, blocks }) => [path.join("/"), blocks]).sort();
    expect(have).toEqual([
      ["d/a", 1],
      ["d/e/empty", 0],
      ["d/e/large", 2],
    ]);
    for (const entry of FOLDER) if (entry.content !== undefined) await assertArrived(bert, entry);
    expect((await readdir(bert.inbox, { recursive: true })).filter((name) => name.startsWith("d")).sort()).toEqual(
      ["d", "d/a", "d/e", "d/e/empty", "d/e/large", "d/z"].sort(),
    );
    await again.saved(FOLDER.length);
  });

  it("loses what has left it, takes what is new, and changes what is another kind of thing now", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await begun(mallory, bert, id);
    const now: Sent[] = [
      { path: ["d"] },
      { path: ["d", "a"] },
      { path: ["d", "a", "b"], content: "b" },
      { path: ["d", "e"], content: "file" },
    ];
    const again = await Attempt.begin(mallory, bert, offerOf(now, { id }));
    for (const entry of now) again.send(entry);
    again.peer.send({ t: "done" });
    expect(await again.outcome()).toEqual({ t: "complete" });
    expect((await readdir(path.join(bert.inbox, "d"), { recursive: true })).sort()).toEqual(["a", "a/b", "e"]);
    await assertArrived(bert, { path: ["d", "e"], content: "file" });
  });

  it("is rid of what somebody put into it meanwhile", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await begun(mallory, bert, id);
    const staged = await stagedIn(bert);
    await writeFile(path.join(staged, "0", "stranger"), "not sent");
    await mkdir(path.join(staged, "stranger"));
    await writeFile(path.join(staged, "0", "a"), "A, changed");
    const again = await finish(mallory, bert, FOLDER, id);
    expect(again.item("d", "a")).toBeUndefined();
    expect((await readdir(path.join(bert.inbox, "d"))).sort()).toEqual(["a", "e", "z"]);
    await assertArrived(bert, { path: ["d", "a"], content: "a" });
  });
});

describe("several items of which some are published", () => {
  const ITEMS: readonly Sent[] = [
    { path: ["a.txt"], content: "a" },
    { path: ["d"] },
    { path: ["d", "e"] },
    { path: ["d", "e", "x"], content: "x" },
    LARGE,
  ];

  async function begun(mallory: Mallory, bert: TestDaemon, id: string): Promise<void> {
    const attempt = await Attempt.begin(mallory, bert, offerOf(ITEMS, { id }));
    for (const entry of ITEMS) attempt.send(entry, 1);
    await attempt.saved(4);
    await attempt.cut(bert, id);
    expect(await names(bert)).toEqual(["a.txt", "d"]);
  }

  it("are there once each, wherever the user has put them meanwhile", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await begun(mallory, bert, id);
    await rename(path.join(bert.inbox, "a.txt"), path.join(bert.home, "taken out"));
    await bert.stop();
    await bert.start();
    const again = await finish(mallory, bert, ITEMS, id);
    expect(again.item("a.txt")).toMatchObject({ blocks: 1, as: "a.txt" });
    expect(again.item("d")).toMatchObject({ blocks: 0, as: "d" });
    expect(again.item("d", "e")).toEqual({ path: ["d", "e"], type: "folder", size: 0, mtime: 0, blocks: 0 });
    expect(again.item("d", "e", "x")).toMatchObject({ blocks: 1 });
    expect(again.item("large.bin")).toMatchObject({ blocks: 1 });
    expect(await names(bert)).toEqual(["d", "large.bin"]);
    const items = (await bert.ended(id)).items.map(({ as }) => as);
    expect(items).toEqual(["a.txt", "d", "large.bin"]);
  });

  it.each<[string, readonly Sent[]]>([
    ["a published file again", [{ path: ["a.txt"], content: "a" }]],
    ["a published folder again", [{ path: ["a.txt"], content: "a", held: 1 }, { path: ["d"] }]],
    [
      "something new into a published folder",
      [
        { path: ["a.txt"], content: "a", held: 1 },
        { path: ["d"], held: 0 },
        { path: ["d", "new"], content: "new" },
      ],
    ],
  ])("refuse to be sent %s", async (_title, entries) => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await begun(mallory, bert, id);
    const again = await Attempt.begin(mallory, bert, offerOf(ITEMS, { id }));
    for (const entry of entries) again.send(entry);
    expect(await again.outcome()).toMatchObject({ t: "abort", code: "E_PROTO" });
    expect(await names(bert)).toEqual(["a.txt", "d"]);
    expect((await readdir(path.join(bert.inbox, "d"))).sort()).toEqual(["e"]);
  });
});

describe("what takes up something that is not here", () => {
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["more blocks", { held: 3 }],
    ["fewer blocks", { held: 1 }],
    ["another size", { held: 2, content: content(3 * MiB + 6) }],
    ["another time", { held: 2, mtime: 1 }],
    ["another mode", { held: 2, executable: true }],
    ["another path", { held: 2, path: ["LARGE.bin"] }],
    ["a folder", { held: 0, content: undefined }],
  ])("ends the transfer: %s", async (_title, lie) => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await interrupted(mallory, bert, id);
    const entry = { ...LARGE, ...lie } as Sent; // a lie may take the content away
    const again = await Attempt.begin(mallory, bert, offerOf([entry], { id }));
    again.send(entry, 0);
    expect(await again.outcome()).toMatchObject({ t: "abort", code: "E_PROTO" });
    expect(await names(bert)).toEqual([]);
  });

  it("a block of a file that is complete", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    const entries: Sent[] = [{ path: ["d"] }, { path: ["d", "a"], content: "a" }];
    const first = await Attempt.begin(mallory, bert, offerOf(entries, { id }));
    for (const entry of entries) first.send(entry);
    await first.saved(1);
    await first.cut(bert, id);
    const again = await Attempt.begin(mallory, bert, offerOf(entries, { id }));
    again.send({ path: ["d"] });
    again.peer.send({ t: "entry", index: 1, path: ["d", "a"], type: "file", size: 1, mtime: 0, held: 1 });
    again.peer.sendBlock(1, Buffer.from("a"));
    expect(await again.outcome()).toMatchObject({ t: "abort", code: "E_LENGTH" });
  });

  it("a finished file with another root", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    const entries: Sent[] = [{ path: ["d"] }, { path: ["d", "a"], content: "a" }];
    const first = await Attempt.begin(mallory, bert, offerOf(entries, { id }));
    for (const entry of entries) first.send(entry);
    await first.saved(1);
    await first.cut(bert, id);
    const again = await Attempt.begin(mallory, bert, offerOf(entries, { id }));
    again.send({ path: ["d"] });
    again.peer.send({ t: "entry", index: 1, path: ["d", "a"], type: "file", size: 1, mtime: 0, held: 1 });
    again.peer.send({ t: "end", index: 1, root: rootOf(Buffer.from("b")) });
    expect(await again.outcome()).toMatchObject({ t: "abort", code: "E_INTEGRITY" });
    await bert.client.call("delete", "/v1/transfers/:id", { param: { id } });
  });
});

describe("a transfer that landed and is offered again", () => {
  it.each([false, true])("is answered with its names and is there once; after a restart: %s", async (restart) => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    await writeFile(path.join(bert.inbox, "large.bin"), "was here before");
    const id = newTransferId();
    const items: Sent[] = [LARGE, { path: ["d"] }];
    await finish(mallory, bert, items, id);
    if (restart) {
      await bert.stop();
      await bert.start();
    }
    const peer = await Attempt.offer(mallory, bert, offerOf(items, { id }));
    const names = [
      { item: 0, as: "large (1).bin" },
      { item: 1, as: "d" },
    ];
    expect(await peer.next("landed", "accept", "decline")).toEqual({ t: "landed", items: names });
    expect(await peer.next("complete")).toEqual({ t: "complete" });
    const next = offerOf([{ path: ["next"], content: "x" }]);
    peer.send(next);
    expect(await peer.next("accept", "abort")).toEqual({ t: "accept" });
    peer.send({ t: "abort", code: "E_CANCELLED_BY_PEER" });
    peer.end();
    await peer.closed();
    expect((await readdir(bert.inbox)).sort()).toEqual([".lanxfer", "d", "large (1).bin", "large.bin"]);
  });

  it("by another device is another one", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const other = room.use(await Mallory.open());
    await other.pairWith(bert);
    const id = newTransferId();
    await finish(mallory, bert, [{ path: ["a"], content: "a" }], id);
    await finish(other, bert, [{ path: ["a"], content: "b" }], id);
    expect(await names(bert)).toEqual(["a", "a (1)"]);
  });
});

describe("one transfer over two connections", () => {
  it("goes on over the newer one, with all that came over the older", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    const older = await Attempt.begin(mallory, bert, offerOf([LARGE], { id }));
    older.send(LARGE, 2);
    await older.moved(2 * MiB);
    const newer = await finish(mallory, bert, [LARGE], id);
    expect(newer.item("large.bin")?.blocks).toBe(2);
    expect(await older.peer.next("abort")).toMatchObject({ code: "E_BUSY" });
    older.peer.end();
    await older.peer.closed();
    expect(await names(bert)).toEqual(["large.bin"]);
    expect(await bert.ended(id)).toMatchObject({ state: "done" });
  });
});

describe("a person who is asked", () => {
  it("is not asked again for what was accepted, but is for anything else", async () => {
    const { room, bert, mallory } = await open2();
    await using _ = room;
    const id = newTransferId();
    await interrupted(mallory, bert, id);
    const param = { device: mallory.credentials.id };
    await bert.client.call("patch", "/v1/devices/:device", { param, json: { policy: "ask" } });
    const other: Sent = { path: ["other.bin"], content: "x" };
    const peer = await Attempt.offer(mallory, bert, offerOf([other], { id }));
    expect(await peer.next("ask", "accept")).toEqual({ t: "ask" });
    peer.end();
    await peer.closed();
    expect((await finish(mallory, bert, [LARGE], id)).item("large.bin")?.blocks).toBe(2);
  });
});
