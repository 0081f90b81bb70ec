/** What happens at the same time: many senders of one name, and a user who tidies up meanwhile. */

import { mkdir, readdir, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Room } from "../support/daemons.ts";
import { atRest, Invariants } from "../support/invariants.ts";
import { entryFrames, Mallory, offerOf, type Sent } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import { MiB } from "../support/sizes.ts";

const SENDERS = 50;

describe("many senders at once", () => {
  it("of files of one name all get a name of their own", { timeout: 60_000 }, async () => {
    await using room = await Room.open();
    const bert = await room.daemon("bert");
    const senders = await Promise.all(
      Array.from({ length: SENDERS }, async (_, i) => {
        const sender = await room.daemon(`s${i}`);
        await sender.pairWith(bert);
        return sender;
      }),
    );
    const sent = await Promise.all(
      senders.map(async (sender) => sender.deliver(bert, [await sender.write("a.txt", sender.name)])),
    );
    expect(new Set(sent.map(({ state }) => state))).toEqual(new Set(["done"]));
    // Each was told the name under which its own content is.
    for (const [i, { items }] of sent.entries()) {
      expect(await readFile(path.join(bert.inbox, items[0]?.as ?? ""), "utf8")).toBe(`s${i}`);
    }
    expect((await readdir(bert.inbox)).filter((name) => name !== ".lanxfer")).toHaveLength(SENDERS);
  });
});

describe("a sender who gives up while it is being accepted", () => {
  it("is understood, whenever that is", async () => {
    await using room = await Room.open();
    const bert = await room.daemon("bert");
    const mallory = room.use(await Mallory.open());
    await mallory.pairWith(bert);
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    for (let turns = 0; turns < 60; turns++) {
      const peer = await mallory.greet(bert);
      peer.send(offerOf([{ path: ["a.txt"], content: "hello" }]));
      for (let n = 0; n < turns; n++) await turn();
      peer.send({ t: "abort", code: "E_CANCELLED_BY_PEER" });
      peer.end();
      await peer.closed();
    }
    await atRest(bert.client);
    const { transfers } = await bert.client.call("get", "/v1/transfers", { query: { all: "true" } });
    expect(new Set(transfers.map(({ error }) => error?.code))).toEqual(new Set(["E_CANCELLED_BY_PEER"]));
  });
});

const A = Buffer.alloc(2 * MiB, 1);
const B = Buffer.alloc(MiB + 17, 2);
const ENTRIES: readonly Sent[] = [
  { path: ["a.bin"], content: A },
  { path: ["d"] },
  { path: ["d", "b.bin"], content: B },
];
/** Frames after which a.bin, or d/b.bin, has its first block. */
const IN_THE_FILE = 2;
const IN_THE_FOLDER = 7;

interface Places {
  readonly inbox: string;
  /** Of the transfer that is under way. */
  readonly staging: string;
  /** Somewhere else, where somebody keeps something. */
  readonly elsewhere: string;
}

/** What a user, or a program that tidies up, may do to our staging meanwhile. */
const MEDDLING: readonly [string, (places: Places) => Promise<void>][] = [
  ["everything hidden is removed", ({ inbox }) => rm(path.join(inbox, ".lanxfer"), { recursive: true })],
  ["what is staged is removed", ({ staging }) => rm(staging, { recursive: true })],
  [
    "what is staged is emptied",
    async ({ staging }) => {
      for (const name of await readdir(staging)) await rm(path.join(staging, name), { recursive: true });
    },
  ],
  ["what is staged is renamed", ({ staging }) => rename(staging, `${staging}.bak`)],
  [
    "the parts are renamed",
    async ({ staging }) => {
      for (const name of await readdir(staging))
        await rename(path.join(staging, name), path.join(staging, `${name}.bak`));
    },
  ],
  [
    "staging becomes a link to elsewhere",
    async ({ staging, elsewhere }) => {
      await rename(staging, `${staging}.bak`);
      await symlink(elsewhere, staging);
    },
  ],
  [
    "the parts are replaced",
    async ({ staging }) => {
      for (const name of await readdir(staging)) {
        await rm(path.join(staging, name), { recursive: true });
        await writeFile(path.join(staging, name), "not what was sent");
      }
    },
  ],
  [
    "the parts become links to elsewhere",
    async ({ staging, elsewhere }) => {
      for (const name of await readdir(staging)) {
        await rm(path.join(staging, name), { recursive: true });
        await symlink(elsewhere, path.join(staging, name));
      }
    },
  ],
  ["the inbox is moved away", ({ inbox }) => rename(inbox, `${inbox}.old`)],
  [
    "the inbox is another one",
    async ({ inbox }) => {
      await rename(inbox, `${inbox}.old`);
      await mkdir(inbox);
    },
  ],
];

