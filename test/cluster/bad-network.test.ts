/** Transfers over a network that is slow, breaks or falls silent. */

import { randomBytes, randomInt } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import { freePort, Room, type RoomOptions, type TestDaemon } from "../support/daemons.ts";
import { atRest, Invariants } from "../support/invariants.ts";
import { eventually } from "../support/process.ts";
import { type Conditions, type Direction, type End, TcpProxy } from "../support/proxy.ts";
import { KiB, MiB } from "../support/sizes.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

/** anna sends to bert through a proxy: a file and a folder, both small. */
class Line implements AsyncDisposable {
  readonly room: Room;
  readonly anna: TestDaemon;
  readonly bert: TestDaemon;
  readonly proxy: TcpProxy;
  readonly sources: readonly string[];
  readonly invariants: Invariants;

  private constructor(
    room: Room,
    anna: TestDaemon,
    bert: TestDaemon,
    proxy: TcpProxy,
    sources: readonly string[],
    invariants: Invariants,
  ) {
    this.room = room;
    this.anna = anna;
    this.bert = bert;
    this.proxy = proxy;
    this.sources = sources;
    this.invariants = invariants;
  }

  static async open(options: RoomOptions = {}, bytes = 20 * KiB): Promise<Line> {
    const room = await Room.open(options);
    const anna = await room.daemon("anna");
    const port = await freePort();
    const proxy = room.use(await TcpProxy.open(port));
    const bert = await room.daemon("bert", { port }, proxy.port);
    await anna.pairWith(bert);
    await eventually("bert is known by the address that is announced", async () => {
      const { endpoints } = await anna.sees(bert);
      return (endpoints.length === 1 && endpoints[0]?.port === proxy.port) || undefined;
    });
    const sources = [await anna.write("a.bin", randomBytes(bytes)), path.dirname(await anna.write("d/b.txt", "hello"))];
    await writeFile(path.join(bert.inbox, "a.bin"), "bert's own");
    return new Line(room, anna, bert, proxy, sources, await Invariants.watch(bert, ...sources));
  }

  /** Sends everything and resolves to how it ended for anna. */
  deliver(): Promise<TransferView> {
    return this.anna.deliver(this.bert, this.sources);
  }

  /**
   * After a fault all holds, and everything has arrived once: by itself, or, when
   * the fault came before bert had accepted, sent anew. `sent` is how it ended.
   */
  async recovers(sent: TransferView): Promise<void> {
    await atRest(this.anna.client, this.bert.client);
    this.proxy.begin();
    if (sent.state !== "done") {
      expect([...(await this.invariants.check()).values()]).toEqual([[], []]);
      expect(await this.deliver()).toMatchObject({ state: "done", error: null });
    }
    for (const copies of (await this.invariants.check([sent])).values()) expect(copies).toHaveLength(1);
    await this.invariants.nothingStaged();
    await this.invariants.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.room[Symbol.asyncDispose]();
  }

  /** Resolves when the transfer waits for the network at anna's. */
  async interrupted(id: string): Promise<TransferView> {
    return eventually(`the interruption of ${id}`, async () => {
      const view = await this.anna.client.call("get", "/v1/transfers/:id", { param: { id } });
      return view.state === "waiting" ? view : undefined;
    });
  }

  /** Begins to send something large enough to be interrupted, and waits until some of it has arrived. */
  async begun(): Promise<string> {
    this.proxy.begin({ bytesPerSecond: 2 * MiB });
    const { id } = await this.anna.send(this.bert, this.sources);
    await eventually("some of it has arrived", async () => {
      const { transfers } = await this.bert.client.call("get", "/v1/transfers", { query: {} });
      return transfers.some(({ moved }) => moved > 0) || undefined;
    });
    return id;
  }
}

const WAYS: readonly Direction[] = ["there", "back"];
const ENDS: readonly End[] = ["fin", "reset"];

