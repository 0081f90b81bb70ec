/** Queued transfers when the network, the clock, the receiver or the state on disk misbehave. */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { SendRequest } from "../../src/control/requests.ts";
import type { TransferView } from "../../src/control/schema.ts";
import type { DeviceId } from "../../src/core/ids.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { Scene } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import type { RawPeer } from "../support/raw-peer.ts";
import { MiB } from "../support/sizes.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

const HOUR = 60 * 60 * 1_000;
const YEAR = 365 * 24 * HOUR;

/** Its wall clock can be set; its steady one cannot. */
class SettableClock extends SkippingClock {
  ahead = 0;

  override now(): number {
    return super.now() + this.ahead;
  }
}

const queue = (from: TestDaemon, peer: string, paths: readonly string[], how: NonNullable<SendRequest["queue"]> = {}) =>
  from.client.call("post", "/v1/transfers", { json: { peer, paths: [...paths], queue: how } });
const shown = (at: TestDaemon, id: string) => at.client.call("get", "/v1/transfers/:id", { param: { id } });
const inState = (at: TestDaemon, id: string, ...states: TransferView["state"][]) =>
  eventually(`${id} ${states}`, async () => {
    const view = await shown(at, id);
    return states.includes(view.state) ? view : undefined;
  });
const control = (at: TestDaemon, what: "pause" | "resume", target: string) =>
  at.client.call("post", `/v1/transfers/:target/${what}`, { param: { target } });
const cancel = (at: TestDaemon, id: string) => at.client.call("delete", "/v1/transfers/:id", { param: { id } });
const set = (at: TestDaemon, name: string, value: number) =>
  at.client.call("put", "/v1/settings/:name", { param: { name }, json: { value } });
const arrived = async ({ inbox }: TestDaemon) => (await readdir(inbox)).filter((name) => !name.startsWith(".")).sort();
const nothingKept = (at: TestDaemon) =>
  eventually("nothing kept", async () =>
    (await readdir(path.join(at.state, "outbox"))).length === 0 ? true : undefined,
  );

