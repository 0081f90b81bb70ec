/** Queued transfers between real daemons: when they go, in which order, and how they end. */

import { readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SendRequest } from "../../src/control/requests.ts";
import type { TransferView } from "../../src/control/schema.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

const HOUR = 60 * 60 * 1_000;

let clock: SkippingClock;
let room: Room;
let anna: TestDaemon;
let bert: TestDaemon;
beforeEach(async () => {
  clock = new SkippingClock();
  room = await Room.open({ clock });
  [anna, bert] = await room.pair();
});
afterEach(() => room[Symbol.asyncDispose]());

const queue = (to: TestDaemon, paths: readonly string[], how: NonNullable<SendRequest["queue"]> = {}) =>
  anna.client.call("post", "/v1/transfers", { json: { peer: to.name, paths: [...paths], queue: how } });
const shown = (id: string) => anna.client.call("get", "/v1/transfers/:id", { param: { id } });
const inState = (id: string, state: TransferView["state"]) =>
  eventually(`${id} ${state}`, async () => {
    const view = await shown(id);
    return view.state === state ? view : undefined;
  });
const control = (what: "pause" | "resume", target: string) =>
  anna.client.call("post", `/v1/transfers/:target/${what}`, { param: { target } });
const cancel = (id: string) => anna.client.call("delete", "/v1/transfers/:id", { param: { id } });
const kept = () => readdir(path.join(anna.state, "outbox"));
const arrived = async () => (await readdir(bert.inbox)).filter((name) => !name.startsWith(".")).sort();
const history = async () => (await anna.client.call("get", "/v1/history", { query: {} })).history.reverse();

/** Files of that content and name. */
const files = (...names: string[]) => Promise.all(names.map((name) => anna.write(name, name)));

describe("a queued transfer", () => {
  it("goes at once to a device that is there", async () => {
    const queued = await queue(bert, await files("a.txt"));
    expect(queued).toMatchObject({
      items: [{ name: "a.txt" }],
      bytes: 5,
      queue: { copied: false },
      sourceChanged: false,
    });
    expect(await anna.ended(queued.id)).toMatchObject({ state: "done", items: [{ as: "a.txt" }] });
    expect(await arrived()).toEqual(["a.txt"]);
    await eventually("nothing kept", async () => ((await kept()).length === 0 ? true : undefined));
    expect(await history()).toMatchObject([{ result: "done", sourceChanged: false }]);
  });

  it("waits for a device that is away, and goes by itself when it comes, in order and once", async () => {
    await bert.stop();
    const ids: string[] = [];
    for (const file of await files("a", "b", "c", "d", "e")) ids.push((await queue(bert, [file])).id);
    await inState(ids[0] ?? "", "queued");
    await eventually("it was tried", async () => (await shown(ids[0] ?? "")).waitingFor ?? undefined);
    await eventually("it is known why", async () =>
      (await shown(ids[0] ?? "")).queue?.why === "away" ? true : undefined,
    );
    const [first, second] = await Promise.all([shown(ids[0] ?? ""), shown(ids[1] ?? "")]);
    expect(first).toMatchObject({ state: "queued", queue: { why: "away" }, waitingFor: { code: "E_UNREACHABLE" } });
    expect(second).toMatchObject({ state: "queued", queue: { why: "behind" }, waitingFor: null });
    await bert.start();
    for (const id of ids) expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect(await arrived()).toEqual(["a", "b", "c", "d", "e"]);
    expect((await history()).map(({ id }) => id)).toEqual(ids);
  });

  it("survives its own daemon, and needs it to be nowhere in between", async () => {
    await bert.stop();
    const { id } = await queue(bert, await files("a"));
    await anna.stop();
    expect(await kept()).toEqual([id]);
    await anna.start();
    expect(await shown(id)).toMatchObject({ items: [{ name: "a" }], bytes: 1, endedAt: null });
    await bert.start();
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect(await arrived()).toEqual(["a"]);
  });

  it("is given up when it has waited for as long as it was to, and not before", async () => {
    await bert.stop();
    const [short, long] = [await queue(bert, await files("a"), { ttl: HOUR }), await queue(bert, await files("b"))];
    await inState(short.id, "queued");
    clock.skip(HOUR - 60_000);
    expect(await shown(short.id)).toMatchObject({ endedAt: null });
    clock.skip(60_000);
    expect(await anna.ended(short.id)).toMatchObject({
      state: "failed",
      error: { code: "E_EXPIRED", message: "not delivered: bert was not ready for it within 1 hour" },
      canRetry: true,
    });
    expect(await history()).toMatchObject([{ id: short.id, result: "failed", error: { code: "E_EXPIRED" } }]);
    expect(await shown(long.id)).toMatchObject({ endedAt: null });
    // Ended for good, whatever comes back.
    await anna.stop();
    await anna.start();
    await bert.start();
    expect(await anna.ended(long.id)).toMatchObject({ state: "done" });
    expect(await arrived()).toEqual(["b"]);
    const retry = () => anna.client.call("post", "/v1/transfers/:id/retry", { param: { id: short.id } });
    const [, again] = await Promise.allSettled([retry(), retry()]);
    expect(again).toMatchObject({
      reason: { code: "E_USAGE", message: expect.stringContaining("cannot be tried again: it ") },
    });
    expect(await anna.ended(short.id)).toMatchObject({ state: "done" });
    expect(await arrived()).toEqual(["a", "b"]);
  });

  it("is sent as it is then, which the history tells", async () => {
    await bert.stop();
    const [file = ""] = await files("a");
    const { id } = await queue(bert, [file]);
    await writeFile(file, "changed since");
    await bert.start();
    expect(await anna.ended(id)).toMatchObject({ state: "done", bytes: 13, sourceChanged: true });
    expect(await readFile(path.join(bert.inbox, "a"), "utf8")).toBe("changed since");
    expect(await history()).toMatchObject([{ sourceChanged: true }]);
  });

  it("fails when its source is gone, and the next one goes on", async () => {
    await bert.stop();
    const [gone = "", other = ""] = await files("a", "b");
    const ids = [(await queue(bert, [gone])).id, (await queue(bert, [other])).id];
    await rm(gone);
    await bert.start();
    expect(await anna.ended(ids[0] ?? "")).toMatchObject({ state: "failed", error: { code: "E_SOURCE_MISSING" } });
    expect(await anna.ended(ids[1] ?? "")).toMatchObject({ state: "done" });
    expect(await arrived()).toEqual(["b"]);
  });

  it("is refused for sources that are not there, for devices that are not known, and for what does not answer", async () => {
    await expect(queue(bert, ["/nowhere/a"])).rejects.toMatchObject({ code: "E_SOURCE_MISSING" });
    const json = { peer: "nobody", paths: await files("a"), queue: {} };
    await expect(anna.client.call("post", "/v1/transfers", { json })).rejects.toMatchObject({ code: "E_NO_PEER" });
    await bert.stop();
    await expect(queue(bert, await files("a"), { reachable: true })).rejects.toMatchObject({ code: "E_UNREACHABLE" });
    expect([await kept(), await history()]).toEqual([[], []]);
  });

  it("is there already the second time, unless it is always to be sent", async () => {
    await bert.stop();
    const paths = await files("a.txt");
    const always = await anna.client.call("post", "/v1/transfers", {
      json: { peer: bert.name, paths, queue: {}, always: true },
    });
    const ids = [always.id, (await queue(bert, paths)).id];
    await bert.start();
    for (const id of ids) expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect(await arrived()).toEqual(["a.txt"]);
    const again = await anna.deliver(bert, paths, { queue: {}, always: true });
    expect(again).toMatchObject({ items: [{ as: "a (1).txt" }] });
  });
});