describe("a connection that breaks", () => {
  it.each(WAYS.flatMap((direction) => ENDS.map((end) => [direction, end] as const)))(
    "after any TLS record on its way %s (%s) is made good, and everything is there once",
    async (direction, end) => {
      await using line = await Line.open();
      line.proxy.begin();
      await line.deliver();
      const { records } = line.proxy.passed[direction];
      await line.invariants.clear();
      expect(records).toBeGreaterThan(8);
      for (let after = 0; after < records; after++) {
        line.proxy.begin();
        line.proxy.cutAt({ direction, after: { records: after }, end });
        await line.recovers(await line.deliver());
      }
    },
  );

  it("after any byte is made good, and everything is there once", async () => {
    await using line = await Line.open();
    line.proxy.begin();
    await line.deliver();
    const { passed } = line.proxy;
    await line.invariants.clear();
    const seed = randomInt(2 ** 31);
    const places = WAYS.flatMap((direction) =>
      fc.sample(fc.nat(passed[direction].bytes), { seed, numRuns: 25 }).map((bytes) => ({ direction, bytes })),
    );
    for (const { direction, bytes } of places) {
      line.proxy.begin();
      line.proxy.cutAt({ direction, after: { bytes }, end: bytes % 2 === 0 ? "fin" : "reset" });
      const sent = await line.deliver();
      await line.recovers(sent).catch((cause: unknown) => {
        throw new Error(`cut ${direction} after ${bytes} bytes, seed ${seed}`, { cause });
      });
    }
  });
});

describe("a connection that falls silent", () => {
  const clock = new SkippingClock();

  it.each<[string, readonly Direction[]]>([
    ["on both ways", ["there", "back"]],
    ["on the way there", ["there"]],
    ["on the way back", ["back"]],
  ])("%s is given up by both ends after 30 s", async (_, directions) => {
    await using line = await Line.open({ clock }, 3 * MiB);
    const id = await line.begun();
    line.proxy.fallSilent(...directions);
    // What was on its way may still arrive, and heartbeats of the other way do not stop us.
    for (let i = 0; i < 4; i++) {
      await sleep(100);
      clock.skip(9_000);
    }
    expect((await line.interrupted(id)).waitingFor).toMatchObject({ code: "E_LOST" });
    await atRest(line.bert.client);
    line.proxy.begin();
    await line.recovers(await line.anna.ended(id));
  });

  it("for less than that goes on where it was", async () => {
    await using line = await Line.open({ clock }, 3 * MiB);
    const id = await line.begun();
    line.proxy.fallSilent("there", "back");
    await sleep(100);
    clock.skip(25_000);
    await sleep(100);
    line.proxy.begin();
    expect(await line.anna.ended(id)).toMatchObject({ state: "done", error: null });
    expect([...(await line.invariants.check()).values()].map((copies) => copies.length)).toEqual([1, 1]);
  });

  it("while both machines sleep is given up when they wake, and nothing is thought delivered", async () => {
    await using line = await Line.open({ clock }, 3 * MiB);
    const id = await line.begun();
    line.proxy.fallSilent("there", "back");
    clock.skip(600_000);
    expect((await line.interrupted(id)).waitingFor).toMatchObject({ code: "E_LOST" });
    line.proxy.begin();
    await line.recovers(await line.anna.ended(id));
  });
});

describe("a network that is merely bad", () => {
  it.each<[string, Conditions]>([
    ["passes one byte at a time", { piece: 1 }],
    ["is slow to answer", { delayMs: 200 }],
    ["carries 56 kbit/s", { bytesPerSecond: 7_000 }],
    ["does all of that", { piece: 100, delayMs: 100, bytesPerSecond: 14_000 }],
  ])("that %s delivers all the same", async (_, conditions) => {
    await using line = await Line.open({}, 10 * KiB);
    line.proxy.begin(conditions);
    const sent = await line.deliver();
    expect([sent.state, sent.error]).toEqual(["done", null]);
    expect([...(await line.invariants.check([sent])).values()].map((copies) => copies.length)).toEqual([1, 1]);
  });
});
