/** A daemon that may have few files and sockets open, and one that has none left. */

import { writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { suiteFor } from "../support/privilege.ts";
import { must } from "../support/process.ts";
import { MiB } from "../support/sizes.ts";
import { Arena, reportOf } from "./support/arena.ts";
import { usageOf } from "./support/usage.ts";

/** Of the daemon: fewer would not do for its start, when Node opens all of its modules at once. */
const DESCRIPTORS = 256;

suiteFor(["hosts"])("A daemon with few descriptors", () => {
  let arena: Arena;
  let source: string;
  beforeAll(async () => {
    arena = await Arena.open({ descriptors: DESCRIPTORS });
    source = path.join(arena.hosts.anna.home, "small.bin");
    await writeFile(source, Buffer.alloc(4 * MiB, 1));
    await arena.deliverFor(500);
  });
  afterAll(() => arena?.lan.close());

  it("keeps most of them from strangers, and from programs of its own user that hang", async () => {
    const socket = path.join(arena.bert.place.home, "run", "control.sock");
    const hanging: Socket[] = [];
    for (let n = 0; n < 100; n++) hanging.push(connect(socket).on("error", () => {}));
    const used = () => usageOf(arena.bert.daemon.pid).descriptors;
    await expect.poll(used).toBeGreaterThan(60);
    for (let before = 0; before !== used(); await sleep(200)) before = used();
    const { peak } = await arena.withstand("silent, 256 descriptors", "silent", { count: 400, ms: 2_000 });
    expect(peak.descriptors).toBeLessThan(DESCRIPTORS - 50);
    for (const each of hanging) each.destroy();
    await expect.poll(() => arena.bert.ctl(["status"]), { timeout: 10_000 }).toMatchObject({ code: 0 });
  });

  it("takes as many transfers at once as it has descriptors for, and says so to the others", async () => {
    const sent = await Promise.all(Array.from({ length: 40 }, () => arena.anna.send(arena.bert, [source])));
    const ended = await Promise.all(sent.map(({ id }) => arena.anna.ended(id, 60_000)));
    const done = ended.filter(({ state }) => state === "done").length;
    expect(done).toBeGreaterThanOrEqual(16); // half of an eighth
    expect(ended.flatMap(({ error }) => error?.code ?? [])).toEqual(Array(40 - done).fill("E_BUSY"));
    await arena.clear(done);
  });

  it("that has none left to find out where somebody comes from lives", async () => {
    const { hosts, bert, target } = arena;
    const { pid } = bert.daemon;
    // The system needs a descriptor to name the interface of a link-local address.
    const [, address] = /inet6 (fe80\S+)\//.exec(await must(hosts.bert.namespace.enter(["ip", "-6", "address"]))) ?? [];
    const before = usageOf(pid).descriptors;
    for (const more of [1, 2, 3]) {
      await must(["prlimit", `--pid=${pid}`, `--nofile=${before + more}:${DESCRIPTORS}`]);
      const parameters = { ...target, host: `${address}%eth0`, count: 20, ms: 500 };
      await reportOf(await arena.attack("silent", parameters));
      expect(await arena.anna.ctl(["peers"])).toMatchObject({ code: 0 }); // asks by multicast, over IPv6 too
      await must(["prlimit", `--pid=${pid}`, `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`]);
    }
    expect(bert.daemon.pid).toBe(pid);
    await arena.deliverFor(500);
  });

  it("that has none left lives, and is back as soon as there are some", async () => {
    const { pid } = arena.bert.daemon;
    const limit = (count: number) => must(["prlimit", `--pid=${pid}`, `--nofile=${count}:${DESCRIPTORS}`]);
    const before = usageOf(pid).descriptors;
    const sent = await Promise.all(Array.from({ length: 16 }, () => arena.anna.send(arena.bert, [source])));
    await expect.poll(() => usageOf(pid).descriptors, { interval: 5 }).toBeGreaterThan(before + 2);
    await limit(before); // in the middle of them
    const attack = await arena.attack("silent", { ...arena.target, count: 200, ms: 2_000 });
    await sleep(1_000);
    await limit(DESCRIPTORS);
    const ended = await Promise.all(sent.map(({ id }) => arena.anna.ended(id, 60_000)));
    for (const { error } of ended) if (error !== null) expect(error).toMatchObject({ retryable: true });
    await arena.clear(ended.filter(({ state }) => state === "done").length);
    await reportOf(attack);
    await arena.deliverFor(500);
    expect(await arena.bert.ctl(["status"])).toMatchObject({ code: 0 });
    expect(arena.bert.daemon.pid).toBe(pid);
    await expect.poll(() => usageOf(pid).descriptors, { timeout: 15_000 }).toBeLessThanOrEqual(before + 4);
  });
});