describe("a copy of what is queued", () => {
  it("is what is sent when the source is gone or changed, and goes when it has been", async () => {
    await bert.stop();
    const [gone = "", changed = ""] = await files("gone.txt", "changed.txt");
    const { id } = await queue(bert, [gone, changed], { copy: true });
    expect(await shown(id)).toMatchObject({
      queue: { copied: true },
      items: [{ name: "gone.txt" }, { name: "changed.txt" }],
    });
    await rm(gone);
    await writeFile(changed, "something else");
    await anna.stop();
    await anna.start();
    await bert.start();
    expect(await anna.ended(id)).toMatchObject({ state: "done", sourceChanged: false });
    expect(await readFile(path.join(bert.inbox, "gone.txt"), "utf8")).toBe("gone.txt");
    expect(await readFile(path.join(bert.inbox, "changed.txt"), "utf8")).toBe("changed.txt");
    await eventually("nothing kept", async () => ((await kept()).length === 0 ? true : undefined));
  });

  it("goes when it is cancelled, and when its time is over: then it cannot be tried again", async () => {
    await bert.stop();
    const paths = await files("a");
    const [first, second] = [
      await queue(bert, paths, { copy: true }),
      await queue(bert, paths, { copy: true, ttl: HOUR }),
    ];
    await cancel(first.id);
    clock.skip(HOUR);
    expect(await anna.ended(first.id)).toMatchObject({ state: "cancelled" });
    expect(await anna.ended(second.id)).toMatchObject({ error: { code: "E_EXPIRED" }, canRetry: false });
    await eventually("nothing kept", async () => ((await kept()).length === 0 ? true : undefined));
  });

  it("is refused when there is no room for it, with nothing left of it", async () => {
    await anna.client.call("put", "/v1/settings/:name", { param: { name: "queue.space" }, json: { value: 4 } });
    await expect(queue(bert, await files("12345"), { copy: true })).rejects.toMatchObject({ code: "E_SPOOL_FULL" });
    expect([await kept(), await history()]).toEqual([[], []]);
  });

  it("says what it leaves out", async () => {
    const inner = await anna.write("d/a.txt", "a");
    await symlink("a.txt", path.join(path.dirname(inner), "link"));
    const { id, skippedCount } = await queue(bert, [path.dirname(inner)], { copy: true });
    expect(skippedCount).toBe(1);
    expect(await anna.ended(id)).toMatchObject({ state: "done", skippedCount: 1 });
  });
});