describe("between two daemons, a queued transfer", () => {
  let clock: SettableClock;
  let room: Room;
  let anna: TestDaemon;
  let bert: TestDaemon;
  beforeEach(async () => {
    clock = new SettableClock();
    room = await Room.open({ clock });
    [anna, bert] = await room.pair();
  });
  afterEach(() => room[Symbol.asyncDispose]());

  it("arrives once, however often its device comes and goes", async () => {
    await set(anna, "limits.rate.send", 4 * MiB);
    const ids: string[] = [];
    for (let n = 0; n < 10; n++) {
      ids.push((await queue(anna, "bert", [await anna.write(`${n}.bin`, randomBytes(200_000))])).id);
    }
    for (let n = 0; n < 100; n++) {
      bert.node.unplug();
      await new Promise((resolve) => setTimeout(resolve, n % 7));
      bert.node.plug();
      await new Promise((resolve) => setTimeout(resolve, n % 11));
    }
    for (const id of ids) expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect(await arrived(bert)).toEqual(ids.map((_, n) => `${n}.bin`));
    await nothingKept(anna);
  });

  it.each([
    ["years ahead", 73 * YEAR],
    ["years back", -50 * YEAR],
  ])("does not end because the clock is %s for a while", async (_, jump) => {
    await bert.stop();
    const { id } = await queue(anna, "bert", [await anna.write("a.txt", "a")]);
    await inState(anna, id, "queued");
    clock.ahead = jump; // while it runs,
    clock.skip(2 * 60_000);
    expect(await shown(anna, id)).toMatchObject({ endedAt: null });
    await anna.stop();
    clock.ahead = -jump / 2; // at the next start,
    await anna.start();
    clock.skip(2 * 60_000);
    expect(await shown(anna, id)).toMatchObject({ endedAt: null });
    await anna.stop();
    clock.ahead = 0; // and set right again
    await anna.start();
    clock.skip(2 * 60_000);
    const { queue: told } = await shown(anna, id);
    expect(Date.parse(told?.expiresAt ?? "") - clock.now()).toBeGreaterThan(4 * 24 * HOUR);
    await bert.start();
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
  });

  it("keeps what has arrived while it is paused, also in another run", async () => {
    await set(anna, "limits.rate.send", MiB);
    const content = randomBytes(6 * MiB);
    const { id } = await queue(anna, "bert", [await anna.write("large.bin", content)]);
    await eventually("some of it is there", async () => ((await shown(anna, id)).moved > MiB ? true : undefined));
    expect((await control(anna, "pause", id)).transfers).toMatchObject([{ id, state: "paused" }]);
    expect(await inState(bert, id, "waiting")).toMatchObject({ waitingFor: { code: "E_PAUSED" } });
    await anna.stop();
    await anna.start();
    await set(anna, "limits.rate.send", 0);
    const { moved } = await shown(bert, id);
    expect(await shown(anna, id)).toMatchObject({ state: "paused" });
    await control(anna, "resume", id);
    const done = await anna.ended(id);
    expect(done).toMatchObject({ state: "done" });
    expect(done.resumed).toBeGreaterThanOrEqual(moved);
    expect((await readFile(path.join(bert.inbox, "large.bin"))).equals(content)).toBe(true);
  });

  it("arrives once, however often it is paused and resumed", async () => {
    await set(anna, "limits.rate.send", MiB);
    const content = randomBytes(32 * MiB); // what is on its way when it is paused arrives all the same
    const { id } = await queue(anna, "bert", [await anna.write("a.bin", content)]);
    let changed = 0;
    for (let n = 0; n < 25; n++) {
      const changes = [control(anna, "pause", id), ...(n % 2 === 0 ? [] : [control(anna, "resume", id)])];
      const told = await Promise.allSettled(changes);
      if (told.some(({ status }) => status === "rejected")) break; // it has ended
      changed++;
      await new Promise((resolve) => setTimeout(resolve, n % 9));
      if (n % 2 === 0) await control(anna, "resume", id);
      await new Promise((resolve) => setTimeout(resolve, (n % 5) * 20));
    }
    await set(anna, "limits.rate.send", 0);
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect(changed).toBeGreaterThan(5);
    expect(await arrived(bert)).toEqual(["a.bin"]);
    expect((await readFile(path.join(bert.inbox, "a.bin"))).equals(content)).toBe(true);
    await nothingKept(anna);
  });

  it("is cancelled at any moment, at both ends, and nothing of it stays", async () => {
    await set(anna, "limits.rate.send", MiB / 2);
    const file = await anna.write("large.bin", randomBytes(6 * MiB));
    const endsWell = async (id: string, left: readonly string[] = []) => {
      await cancel(anna, id);
      expect(await anna.ended(id)).toMatchObject({ state: "cancelled", canRetry: false });
      await eventually("nothing of it is kept", async () =>
        `${await readdir(path.join(anna.state, "outbox"))}` === `${left}` ? true : undefined,
      );
    };
    const begun = async () => {
      const { id } = await queue(anna, "bert", [file]);
      await inState(anna, id, "running");
      return id;
    };
    await endsWell((await queue(anna, "bert", [file])).id); // just queued
    const running = await begun();
    await endsWell(running);
    expect(await bert.ended(running)).toMatchObject({ state: "cancelled" });
    const paused = await begun();
    await control(anna, "pause", paused);
    await endsWell(paused);
    const waiting = await begun();
    const behind = (await queue(anna, "bert", [file])).id;
    const stopping = bert.stop();
    clock.skip(6_000); // the time that running ones get
    await stopping;
    await inState(anna, waiting, "waiting");
    await endsWell(waiting, [behind]);
    await inState(anna, behind, "queued");
    await endsWell(behind);
    // What its sender gave up while it was away, bert cannot know.
    await bert.start();
    for (const id of [paused, waiting]) await cancel(bert, id);
    await eventually("nothing at bert", async () =>
      (await bert.client.call("get", "/v1/transfers", { query: {} })).transfers.length === 0 ? true : undefined,
    );
    expect(await arrived(bert)).toEqual([]);
  });

  it("goes by the name of a place where a paired device was met", async () => {
    await anna.deliver(bert, [await anna.write("before.txt", "before")]);
    const place = { name: "box", host: "127.0.0.1", port: bert.port };
    await anna.client.call("post", "/v1/peers", { json: place });
    await bert.stop();
    await eventually("bert is gone", async () =>
      (await anna.client.call("get", "/v1/peers", {})).peers.length === 0 ? true : undefined,
    );
    const { id, peer } = await queue(anna, "box", [await anna.write("a.txt", "a")]);
    expect(peer).toMatchObject({ id: bert.id, name: "bert" });
    await bert.start();
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
  });

  it("goes on beside what is not understood on the disk, which is left there and told", async () => {
    await bert.stop();
    const { id } = await queue(anna, "bert", [await anna.write("a.txt", "a")]);
    await anna.stop();
    const outbox = path.join(anna.state, "outbox");
    const job = await readFile(path.join(outbox, id, "job.json"), "utf8");
    const damaged = {
      aaaaaaaaaaaaaaaa: job.slice(0, -20),
      bbbbbbbbbbbbbbbb: job,
      cccccccccccccccc: "",
      dddddddddddddddd: "{}",
    };
    for (const [name, text] of Object.entries(damaged)) {
      await mkdir(path.join(outbox, name));
      await writeFile(path.join(outbox, name, "job.json"), text);
    }
    await anna.start();
    const status = await anna.client.call("get", "/v1/status", {});
    expect(status.outbox.strangerCount).toBe(4);
    expect(Object.fromEntries(status.outbox.strangers.map(({ path: at, text }) => [path.basename(at), text]))).toEqual({
      aaaaaaaaaaaaaaaa: "it is not JSON",
      bbbbbbbbbbbbbbbb: "it is about another transfer",
      cccccccccccccccc: "it is not JSON",
      dddddddddddddddd: expect.stringMatching(/^it is not a job: /),
    });
    await bert.start();
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    await eventually("the others are left", async () => ((await readdir(outbox)).length === 4 ? true : undefined));
  });
});

