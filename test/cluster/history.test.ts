/** What both ends write down of what has ended, and how it is asked for. */

import { randomBytes } from "node:crypto";
import { appendFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { HistoryQuery } from "../../src/control/requests.ts";
import type { HistoryView } from "../../src/control/schema.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { rootOf } from "../support/root.ts";
import { MiB } from "../support/sizes.ts";

async function historyOf(daemon: TestDaemon, query: HistoryQuery = {}): Promise<HistoryView[]> {
  return (await daemon.client.call("get", "/v1/history", { query })).history;
}

describe("the history of a transfer", () => {
  it("has the root of each file at both ends, and none of a folder", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const content = randomBytes(2 * MiB + 5);
    const paths = [
      await anna.write("large.bin", content),
      await anna.write("empty", ""),
      path.dirname(await anna.write("folder/a", "a")),
    ];
    await anna.deliver(bert, paths);
    const roots = [rootOf(content), rootOf(Buffer.alloc(0)), null];
    for (const daemon of [anna, bert]) {
      const [line] = await historyOf(daemon);
      expect(line?.items.map(({ root }) => root)).toEqual(roots);
      expect(line).toMatchObject({ count: 3, entries: 4, hook: null, sourceChanged: false });
    }
  });

  it("has every one of a hundred files with its name, although an offer lists fewer", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const names = Array.from({ length: 100 }, (_, n) => `${n}.txt`);
    const paths = await Promise.all(names.map((name) => anna.write(name, name)));
    await anna.deliver(bert, paths);
    for (const daemon of [anna, bert]) {
      const [line] = await historyOf(daemon);
      expect(line?.count).toBe(100);
      expect(line?.items.map(({ as }) => as).sort()).toEqual(names.toSorted());
    }
    const [received] = await historyOf(bert);
    expect(received?.items.every((item) => item.path === path.join(bert.inbox, item.as ?? ""))).toBe(true);
  });

  it("can be asked for by device, also one that is not paired any more, and by time", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const carl = await room.daemon("carl");
    await anna.pairWith(carl);
    const file = await anna.write("a.txt", "a");
    await anna.deliver(bert, [file]);
    const before = Date.now();
    await anna.deliver(carl, [file]);
    await anna.deliver(bert, [file]);
    const peers = async (query: HistoryQuery) => (await historyOf(anna, query)).map(({ peer }) => peer.name);
    expect(await peers({})).toEqual(["bert", "carl", "bert"]);
    expect(await peers({ peer: "bert" })).toEqual(["bert", "bert"]);
    expect(await peers({ peer: "bert", limit: 1 })).toEqual(["bert"]);
    expect(await peers({ peer: carl.id.slice(0, 12) })).toEqual(["carl"]);
    expect(await peers({ peer: "nobody" })).toEqual([]);
    expect(await peers({ since: before })).toEqual(["bert", "carl"]);
    await anna.client.call("delete", "/v1/devices/:device", { param: { device: "bert" } });
    expect(await peers({ peer: "bert" })).toEqual(["bert", "bert"]);
  });

  it("is told with the number of lines that are damaged, which the status knows, too", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const file = await anna.write("a.txt", "a");
    await anna.deliver(bert, [file]);
    await appendFile(path.join(anna.state, "history.jsonl"), '{"v":1,"at":\n\0\0\0\n');
    await anna.stop();
    await anna.start();
    await anna.deliver(bert, [file]);
    const { history, damaged } = await anna.client.call("get", "/v1/history", { query: {} });
    expect([history.length, damaged]).toEqual([2, 2]);
    const status = await anna.client.call("get", "/v1/status", {});
    expect(status.history).toMatchObject({ damaged: 2 });
    expect(status.history.bytes).toBeGreaterThan(400);
  });
});
