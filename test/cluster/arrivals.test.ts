import { rm } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { InboxQuery } from "../../src/control/requests.ts";
import { type Arrival, arrivals } from "../../src/ctl/arrivals.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

const inboxOf = async (daemon: TestDaemon, query: InboxQuery = {}) =>
  (await daemon.client.call("get", "/v1/inbox", { query })).items.map(({ name }) => name);

/** Follows what arrives at a daemon from now on. */
async function following(daemon: TestDaemon, clock = new SkippingClock()) {
  const told: Arrival[] = [];
  const stop = new AbortController();
  const done = (async () => {
    for await (const arrival of arrivals(daemon.client, clock, stop.signal)) told.push(arrival);
  })();
  done.catch(() => {}); // whoever awaits it is told
  return {
    told,
    done,
    names: () => told.map(({ paths }) => paths.map((each) => path.basename(each))),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done.catch(() => {});
    },
  };
}

/** What has come is to come again. */
const ALWAYS = { always: true };

describe("Arrivals", () => {
  it("are told once each, with all that came together, and not what went the other way or failed", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const [a, b, c] = [await anna.write("a", "1"), await anna.write("b", "22"), await anna.write("c/d", "333")];
    expect(await anna.deliver(bert, [a], ALWAYS)).toMatchObject({ state: "done" });
    await using arriving = await following(bert);
    // Whatever comes first, the look at what was there before or the next arrival: it is told.
    expect(await anna.deliver(bert, [a], ALWAYS)).toMatchObject({ state: "done" });
    await eventually("the first arrival", () => arriving.told[0]);
    expect(await anna.deliver(bert, [a])).toMatchObject({ items: [{ there: true }] }); // nothing has arrived
    expect(await anna.deliver(bert, [a, b, path.dirname(c)], ALWAYS)).toMatchObject({ state: "done" });
    expect(await bert.deliver(anna, [path.join(bert.inbox, "a")])).toMatchObject({ state: "done" });
    await bert.client.call("put", "/v1/settings/:name", { param: { name: "limits.transfer" }, json: { value: 2 } });
    expect(await anna.deliver(bert, [c])).toMatchObject({ state: "failed" });
    expect(await anna.deliver(bert, [b], ALWAYS)).toMatchObject({ state: "done" });
    await eventually("the last arrival", () => arriving.told[2]);
    expect(arriving.names()).toEqual([["a (1)"], ["a (2)", "b", "c"], ["b (1)"]]);
    expect(arriving.told[1]).toMatchObject({ from: { id: anna.id, name: "anna" }, entries: 4, bytes: 6 });
    expect(arriving.told[0]?.paths).toEqual([path.join(bert.inbox, "a (1)")]);
  });

  it("are all told, however quickly they come while somebody begins to listen", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("f", "x");
    const all = Promise.all(Array.from({ length: 20 }, () => anna.deliver(bert, [file], ALWAYS)));
    await using one = await following(bert);
    await using other = await following(bert);
    const states = (await all).map(({ state }) => state);
    expect(states).toEqual(states.map(() => "done"));
    const last = await anna.write("last", "x");
    await anna.deliver(bert, [last]);
    for (const arriving of [one, other]) {
      await eventually("the last arrival", () => arriving.names().find(([name]) => name === "last"));
      const names = arriving.names().flat();
      expect(new Set(names).size).toBe(names.length);
      // What was not there when it began: the newest, without a gap.
      const before = (await inboxOf(bert, { limit: names.length })).reverse();
      expect(names.toSorted()).toEqual(before.toSorted());
    }
  });

  it("are told across restarts of the daemon", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("a", "1");
    await using arriving = await following(bert);
    for (let n = 1; n <= 3; n++) {
      expect(await anna.deliver(bert, [file], ALWAYS)).toMatchObject({ state: "done" });
      await eventually(`arrival ${n}`, () => arriving.told[n - 1]);
      await bert.stop();
      await bert.start();
    }
    expect(arriving.names().flat()).toEqual(["a", "a (1)", "a (2)"]);
  });

  it("end with an error when the daemon stays away", async () => {
    await using room = await Room.open();
    const bert = await room.daemon("bert");
    const clock = new SkippingClock();
    await using arriving = await following(bert, clock);
    const gone = expect(arriving.done).rejects.toMatchObject({ code: "E_DAEMON_DOWN" });
    await bert.stop();
    await eventually("it is noticed", () => {
      clock.skip(1_000);
      return arriving.done.then(undefined, () => true);
    });
    await gone;
  });
});

describe("The inbox", () => {
  it("is listed the newest first, of one device or of all, without what is gone", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const cleo = await room.daemon("cleo");
    await cleo.pairWith(bert);
    await anna.deliver(bert, [await anna.write("a", "1")]);
    await cleo.deliver(bert, [await cleo.write("c", "1")]);
    await anna.deliver(bert, [await anna.write("b", "1"), await anna.write("bb", "1")]);
    expect(await inboxOf(bert)).toEqual(["b", "bb", "c", "a"]);
    expect(await inboxOf(bert, { limit: 1 })).toEqual(["b"]);
    expect(await inboxOf(bert, { from: "cleo" })).toEqual(["c"]);
    expect(await inboxOf(bert, { from: anna.id.slice(0, 8), limit: 3 })).toEqual(["b", "bb", "a"]);
    await rm(path.join(bert.inbox, "b"));
    await rm(path.join(bert.inbox, "bb"));
    expect(await inboxOf(bert, { limit: 1 })).toEqual(["c"]);
    expect(await inboxOf(bert, { from: "anna", limit: 1 })).toEqual(["a"]);
    await expect(inboxOf(bert, { from: "zoe" })).rejects.toMatchObject({ code: "E_NO_DEVICE" });
  });

  it("takes a name that became free for what came last under it", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const cleo = await room.daemon("cleo");
    await cleo.pairWith(bert);
    await anna.deliver(bert, [await anna.write("x", "anna")]);
    await rm(path.join(bert.inbox, "x"));
    await cleo.deliver(bert, [await cleo.write("x", "cleo")]);
    expect(await inboxOf(bert)).toEqual(["x"]);
    expect(await inboxOf(bert, { from: "anna" })).toEqual([]);
  });
});
