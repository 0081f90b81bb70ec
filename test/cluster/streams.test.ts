import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { type ClientRequest, request } from "node:http";
import { createServer } from "node:net";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ControlClient } from "../../src/control/client.ts";
import { API_VERSION, type HistoryView, type TransferView } from "../../src/control/schema.ts";
import { LanxferError, toView } from "../../src/core/errors.ts";
import { VERSION } from "../../src/core/version.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";
import { MiB } from "../support/sizes.ts";

async function* pieces(...all: (string | Uint8Array)[]) {
  for (const one of all) yield Buffer.from(one);
}

const streamed = (from: TestDaemon, to: TestDaemon | string, name: string, ...all: (string | Uint8Array)[]) =>
  from.client.stream({ peer: typeof to === "string" ? to : to.id, name }, pieces(...all));

/** A stream that a test writes to, piece by piece. */
function tap() {
  const waiting: (Buffer | Error | undefined)[] = [];
  let wake = () => {};
  const put = (piece: Buffer | Error | undefined) => {
    waiting.push(piece);
    wake();
  };
  async function* content() {
    for (;;) {
      while (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const piece = waiting.shift();
      if (piece === undefined) return;
      if (piece instanceof Error) throw piece;
      yield piece;
    }
  }
  return { content: content(), write: (text: string) => put(Buffer.from(text)), end: () => put(undefined), fail: put };
}

/** Everything in the outbox of a daemon. */
async function outbox(daemon: TestDaemon): Promise<string[]> {
  try {
    return await readdir(path.join(daemon.state, "outbox"), { recursive: true });
  } catch {
    return outbox(daemon); // something was removed meanwhile
  }
}
const history = async (daemon: TestDaemon): Promise<HistoryView[]> =>
  (await daemon.client.call("get", "/v1/history", { query: {} })).history;
const arrived = async (daemon: TestDaemon) =>
  (await readdir(daemon.inbox)).filter((name) => name !== ".lanxfer").sort();

/** Resolves when the copy of a stream has at least one byte. */
const copying = (daemon: TestDaemon) =>
  eventually("a copy", async () => {
    const file = (await outbox(daemon)).find((name) => name.includes("copy/"));
    const content = file && (await readFile(path.join(daemon.state, "outbox", file)));
    return content?.length ? file : undefined;
  });

const nothingLeft = (daemon: TestDaemon) =>
  eventually("an empty outbox", async () => ((await outbox(daemon)).length === 0 ? true : undefined));

describe("a stream", () => {
  it("arrives as a file of that name, and leaves nothing behind", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const large = randomBytes(5 * MiB + 17);
    const sent = await streamed(anna, bert, "db.sql", large.subarray(0, 11), large.subarray(11));
    const done = await anna.ended(sent.id);
    expect(done).toMatchObject({ state: "done", bytes: large.length, entries: 1 });
    expect(done.items).toMatchObject([{ name: "db.sql", type: "file", as: "db.sql", path: null }]);
    expect(large.equals(await readFile(path.join(bert.inbox, "db.sql")))).toBe(true);
    await nothingLeft(anna);
    expect(await history(anna)).toMatchObject([{ id: sent.id, result: "done", items: [{ name: "db.sql" }] }]);
  });

  it("may be empty", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const sent = await streamed(anna, bert, "empty");
    expect(await anna.ended(sent.id)).toMatchObject({ state: "done", bytes: 0 });
    expect(await arrived(bert)).toEqual(["empty"]);
    await nothingLeft(anna);
  });

  it("is given a free name, and a safe one, by its receiver", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    for (const name of ["a.txt", "a.txt", ".bashrc", "\u202egpj.exe\n"]) {
      await anna.ended((await streamed(anna, bert, name, "x")).id);
    }
    expect(await arrived(bert)).toEqual(["_.bashrc", "_gpj.exe_", "a (1).txt", "a.txt"]);
  });

  it("carries a note and keeps to a rate", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const started = performance.now();
    const sent = await anna.client.stream(
      { peer: bert.id, name: "slow", note: "nightly", rate: 200_000 },
      pieces(randomBytes(300_000)),
    );
    expect(await anna.ended(sent.id)).toMatchObject({ state: "done", note: "nightly" });
    expect(performance.now() - started).toBeGreaterThan(300);
    expect(await history(bert)).toMatchObject([{ note: "nightly" }]);
  });

  it.each([
    ["..", "E_NAME"],
    ["a/b", "E_NAME"],
    ["x".repeat(256), "E_NAME"],
    ["a\0b", "E_NAME"],
    ["", "E_USAGE"],
  ])("is refused by the name %j, before anything is read", async (name, code) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const { content } = tap();
    await expect(anna.client.stream({ peer: bert.id, name }, content)).rejects.toMatchObject({ code });
    expect(await outbox(anna)).toEqual([]);
  });

  it("is refused while nobody is there to take it, before anything is read", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.stop();
    await expect(anna.client.stream({ peer: bert.id, name: "x" }, tap().content)).rejects.toMatchObject({
      code: "E_UNREACHABLE",
    });
    await expect(anna.client.stream({ peer: "zoe", name: "x" }, tap().content)).rejects.toMatchObject({
      code: "E_NO_PEER",
    });
    expect(await outbox(anna)).toEqual([]);
    expect(await history(anna)).toEqual([]);
  });

  it("that does not come to its end is not sent, nor kept", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const input = tap();
    const sending = anna.client.stream({ peer: bert.id, name: "half.sql" }, input.content);
    input.write("half of it");
    await copying(anna);
    input.fail(new LanxferError("E_SOURCE_UNREADABLE", { path: "standard input" }));
    await expect(sending).rejects.toMatchObject({ code: "E_SOURCE_UNREADABLE" });
    await nothingLeft(anna);
    expect(await history(anna)).toEqual([]);
    expect(await arrived(bert)).toEqual([]);
  });

  it.each([
    ["its connection is broken", (asked: ClientRequest) => asked.destroy()],
    ["its connection ends without the end of the body", (asked: ClientRequest) => asked.socket?.end()],
    ["it is no HTTP any more", (asked: ClientRequest) => asked.socket?.write("zz not a chunk")],
  ])("is not sent when %s", async (_, end) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const asked = request({
      socketPath: path.join(anna.home, "run", "control.sock"),
      path: `/v1/streams?peer=${bert.id}&name=half`,
      method: "POST",
      agent: false,
    });
    asked.on("error", () => {});
    asked.write("half of it");
    await copying(anna);
    end(asked);
    await nothingLeft(anna);
    asked.destroy();
    expect(await history(anna)).toEqual([]);
    expect(await arrived(bert)).toEqual([]);
  });

  it("is refused in the middle when there is no more room for it, which is there again afterwards", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await set(anna, "queue.space", 3 * MiB);
    async function* endless() {
      for (;;) yield Buffer.alloc(MiB / 4);
    }
    await expect(anna.client.stream({ peer: bert.id, name: "x" }, endless())).rejects.toMatchObject({
      code: "E_SPOOL_FULL",
      message: "no room on this device to keep what is to be sent: copies may take 3.1 MB together",
    });
    await nothingLeft(anna);
    const fits = await streamed(anna, bert, "x", randomBytes(3 * MiB));
    expect(await anna.ended(fits.id)).toMatchObject({ state: "done" });
    await nothingLeft(anna);
    expect(await arrived(bert)).toEqual(["x"]);
  });

  it("is kept when its transfer fails, also across a restart, and goes when it is sent or cancelled", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await set(anna, "queue.space", 25);
    await set(bert, "limits.transfer", 1);
    const failed: TransferView[] = [];
    for (const name of ["first", "second"]) {
      failed.push(await anna.ended((await streamed(anna, bert, name, "ten bytes!")).id));
    }
    const [first, second] = failed.map(({ id }) => id);
    expect(failed).toMatchObject([
      { state: "failed", canRetry: true, error: { code: "E_LIMIT" } },
      { state: "failed", canRetry: true, error: { code: "E_LIMIT" } },
    ]);
    await expect(streamed(anna, bert, "third", "ten bytes!")).rejects.toMatchObject({ code: "E_SPOOL_FULL" });
    await anna.stop();
    await anna.start();
    await anna.sees(bert);
    await expect(streamed(anna, bert, "third", "ten bytes!")).rejects.toMatchObject({ code: "E_SPOOL_FULL" });
    await set(bert, "limits.transfer", 0);
    await anna.client.call("post", "/v1/transfers/:id/retry", { param: { id: first ?? "" } });
    expect(await anna.ended(first ?? "")).toMatchObject({ state: "done" });
    expect(await readFile(path.join(bert.inbox, "first"), "utf8")).toBe("ten bytes!");
    await eventually("the copy of the first is gone", async () => {
      return (await outbox(anna)).every((name) => !name.startsWith(first ?? "")) || undefined;
    });
    await anna.ended((await streamed(anna, bert, "third", "ten bytes!")).id);
    expect(await arrived(bert)).toEqual(["first", "third"]);
    expect(await readFile(path.join(anna.state, "outbox", second ?? "", "copy", "second"), "utf8")).toBe("ten bytes!");
    await cancelled(anna, second ?? "");
    expect(await anna.ended(second ?? "")).toMatchObject({ state: "failed", canRetry: false });
    await nothingLeft(anna);
    const retried = anna.client.call("post", "/v1/transfers/:id/retry", { param: { id: second ?? "" } });
    await expect(retried).rejects.toMatchObject({ code: "E_USAGE" });
    expect((await streamed(anna, bert, "fills", "x".repeat(25))).id).toHaveLength(16);
  });

  it("that is queued is durable at once, and delivered when its receiver is there", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.stop();
    const queued = await anna.client.stream({ peer: bert.id, name: "x", queue: {} }, pieces("content"));
    expect(queued).toMatchObject({ endedAt: null, bytes: 7, queue: { copied: true } });
    await anna.stop();
    expect((await outbox(anna)).filter((name) => name.startsWith(queued.id)).sort()).toEqual([
      queued.id,
      path.join(queued.id, "copy"),
      path.join(queued.id, "copy", "x"),
      path.join(queued.id, "job.json"),
    ]);
    await anna.start();
    await bert.start();
    expect(await anna.ended(queued.id)).toMatchObject({ state: "done", sourceChanged: false });
    expect(await readFile(path.join(bert.inbox, "x"), "utf8")).toBe("content");
    await nothingLeft(anna);
  });

  it("that waits too long is not kept", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.stop();
    const { id } = await anna.client.stream({ peer: bert.id, name: "x", queue: { ttl: 1_000 } }, pieces("content"));
    expect(await anna.ended(id)).toMatchObject({ state: "failed", canRetry: false, error: { code: "E_EXPIRED" } });
    await nothingLeft(anna);
  });

  it("is refused with a queue that makes no sense, or a receiver that has to be there and is not", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.stop();
    for (const [queue, code] of [
      [{ ttl: 1 }, "E_USAGE"],
      [{ reachable: true }, "E_UNREACHABLE"],
    ] as const) {
      const refused = anna.client.stream({ peer: bert.id, name: "x", queue }, tap().content);
      await expect(refused).rejects.toMatchObject({ code });
    }
    expect(await outbox(anna)).toEqual([]);
  });

  it("is cancelled like any other transfer", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: "anna" }, json: { policy: "ask" } });
    const { id } = await streamed(anna, bert, "x", "content");
    await bert.offer();
    await cancelled(anna, id);
    expect(await anna.ended(id)).toMatchObject({ state: "cancelled", canRetry: false });
    await nothingLeft(anna);
  });

  it("ends when its receiver is not trusted any more", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const input = tap();
    const sending = anna.client.stream({ peer: bert.id, name: "x" }, input.content);
    input.write("some");
    await copying(anna);
    const refused = expect(sending).rejects.toMatchObject({ code: "E_NOT_PAIRED" });
    await anna.client.call("delete", "/v1/devices/:device", { param: { device: "bert" } });
    await refused;
    await nothingLeft(anna);
  });

  it("ends with the daemon, which says so, and leaves nothing for its next start", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const input = tap();
    const sending = anna.client.stream({ peer: bert.id, name: "x" }, input.content);
    input.write("some");
    await copying(anna);
    const refused = expect(sending).rejects.toMatchObject({ code: "E_STOPPING" });
    await anna.stop();
    await refused;
    expect(await outbox(anna)).toEqual([]);
  });
});