describe.each([
  ["a file", IN_THE_FILE, MEDDLING],
  ["a folder", IN_THE_FOLDER, MEDDLING],
])("while %s is being received", (_, frames, meddling) => {
  it.each(meddling)("%s: nothing else is touched, and nothing incomplete appears", async (_, meddle) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const mallory = room.use(await Mallory.open());
    await mallory.pairWith(bert);
    const elsewhere = path.join(bert.home, "elsewhere");
    await mkdir(path.join(elsewhere, "d"), { recursive: true });
    for (const name of ["0", "1", "a.bin", "d/b.bin"]) await writeFile(path.join(elsewhere, name), "precious");
    const sources = await asFiles(path.join(room.directory, "sent"));
    const invariants = await Invariants.watch(bert, ...sources);

    const peer = await mallory.accepted(bert, offerOf(ENTRIES));
    const all = entryFrames(ENTRIES);
    for (const frame of all.slice(0, frames)) peer.sendBytes(frame);
    await eventually("all of that is here", async () => {
      const { transfers } = await bert.client.call("get", "/v1/transfers", { query: {} });
      return transfers.some(({ moved }) => moved === (frames === IN_THE_FILE ? MiB : A.length + MiB)) || undefined;
    });
    const [own = ""] = await invariants.staged();
    const staging = path.join(bert.inbox, ".lanxfer", own);
    await meddle({ inbox: bert.inbox, staging, elsewhere });
    for (const frame of all.slice(frames)) peer.sendBytes(frame);
    const outcome = await peer.next("complete", "abort");
    if (outcome["t"] === "abort") expect(outcome).toMatchObject({ code: "E_INBOX" });
    expect(JSON.stringify(outcome)).not.toContain("have that name already");
    peer.end();
    await peer.closed();
    await atRest(bert.client);
    await restore(bert.inbox, staging);
    await invariants.check();
    await invariants.clear();
    await rm(path.join(bert.inbox, ".lanxfer"), { recursive: true, force: true });
    expect(await anna.deliver(bert, [await anna.write("proof.txt", "works")])).toMatchObject({ state: "done" });
  });
});

/** Puts back what was moved away. */
async function restore(inbox: string, staging: string): Promise<void> {
  const moved = await readdir(`${inbox}.old`).catch(() => undefined);
  if (moved !== undefined) {
    expect(await readdir(inbox).catch(() => [])).toEqual([]); // nothing came into the other one
    await rm(inbox, { recursive: true, force: true });
    await rename(`${inbox}.old`, inbox);
  }
  await rm(`${staging}.bak`, { recursive: true, force: true });
}

/** What is sent, as files; resolves to the paths of the top-level ones. */
async function asFiles(root: string): Promise<string[]> {
  await mkdir(path.join(root, "d"), { recursive: true });
  await writeFile(path.join(root, "a.bin"), A);
  await writeFile(path.join(root, "d/b.bin"), B);
  for (const name of ["a.bin", "d/b.bin", "d"]) await utimes(path.join(root, name), 0, 0);
  return [path.join(root, "a.bin"), path.join(root, "d")];
}
