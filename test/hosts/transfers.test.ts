import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Device } from "../support/device.ts";
import { measured } from "../support/measured.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { copied, differences, readTree, type Tree, untouched } from "../support/tree.ts";
import { openPairedTrio, type Trio } from "../support/trio.ts";

const MiB = 1024 * 1024;

suiteFor(["hosts"])("Transfers between hosts", () => {
  let trio: Trio;
  beforeAll(async () => {
    trio = await openPairedTrio();
  });
  afterAll(() => trio?.lan.close());

  it("run in all six directions at once, whole, and touch nothing else", async () => {
    const all = Object.values(trio.devices);
    const routes = all.flatMap((from) => all.filter((to) => to !== from).map((to) => ({ from, to })));
    const sources = await Promise.all(
      routes.map(async ({ from, to }) => {
        const source = path.join(from.place.home, `from ${from.name} to ${to.name}`);
        await makeFolder(source);
        return source;
      }),
    );
    const before = await Promise.all(all.map(outsideOfInbox));

    const started = performance.now();
    const ended = await Promise.all(
      routes.map(({ from, to }, n) => from.ctl(["send", to.name, sources[n] ?? ""], { timeoutMs: 100_000 })),
    );
    measured("six folders of 17 MiB in all directions", performance.now() - started, "no limit");

    for (const result of ended) expect(result).toMatchObject({ code: 0, signal: null });
    for (const [n, { to }] of routes.entries()) {
      const source = sources[n] ?? "";
      const copy = path.join(to.inbox, path.basename(source));
      expect(differences(await readTree(source), await readTree(copy), copied)).toEqual([]);
    }
    for (const [n, device] of all.entries()) {
      const was = before[n] ?? new Map();
      expect(differences(was, await outsideOfInbox(device), untouched)).toEqual([]);
      expect((await visible(device)).sort()).toEqual(
        routes
          .filter(({ to }) => to === device)
          .map(nameOf)
          .sort(),
      );
    }
  });

  it("survive a cable that is out for a moment", async () => {
    const { anna, bert } = trio.devices;
    const source = path.join(anna.place.home, "patience.bin");
    await writeFile(source, randomBytes(24 * MiB));
    await trio.hosts.anna.shape(50); // megabits a second: about 4 s
    const sending = anna.ctl(["send", "bert", source], { timeoutMs: 100_000 });
    await partOf(bert, MiB);
    await trio.hosts.bert.unplug();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await trio.hosts.bert.plug();
    expect(await sending).toMatchObject({ code: 0 });
    await trio.hosts.anna.shape(Infinity);
    expect(await sameFile(source, path.join(bert.inbox, "patience.bin"))).toEqual([]);
  });

  it("go on by themselves when the receiver was killed, and leave no part under a final name before", async () => {
    const { anna, bert } = trio.devices;
    const source = path.join(anna.place.home, "interrupted.bin");
    await writeFile(source, randomBytes(24 * MiB));
    await trio.hosts.anna.shape(50);
    const sending = anna.ctl(["send", "bert", source], { timeoutMs: 100_000 });
    await partOf(bert, MiB);
    await bert.kill();
    expect(await visible(bert)).not.toContain("interrupted.bin");

    await trio.hosts.anna.shape(Infinity);
    await bert.start();
    const sent = await sending;
    expect(sent).toMatchObject({ code: 0 });
    expect(sent.stderr).toMatch(/the connection to bert was lost.*; trying again\ngoing on at \d+%/);
    expect(await sameFile(source, path.join(bert.inbox, "interrupted.bin"))).toEqual([]);
    expect((await visible(bert)).filter((name) => name.startsWith("interrupted"))).toEqual(["interrupted.bin"]);
  });

  it("reach a device at its new address", async () => {
    const { anna, cora } = trio.devices;
    const source = path.join(anna.place.home, "moved.bin");
    await writeFile(source, randomBytes(MiB));
    await trio.hosts.cora.changeAddress("10.77.0.70");
    const changed = performance.now();
    const send = async () => ((await anna.ctl(["send", "cora", source])).code === 0 ? true : undefined);
    await eventually("sent to the new address", send, { timeoutMs: 30_000 });
    measured("address changed → delivered there", performance.now() - changed, "a few seconds");
    expect(await sameFile(source, path.join(cora.inbox, "moved.bin"))).toEqual([]);
    expect(await visible(cora)).not.toContain("moved (1).bin");
  });
});

function nameOf({ from, to }: { readonly from: Device; readonly to: Device }): string {
  return `from ${from.name} to ${to.name}`;
}

/** A folder with what folders have: many small files, a large one, an empty one, a program, odd names. */
async function makeFolder(root: string): Promise<void> {
  await mkdir(path.join(root, "inner", "empty"), { recursive: true });
  for (let n = 0; n < 40; n++) await writeFile(path.join(root, "inner", `${n}.txt`), randomBytes(4096));
  await writeFile(path.join(root, "large.bin"), randomBytes(16 * MiB + 1));
  await writeFile(path.join(root, "nothing"), "");
  await writeFile(path.join(root, "übung ☃.txt"), "in no one's code page\n");
  await writeFile(path.join(root, "run.sh"), "#!/bin/sh\n");
  await chmod(path.join(root, "run.sh"), 0o755);
  await utimes(path.join(root, "nothing"), 1_000_000_000, 1_000_000_000);
}

/** The whole home but inbox and own state of the programs. */
function outsideOfInbox({ place, inbox }: Device): Promise<Tree> {
  const own = new Set([path.relative(place.home, inbox), "config", "state", "run"]);
  return readTree(place.home, (name) => own.has(name));
}

async function visible(device: Device): Promise<string[]> {
  return (await readdir(device.inbox)).filter((name) => !name.startsWith("."));
}

/** Resolves when `device` holds at least `bytes` of something that is not complete. */
async function partOf(device: Device, bytes: number): Promise<void> {
  await eventually("a part at the receiver", async () => {
    const { transfers } = await device.control.call("get", "/v1/transfers", { query: {} });
    return transfers.some(({ state, moved }) => state === "running" && moved >= bytes) ? true : undefined;
  });
}

async function sameFile(source: string, copy: string): Promise<string[]> {
  return differences(await readTree(source), await readTree(copy), copied);
}
