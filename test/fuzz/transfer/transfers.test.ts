import { mkdir, readdir, realpath, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { localName } from "../../../src/core/names.ts";
import { newCredentials } from "../../support/credentials.ts";
import { HELLO, newTransferId, OpenReceiver, sendTo } from "../../support/ends.ts";
import { RawPeer } from "../../support/raw-peer.ts";
import { KiB, MiB } from "../../support/sizes.ts";
import { temporaryDirectories } from "../../support/temporary.ts";
import { copied, differences, readTree, untouched } from "../../support/tree.ts";

const directory = temporaryDirectories();

const hostile = [
  "..",
  ".",
  "/",
  "\\",
  "a",
  "é",
  "\u0000",
  "\n",
  "\u001b[2J",
  "\u202e",
  "C:",
  " ",
  "-",
  "~",
  "x".repeat(60),
  "🦊",
];
const name = fc.oneof(
  fc.array(fc.constantFrom(...hostile), { minLength: 1, maxLength: 6 }).map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom(".lanxfer", ".bashrc", "CON", "nul.txt", "...", "a:b", "--help", ".git", "aux."),
);

const digestOfNothing = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

describe("names from anybody", () => {
  it("never lead out of the inbox, whatever a whole receiver makes of them", { timeout: 60_000 }, async () => {
    const root = await directory();
    const inbox = path.join(root, "a", "inbox");
    await mkdir(inbox, { recursive: true });
    await writeFile(path.join(root, "a", "neighbour"), "kept");
    await using receiver = await OpenReceiver.open(inbox);
    const outside = (relative: string) => relative === path.join("a", "inbox");
    const before = await readTree(root, outside);

    const names = fc.array(fc.tuple(name, fc.array(name, { maxLength: 3 })), { minLength: 1, maxLength: 5 });
    let landed = 0;
    await fc.assert(
      fc.asyncProperty(names, async (items) => {
        const seen = receiver.outcomes.length;
        await using peer = await RawPeer.connect(receiver.port, { credentials: newCredentials() });
        const entries = items.flatMap(([top, inner]) => [
          { path: [top], type: "folder" },
          ...inner.map((each) => ({ path: [top, each], type: "file" })),
        ]);
        const offer = { id: newTransferId(), entries: entries.length, bytes: 0, count: items.length };
        peer.send(HELLO, { t: "offer", ...offer, items: items.map(([top]) => ({ name: top, type: "folder" })) });
        const answer = await peer.next("accept", "decline", "abort");
        if (answer["t"] === "accept") {
          for (const [index, { path: components, type }] of entries.entries()) {
            peer.send({ t: "entry", index, path: components, type, size: 0, mtime: 0 });
            if (type === "file") peer.send({ t: "end", index, root: digestOfNothing });
          }
          peer.send({ t: "done" });
          await expect.poll(() => receiver.outcomes.length, { interval: 2, timeout: 5_000 }).toBe(seen + 1);
          const outcome = receiver.outcomes.at(-1);
          if (outcome === undefined) landed++;
          else expect(outcome.code).toBe("E_NAME");
        }
        await peer[Symbol.asyncDispose]();
        const found = (await readdir(inbox)).filter((each) => each !== ".lanxfer");
        for (const each of found) {
          expect(path.dirname(await realpath(path.join(inbox, each)))).toBe(inbox);
          expect(each.startsWith(".")).toBe(false);
          expect(localName(each, true)).toBe(each);
        }
      }),
      { numRuns: 150 },
    );
    expect(landed).toBeGreaterThan(10);
    expect(differences(before, await readTree(root, outside), untouched)).toEqual([]);
    await expect.poll(() => readdir(path.join(inbox, ".lanxfer"))).toEqual([]);
  });
});

const honestName = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((each) => {
  try {
    return localName(each, false) === each;
  } catch (error) {
    if (error instanceof LanxferError) return false;
    throw error;
  }
});
const file = fc.record({
  size: fc.constantFrom(0, 1, 100, 64 * KiB, 64 * KiB + 1, MiB - 1, MiB, MiB + 1, 2 * MiB + 7),
  seed: fc.nat(255),
  mtime: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  mode: fc.constantFrom(0o644, 0o755, 0o600),
});
type Node =
  | { name: string; file: { size: number; seed: number; mtime: number; mode: number } }
  | { name: string; inner: Node[] };
const { tree } = fc.letrec<{ tree: Node[] }>((tie) => ({
  tree: fc.uniqueArray(
    fc.oneof(
      { maxDepth: 4 },
      fc.record({ name: honestName, file }),
      fc.record({ name: honestName, inner: tie("tree") }),
    ),
    { maxLength: 6, selector: (node) => node.name },
  ),
}));

async function plant(at: string, nodes: readonly Node[]): Promise<void> {
  await mkdir(at, { recursive: true });
  for (const node of nodes) {
    const place = path.join(at, node.name);
    if ("inner" in node) await plant(place, node.inner);
    else {
      const { size, seed, mtime, mode } = node.file;
      await writeFile(place, Buffer.alloc(size, `${seed} of ${node.name}`), { mode });
      await utimes(place, mtime / 1000, mtime / 1000);
    }
  }
}

describe("trees of any shape", () => {
  it("arrive as they were sent", { timeout: 60_000 }, async () => {
    const root = await directory();
    const inbox = path.join(root, "inbox");
    await mkdir(inbox);
    await using receiver = await OpenReceiver.open(inbox);
    let n = 0;
    await fc.assert(
      fc.asyncProperty(tree, async (nodes) => {
        const source = path.join(root, `tree${n++}`);
        await plant(source, nodes);
        const events = await sendTo(receiver, [source]);
        const saved = events.find((event) => event.type === "saved");
        expect(saved).toMatchObject({ item: 0, as: path.basename(source) });
        expect(events.filter((event) => event.type === "renamed")).toEqual([]);
        const arrived = await readTree(path.join(inbox, path.basename(source)));
        expect(differences(await readTree(source), arrived, copied)).toEqual([]);
      }),
      { numRuns: 40 },
    );
    await expect.poll(() => readdir(path.join(inbox, ".lanxfer"))).toEqual([]);
  });
});
