import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { shortId } from "../../../src/core/ids.ts";
import { openTrustStore, type TrustEvent, type TrustStore } from "../../../src/identity/trust-store.ts";
import { differences, readTree, untouched } from "../../support/tree.ts";
import { movableClock } from "./support/clock.ts";
import { directories, failure, listing } from "./support/directory.ts";
import { idOf } from "./support/ids.ts";

const directory = directories();
const clock = movableClock();
const alice = { id: idOf("alice"), name: "alice" };
const bob = { id: idOf("bob"), name: "bob" };

const fileIn = (dir: string) => path.join(dir, "devices.json");
const backupIn = (dir: string) => path.join(dir, "devices.json.bak");

async function opened(): Promise<{ dir: string; store: TrustStore }> {
  const dir = await directory();
  return { dir, store: await openTrustStore(dir, clock) };
}

describe("a new list", () => {
  it("trusts nobody and leaves nothing on disk", async () => {
    const { dir, store } = await opened();
    expect(store.list()).toEqual([]);
    expect(store.get(alice.id)).toBeUndefined();
    expect(await listing(dir)).toEqual([]);
  });
});

describe("pairing", () => {
  it("adds a device that may send, under the name it announced, for this start and the next", async () => {
    const { dir, store } = await opened();
    const device = await store.pair(alice);
    expect(device).toEqual({ ...alice, policy: "auto", since: clock.now() });
    expect(store.get(alice.id)).toEqual(device);
    await store.pair(bob);
    expect((await openTrustStore(dir, clock)).list()).toEqual(store.list());
    expect(store.list().map(({ name }) => name)).toEqual(["alice", "bob"]);
  });

  it("writes a list that only this user can read, a copy of it, and nothing else", async () => {
    const { dir, store } = await opened();
    await store.pair(alice);
    expect(await listing(dir)).toEqual(["devices.json", "devices.json.bak"]);
    for (const file of [fileIn(dir), backupIn(dir)]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(backupIn(dir), "utf8")).toBe(await readFile(fileIn(dir), "utf8"));
  });

  it("numbers a name that another device has, so that a name means one device", async () => {
    const { store } = await opened();
    await store.pair(alice);
    expect((await store.pair({ id: idOf(2), name: "alice" })).name).toBe("alice (2)");
    expect((await store.pair({ id: idOf(3), name: "ALICE" })).name).toBe("ALICE (3)");
  });

  it("again keeps petname, policy and date, whatever the device announces now", async () => {
    const { dir, store } = await opened();
    await store.pair(bob);
    await store.pair(alice);
    await store.rename(alice.id, "laptop");
    const blocked = await store.setPolicy(alice.id, "block");
    clock.pass(60_000);
    const before = await readTree(dir);
    expect(await store.pair({ id: alice.id, name: "bob" })).toEqual(blocked);
    expect(differences(before, await readTree(dir), untouched)).toEqual([]);
  });

  it("of many at once loses none and names no two alike", async () => {
    const { dir, store } = await opened();
    await Promise.all(Array.from({ length: 50 }, (_, n) => store.pair({ id: idOf(n), name: "camera" })));
    const devices = (await openTrustStore(dir, clock)).list();
    expect(devices).toHaveLength(50);
    expect(new Set(devices.map(({ name }) => name)).size).toBe(50);
    expect(await listing(dir)).toEqual(["devices.json", "devices.json.bak"]);
  });

  it("stops at 1,000 devices with a way out, and goes on when one was unpaired", async () => {
    const dir = await directory();
    const devices = Array.from({ length: 1_000 }, (_, n) => ({ id: idOf(n), name: `d${n}`, policy: "auto", since: 0 }));
    await writeFile(fileIn(dir), JSON.stringify({ version: 1, devices }));
    const store = await openTrustStore(dir, clock);
    const error = await failure(store.pair(alice));
    expect(error.code).toBe("E_STATE");
    expect(error.message).toMatch(/1000 devices already \(unpair/);
    expect((await store.pair({ id: idOf(7), name: "known" })).name).toBe("d7");
    await store.unpair(idOf(7));
    await store.pair(alice);
    expect(store.list()).toHaveLength(1_000);
  });
});

describe("a paired device", () => {
  it("can be renamed, but not to a name that another device has or that is none", async () => {
    const { dir, store } = await opened();
    await store.pair(alice);
    await store.pair(bob);
    expect((await store.rename(alice.id, "Alice's laptop")).name).toBe("Alice's laptop");
    expect((await store.rename(alice.id, "alice")).name).toBe("alice");
    expect((await store.rename(alice.id, "Alice")).name).toBe("Alice");
    for (const name of ["bob", "BOB", "", "a\nb", bob.id, "x".repeat(64)]) {
      expect((await failure(store.rename(alice.id, name))).code).toBe("E_USAGE");
    }
    expect((await failure(store.rename(alice.id, "bob"))).message).toContain(shortId(bob.id));
    expect((await openTrustStore(dir, clock)).get(alice.id)?.name).toBe("Alice");
  });

  it("keeps its policy across a restart", async () => {
    const { dir, store } = await opened();
    await store.pair(alice);
    for (const policy of ["ask", "block", "auto"] as const) {
      await store.setPolicy(alice.id, policy);
      expect((await openTrustStore(dir, clock)).get(alice.id)?.policy).toBe(policy);
    }
  });

  it("is forgotten when it is unpaired, in the copy as well", async () => {
    const { dir, store } = await opened();
    await store.pair(alice);
    await store.pair(bob);
    expect((await store.unpair(alice.id)).name).toBe("alice");
    expect(store.list().map(({ id }) => id)).toEqual([bob.id]);
    expect(await readFile(backupIn(dir), "utf8")).not.toContain(alice.id);
    expect((await openTrustStore(dir, clock)).get(alice.id)).toBeUndefined();
  });

  it("must be one: others are E_NO_DEVICE", async () => {
    const { dir, store } = await opened();
    const tries = [store.unpair(alice.id), store.rename(alice.id, "x"), store.setPolicy(alice.id, "ask")];
    for (const attempt of tries) {
      const error = await failure(attempt);
      expect(error.code).toBe("E_NO_DEVICE");
      expect(error.details).toEqual({ name: shortId(alice.id) });
    }
    expect(await listing(dir)).toEqual([]);
  });
});

describe("who listens", () => {
  it("is told of each change after it was made, once, and of nothing that did not change", async () => {
    const { store } = await opened();
    const seen: string[] = [];
    const stop = store.subscribe(({ change, device }: TrustEvent) => {
      // A transfer that is cut off on `unpaired` must not find the device trusted any more.
      expect(store.get(device.id)).toEqual(change === "unpaired" ? undefined : device);
      seen.push(`${change} ${device.name} ${device.policy}`);
    });
    await store.pair(alice);
    await store.pair(alice);
    await store.rename(alice.id, "alice");
    await store.rename(alice.id, "al");
    await store.setPolicy(alice.id, "ask");
    await store.setPolicy(alice.id, "ask");
    await store.unpair(alice.id);
    await failure(store.unpair(alice.id));
    stop();
    await store.pair(bob);
    expect(seen).toEqual(["paired alice auto", "changed al auto", "changed al ask", "unpaired al ask"]);
  });
});

describe("a list that cannot be written", () => {
  it("fails the change and leaves memory, disk and listeners as they were; later changes succeed", async () => {
    const { dir, store } = await opened();
    await store.pair(alice);
    const before = await readTree(dir);
    const events: TrustEvent[] = [];
    store.subscribe((event) => events.push(event));
    const text = await readFile(fileIn(dir), "utf8");
    // A directory in the way: rename cannot replace it, for root neither.
    await rm(fileIn(dir));
    await mkdir(fileIn(dir));
    for (const change of [() => store.pair(bob), () => store.unpair(alice.id), () => store.rename(alice.id, "x")]) {
      const error = await failure(change());
      expect(error.code).toBe("E_STATE");
      expect(error.details["path"]).toBe(fileIn(dir));
    }
    expect(store.list().map(({ name }) => name)).toEqual(["alice"]);
    expect(events).toEqual([]);
    await rm(fileIn(dir), { recursive: true });
    await writeFile(fileIn(dir), text, { mode: 0o600 });
    expect([...(await readTree(dir)).keys()]).toEqual([...before.keys()]);
    await store.pair(bob);
    expect((await openTrustStore(dir, clock)).list()).toHaveLength(2);
  });

  it("keeps no old copy when only the copy cannot be written", async () => {
    const { dir, store } = await opened();
    await store.pair(alice);
    await rm(backupIn(dir));
    await mkdir(path.join(backupIn(dir), "in the way"), { recursive: true });
    await store.unpair(alice.id);
    expect((await openTrustStore(dir, clock)).list()).toEqual([]);
    expect(await listing(dir)).toEqual(["devices.json", "devices.json.bak"]);
  });
});