describe("a client that streams", () => {
  /** Answers the first request in two pieces, while it goes on to read; what it was asked. */
  async function refusing(socket: string) {
    let asked = "";
    const server = createServer((connection) => {
      connection.on("error", () => {});
      connection.on("data", (data) => {
        const isFirst = asked === "";
        if (asked.length < 10_000) asked += data.toString("latin1");
        if (!isFirst) return;
        const body = JSON.stringify({ error: toView(new LanxferError("E_NO_PEER", { name: "bert" })) });
        const head = `HTTP/1.1 404 Not Found\r\nlanxfer-version: ${VERSION} api=${API_VERSION}`;
        connection.write(`${head}\r\ncontent-length: ${body.length}\r\n\r\n`);
        setTimeout(() => connection.write(body), 100);
      });
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const close = () => new Promise((resolve) => server.close(resolve));
    return { asked: () => asked, [Symbol.asyncDispose]: async () => void (await close()) };
  }

  it("is told why it is refused while it writes: the daemon is asked not to hang up then", async () => {
    await using room = await Room.open();
    const socket = path.join(room.directory, "sock");
    await using server = await refusing(socket);
    async function* endless() {
      for (;;) yield Buffer.alloc(64 * 1024);
    }
    const streaming = new ControlClient(socket, VERSION).stream({ peer: "bert", name: "x" }, endless());
    await expect(streaming).rejects.toMatchObject({ code: "E_NO_PEER" });
    expect(server.asked()).toMatch(/^connection: keep-alive\r$/im);
  });
});

async function cancelled(daemon: TestDaemon, id: string): Promise<void> {
  await daemon.client.call("delete", "/v1/transfers/:id", { param: { id } });
}

async function set(daemon: TestDaemon, name: string, value: unknown): Promise<void> {
  await daemon.client.call("put", "/v1/settings/:name", { param: { name }, json: { value } });
}