describe("a user", () => {
  it("pauses what waits and lets it go on, also in another run; others pass it", async () => {
    await bert.stop();
    const first = await queue(bert, await files("a"), { ttl: HOUR });
    const second = await queue(bert, await files("b"));
    expect((await control("pause", first.id.slice(0, 10))).transfers).toMatchObject([
      { id: first.id, state: "paused" },
    ]);
    await anna.stop();
    await anna.start();
    await bert.start();
    expect(await anna.ended(second.id)).toMatchObject({ state: "done" });
    expect(await shown(first.id)).toMatchObject({ state: "paused", queue: { expiresAt: null } });
    clock.skip(2 * HOUR); // for as long as it takes
    expect((await control("resume", first.id)).transfers).toMatchObject([{ id: first.id }]);
    expect(await anna.ended(first.id)).toMatchObject({ state: "done" });
  });

  it("pauses all that goes to a device", async () => {
    await bert.stop();
    const ids = [(await queue(bert, await files("a"))).id, (await queue(bert, await files("b"))).id];
    expect((await control("pause", "bert")).transfers.map(({ id, state }) => [id, state])).toEqual(
      ids.map((id) => [id, "paused"]),
    );
    await bert.start();
    await anna.sees(bert);
    expect((await control("resume", "bert")).transfers.map(({ id }) => id)).toEqual(ids);
    for (const id of ids) expect(await anna.ended(id)).toMatchObject({ state: "done" });
  });

  it("cancels one that waits, and one that is paused", async () => {
    await bert.stop();
    const [first, second, third] = [
      await queue(bert, await files("a")),
      await queue(bert, await files("b")),
      await queue(bert, await files("c")),
    ];
    await control("pause", second.id);
    for (const { id } of [first, second]) {
      await cancel(id);
      expect(await anna.ended(id)).toMatchObject({ state: "cancelled", canRetry: false });
    }
    await bert.start();
    expect(await anna.ended(third.id)).toMatchObject({ state: "done" });
    expect(await arrived()).toEqual(["c"]);
    expect((await history()).map(({ result }) => result)).toEqual(["cancelled", "cancelled", "done"]);
  });

  it("cancels nothing that has been delivered", async () => {
    const { id } = await queue(bert, await files("a"));
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    await expect(cancel(id)).rejects.toMatchObject({ message: `${id} cannot be cancelled: it is done` });
  });

  it("is cancelled for good, also while it is queued again", async () => {
    const [file = ""] = await files("a");
    await bert.stop();
    const { id } = await queue(bert, [file]);
    await rename(file, `${file}.away`);
    await bert.start();
    expect(await anna.ended(id)).toMatchObject({ state: "failed", canRetry: true });
    await rename(`${file}.away`, file);
    const retry = anna.client.call("post", "/v1/transfers/:id/retry", { param: { id } });
    const [again] = await Promise.allSettled([retry, cancel(id)]);
    // Whichever of them came first: what was cancelled is not sent.
    if (again.status === "rejected") expect(again.reason).toMatchObject({ code: "E_USAGE" });
    expect(await anna.ended(id)).toMatchObject({
      canRetry: false,
      state: expect.stringMatching(/^(failed|cancelled)$/),
    });
    expect(await arrived()).toEqual([]);
  });

  it("sees nothing again of what was cancelled, however soon the daemon ends", async () => {
    await bert.stop();
    for (let n = 0; n < 5; n++) {
      await cancel((await queue(bert, await files("a"))).id);
      await anna.stop();
      expect(await kept()).toEqual([]);
      await anna.start();
    }
    expect((await history()).map(({ result }) => result)).toEqual(Array(5).fill("cancelled"));
  });

  it("gives up what waits for a device by not trusting it any more, and is told how much", async () => {
    await bert.stop();
    const ids = [(await queue(bert, await files("a"))).id, (await queue(bert, await files("b"))).id];
    const unpaired = await anna.client.call("delete", "/v1/devices/:device", { param: { device: "bert" } });
    expect(unpaired).toMatchObject({ name: "bert", givenUp: 2 });
    for (const id of ids)
      expect(await anna.ended(id)).toMatchObject({ state: "failed", error: { code: "E_NOT_PAIRED" } });
  });

  it("calls the device otherwise, and it is the same one", async () => {
    await bert.stop();
    const { id } = await queue(bert, await files("a"));
    await anna.client.call("patch", "/v1/devices/:device", { param: { device: "bert" }, json: { name: "nas" } });
    expect(await shown(id)).toMatchObject({ peer: { name: "nas" } });
    await bert.start();
    expect(await anna.ended(id)).toMatchObject({ state: "done", peer: { name: "nas" } });
  });
});
