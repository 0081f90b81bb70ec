import type { StatsFs } from "node:fs";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Admission } from "../../../src/daemon/incoming/admission.ts";
import { Arrivals } from "../../../src/daemon/incoming/arrivals.ts";
import { Room } from "../../../src/daemon/incoming/room.ts";
import type { Offer } from "../../../src/transfer/incoming.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import { LogLines } from "../../support/log-lines.ts";
import { temporaryDirectories } from "../../support/temporary.ts";
import { device, MB, transfer, Waiting } from "./support/interrupted.ts";

const directory = temporaryDirectories();
const anna = { id: device(1), name: "anna" };
const unpaired = { short: "", claims: "anna", namesake: null };
const FULL = { bavail: 0, blocks: 1_000_000, bsize: 4_096 } as StatsFs; // what is looked at

/** A full disk, on which a file of a megabyte stands that came from anna, and one interrupted transfer of carl's. */
async function fullDisk() {
  const root = await directory();
  const inbox = path.join(root, "inbox");
  await mkdir(inbox);
  const waiting = await Waiting.open(inbox);
  await waiting.add(device(2), 2, 10 * MB);
  const file = path.join(inbox, "a");
  await writeFile(file, Buffer.alloc(MB));
  await utimes(file, 1, 1);
  const arrivals = new Arrivals(path.join(root, "arrived"), new LogLines());
  const facts = { size: MB, mtime: 1_000, executable: false };
  const item = { name: "a", type: "file", as: "a", path: file, root: "0".repeat(64), there: false, facts } as const;
  await arrivals.add({ id: transfer(1), peer: anna, items: [item] }, "");
  const admission = new Admission(
    async () => FULL,
    () => ({ reserve: 0, transfer: 0, entries: 100, parallel: 64 }),
  );
  const { interrupted } = waiting;
  const room = new Room({ admission, interrupted, arrivals, files: new SmallFiles(), inbox: () => inbox });
  return { room, waiting, admission };
}

const offer = (changes: Partial<Offer> = {}): Offer => ({
  t: "offer",
  id: transfer(9),
  entries: 1,
  bytes: MB,
  count: 1,
  items: [{ name: "a", type: "file" }],
  there: true,
  ...changes,
});

describe("room on a full disk", () => {
  it("is there for what is there, and nothing makes way for it", async () => {
    const { room, waiting } = await fullDisk();
    await room.reserve(anna, offer(), 0);
    expect(waiting.reasons).toEqual([]);
  });

  it("is made for it when it has to be written after all, as for everything else", async () => {
    const { room, waiting, admission } = await fullDisk();
    const promised = await room.reserve(anna, offer(), 0);
    await room.write(promised, 0);
    expect(waiting.reasons).toEqual([]);
    await expect(room.write(promised, MB)).rejects.toMatchObject({ code: "E_NO_SPACE" });
    expect(waiting.reasons).toEqual(["E_NO_SPACE"]);
    admission.release(promised);
    expect(admission.running).toBe(0);
  });

  it.each<[string, Partial<Offer>, object]>([
    ["what is larger", { bytes: 2 * MB }, anna],
    ["what is not there", { items: [{ name: "b", type: "file" }] }, anna],
    ["what has to come in any case", { there: false }, anna],
    ["what another device sends", {}, { id: device(3), name: "carl" }],
    ["what a device sends that is not paired any more", {}, { ...anna, unpaired }],
  ])("has to be made for %s", async (_, changes, party) => {
    const { room, waiting } = await fullDisk();
    await expect(room.reserve({ ...anna, ...party }, offer(changes), 0)).rejects.toMatchObject({ code: "E_NO_SPACE" });
    expect(waiting.reasons).toEqual(["E_NO_SPACE"]);
  });
});