describe("to a receiver with a will of its own, queued transfers", () => {
  let scene: Scene;
  let to: DeviceId;
  const clock = new SkippingClock();
  beforeAll(async () => {
    scene = await Scene.open({ clock });
    to = scene.mallory.credentials.id;
  });
  afterEach(() => scene.unharmed());
  afterAll(() => scene[Symbol.asyncDispose]());

  /** The next connection, on which an offer was made. */
  async function called(): Promise<RawPeer> {
    const peer = await scene.mallory.called();
    peer.send(scene.mallory.hello);
    await peer.next("offer");
    return peer;
  }
  const lastOffer = (peer: RawPeer) => peer.messages.findLast(({ t }) => t === "offer");
  /** Takes what is offered, one file, as any receiver would. */
  async function take(peer: RawPeer): Promise<void> {
    peer.send({ t: "accept" });
    await peer.next("done");
    const end = peer.messages.findLast(({ t }) => t === "end");
    peer.send({ t: "saved", items: [{ index: end?.["index"], root: end?.["root"], as: "a" }] }, { t: "complete" });
  }

  it("go one after another over one connection", async () => {
    const { bert } = scene;
    const ids: string[] = [];
    for (const name of ["a", "b", "c"]) ids.push((await queue(bert, to, [await scene.anna.write(name, name)])).id);
    const peer = await called();
    for (const id of ids) {
      expect(lastOffer(peer)).toMatchObject({ id });
      await take(peer);
      if (id !== ids.at(-1)) await peer.next("offer");
    }
    for (const id of ids) expect(await bert.ended(id)).toMatchObject({ state: "done" });
    await peer.closed(); // nothing more to say
  });

  it("wait while it has no room, in their order, and go when it has", async () => {
    const { bert } = scene;
    const first = await queue(bert, to, [await scene.anna.write("a", "a")]);
    const second = await queue(bert, to, [await scene.anna.write("b", "b")]);
    const peer = await called();
    peer.send({ t: "decline", code: "E_NO_SPACE", details: { needs: 1, has: 0 } });
    await peer.closed();
    expect(await inState(bert, first.id, "queued")).toMatchObject({ waitingFor: { code: "E_NO_SPACE" } });
    expect(await shown(bert, second.id)).toMatchObject({ state: "queued", queue: { why: "behind" } });
    clock.skip(1_000);
    const again = await called();
    expect(lastOffer(again)).toMatchObject({ id: first.id });
    await take(again);
    await again.next("offer");
    await take(again);
    for (const { id } of [first, second]) expect(await bert.ended(id)).toMatchObject({ state: "done" });
    await again.closed();
  });

  it("fail when it will not have them, one by one, and the next is asked about all the same", async () => {
    const { bert } = scene;
    const first = await queue(bert, to, [await scene.anna.write("a", "a")]);
    const second = await queue(bert, to, [await scene.anna.write("b", "b")]);
    const peer = await called();
    peer.send({ t: "decline", code: "E_DECLINED", details: { text: "not that" } });
    expect(await bert.ended(first.id)).toMatchObject({
      state: "failed",
      error: { code: "E_DECLINED" },
      canRetry: true,
    });
    await peer.closed();
    const next = await called();
    await take(next);
    expect(await bert.ended(second.id)).toMatchObject({ state: "done" });
    await next.closed();
    // What is tried again goes behind what waits by then.
    await bert.client.call("post", "/v1/transfers/:id/retry", { param: { id: first.id } });
    const again = await called();
    expect(lastOffer(again)).toMatchObject({ id: first.id });
    await take(again);
    expect(await bert.ended(first.id)).toMatchObject({ state: "done" });
    await again.closed();
  });
});
