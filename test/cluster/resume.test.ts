/** Two daemons, a network that fails them, and restarts of either: a transfer that has begun arrives once, and goes on where it was. */

import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import { freePort, Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";
import { TcpProxy } from "../support/proxy.ts";
import { MiB } from "../support/sizes.ts";

/** Content that is flushed on the way, and so survives a crash of either end. */
const SIZE = 130 * MiB;

/** anna sends to bert through a proxy. */
class Line implements AsyncDisposable {
  readonly room: Room;
  readonly anna: TestDaemon;
  readonly bert: TestDaemon;
  readonly proxy: TcpProxy;

  private constructor(room: Room, anna: TestDaemon, bert: TestDaemon, proxy: TcpProxy) {
    this.room = room;
    this.anna = anna;
    this.bert = bert;
    this.proxy = proxy;
  }

  static async open(): Promise<Line> {
    const room = await Room.open();
    const anna = await room.daemon("anna");
    const port = await freePort();
    const proxy = room.use(await TcpProxy.open(port));
    const bert = await room.daemon("bert", { port }, proxy.port);
    await anna.pairWith(bert);
    await anna.sees(bert);
    proxy.begin();
    return new Line(room, anna, bert, proxy);
  }

  /** A file that anna sends, of which bert has `bytes` when this resolves. */
  async under(content: Uint8Array, bytes: number): Promise<{ id: string; source: string }> {
    const source = await this.anna.write("large.bin", content);
    return { id: await this.begun(() => this.anna.send(this.bert, [source]), bytes), source };
  }

  /** The id of what `begin` sends, of which bert has `bytes` when this resolves. */
  async begun(begin: () => Promise<TransferView>, bytes: number): Promise<string> {
    this.proxy.begin({ bytesPerSecond: 50 * MiB }); // the rest takes a second, also on a machine that does not look for so long
    const { id } = await begin();
    await this.see(this.anna, id, ({ moved }) => moved >= bytes);
    this.proxy.begin({ bytesPerSecond: MiB }); // it will not be over before the fault comes
    return id;
  }

  /** Resolves to the transfer at `daemon` when it is as it should be. */
  see(daemon: TestDaemon, id: string, is: (view: TransferView) => boolean): Promise<TransferView> {
    return eventually(
      `${id} at ${daemon.name}`,
      async () => {
        const view = await daemon.client.call("get", "/v1/transfers/:id", { param: { id } }).catch(() => undefined);
        return view !== undefined && is(view) ? view : undefined;
      },
      { everyMs: 5 },
    );
  }

  /** It arrived, once, with this content, and neither end keeps anything of it. */
  async arrived(id: string, content: Buffer): Promise<TransferView> {
    const sent = await this.anna.ended(id);
    expect([sent.state, sent.error]).toEqual(["done", null]);
    expect((await readdir(this.bert.inbox)).filter((name) => name !== ".lanxfer")).toEqual(["large.bin"]);
    expect(content.equals(await readFile(path.join(this.bert.inbox, "large.bin")))).toBe(true);
    for (const daemon of [this.anna, this.bert]) {
      const { history } = await daemon.client.call("get", "/v1/history", { query: {} });
      expect(history.filter((line) => line.id === id).map(({ result }) => result)).toEqual(["done"]);
    }
    await eventually("an empty outbox", async () => {
      return (await readdir(path.join(this.anna.state, "outbox"))).length === 0 || undefined;
    });
    return sent;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.room[Symbol.asyncDispose]();
  }
}

describe("a transfer between two daemons", () => {
  it("goes on after its connection was cut, from what was flushed", async () => {
    await using line = await Line.open();
    const content = randomBytes(SIZE);
    const { id } = await line.under(content, 70 * MiB);
    line.proxy.cutAt({ direction: "there", after: { bytes: 0 }, end: "reset" });
    const waiting = await line.see(line.anna, id, ({ state }) => state === "waiting");
    expect(waiting.waitingFor).toMatchObject({ code: "E_LOST" });
    line.proxy.begin();
    const sent = await line.arrived(id, content);
    expect(sent.resumed).toBeGreaterThanOrEqual(64 * MiB);
  });

  it("goes on after the receiver was restarted", async () => {
    await using line = await Line.open();
    const content = randomBytes(SIZE);
    const { id } = await line.under(content, 70 * MiB);
    const stopping = line.bert.stop();
    line.proxy.cutAt({ direction: "there", after: { bytes: 0 }, end: "reset" });
    await stopping;
    line.proxy.begin();
    await line.bert.start();
    expect((await line.arrived(id, content)).resumed).toBeGreaterThanOrEqual(64 * MiB);
  });

  it("goes on after the sender was restarted", async () => {
    await using line = await Line.open();
    const content = randomBytes(SIZE);
    const { id } = await line.under(content, 70 * MiB);
    line.proxy.fallSilent("there", "back");
    await line.anna.stop(); // gives up after its 5 s
    line.proxy.begin();
    await line.anna.start();
    expect((await line.arrived(id, content)).resumed).toBeGreaterThanOrEqual(64 * MiB);
  });

  it("of what was piped in goes on after the sender was restarted, from the copy that it had made", async () => {
    await using line = await Line.open();
    const content = randomBytes(SIZE);
    const piped = () => line.anna.client.stream({ peer: line.bert.id, name: "large.bin" }, pieces(content));
    const id = await line.begun(piped, 70 * MiB);
    line.proxy.fallSilent("there", "back");
    await line.anna.stop();
    line.proxy.begin();
    await line.anna.start();
    expect((await line.arrived(id, content)).resumed).toBeGreaterThanOrEqual(64 * MiB);
  });

  it("arrives once, wherever on the way back its connection breaks", async () => {
    await using line = await Line.open();
    const content = Buffer.from("hello");
    const source = await line.anna.write("large.bin", content);
    const deliver = async () => {
      const { id } = await line.anna.send(line.bert, [source]);
      const { state } = await line.anna.ended(id);
      const copies = (await readdir(line.bert.inbox)).filter((name) => name !== ".lanxfer");
      for (const name of copies) await rm(path.join(line.bert.inbox, name));
      return { state, copies };
    };
    expect(await deliver()).toEqual({ state: "done", copies: ["large.bin"] });
    const { records } = line.proxy.passed.back;
    const states: string[] = [];
    for (let after = 0; after < records; after++) {
      line.proxy.begin();
      line.proxy.cutAt({ direction: "back", after: { records: after }, end: "reset" });
      const { state, copies } = await deliver();
      expect(copies).toEqual(state === "done" ? ["large.bin"] : []);
      states.push(state);
    }
    // Before a greeting it knocks again, up to its acceptance it fails at once, from then on it goes on.
    expect(states.filter((state, i) => state !== states[i - 1])).toEqual(["done", "failed", "done"]);
  });

  it("ends when its source has changed, and is sent as it is now when the user wants that", async () => {
    await using line = await Line.open();
    const { id, source } = await line.under(randomBytes(SIZE), 70 * MiB);
    const stopping = line.bert.stop();
    line.proxy.cutAt({ direction: "there", after: { bytes: 0 }, end: "reset" });
    await stopping;
    await line.see(line.anna, id, ({ state }) => state === "waiting");
    await writeFile(source, "something else");
    line.proxy.begin();
    await line.bert.start();
    expect(await line.anna.ended(id)).toMatchObject({
      state: "failed",
      error: { code: "E_SOURCE_CHANGED" },
      canRetry: true,
    });
    expect(await readdir(line.bert.inbox)).toEqual([".lanxfer"]);
    await line.anna.client.call("post", "/v1/transfers/:id/retry", { param: { id } });
    expect(await line.anna.ended(id)).toMatchObject({ state: "done", bytes: 14 });
    expect(await readFile(path.join(line.bert.inbox, "large.bin"), "utf8")).toBe("something else");
  });

  it("that the receiver takes no longer goes on from where it was when it does again and the user says so", async () => {
    await using line = await Line.open();
    const content = randomBytes(SIZE);
    const { id } = await line.under(content, 70 * MiB);
    const limit = (value: number) =>
      line.bert.client.call("put", "/v1/settings/:name", { param: { name: "limits.transfer" }, json: { value } });
    await limit(MiB);
    line.proxy.cutAt({ direction: "there", after: { bytes: 0 }, end: "reset" });
    expect(await line.anna.ended(id)).toMatchObject({ state: "failed", error: { code: "E_LIMIT" }, canRetry: true });
    await limit(0);
    line.proxy.begin();
    await line.anna.client.call("post", "/v1/transfers/:id/retry", { param: { id } });
    expect(await line.anna.ended(id)).toMatchObject({ state: "done" });
    expect((await line.see(line.anna, id, () => true)).resumed).toBeGreaterThanOrEqual(64 * MiB);
    expect(content.equals(await readFile(path.join(line.bert.inbox, "large.bin")))).toBe(true);
  });
});

async function* pieces(content: Uint8Array) {
  for (let at = 0; at < content.length; at += MiB) yield content.subarray(at, at + MiB);
}
