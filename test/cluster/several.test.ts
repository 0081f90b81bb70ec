/** One command that sends to several devices, between real daemons. */

import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { GroupResult } from "../../src/control/schema.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";

async function sendTo(from: TestDaemon, peer: string, paths: string[]): Promise<GroupResult[]> {
  return (await from.client.call("post", "/v1/transfer-groups", { json: { peer, paths } })).results;
}

async function ends(of: TestDaemon, results: readonly GroupResult[]): Promise<string[]> {
  const states = results.map(({ transfer, error }) =>
    transfer === null
      ? Promise.resolve(error.code)
      : eventually(`the end of ${transfer.id}`, async () => {
          const view = await of.client.call("get", "/v1/transfers/:id", { param: { id: transfer.id } });
          return view.endedAt === null ? undefined : `${view.peer.name} ${view.error?.code ?? view.state}`;
        }),
  );
  return Promise.all(states);
}

async function trio(room: Room): Promise<[anna: TestDaemon, bert: TestDaemon, cora: TestDaemon]> {
  const [anna, bert] = await room.pair();
  const cora = await room.daemon("cora");
  await anna.pairWith(cora);
  await anna.sees(cora);
  return [anna, bert, cora];
}

describe("Sending to several devices", () => {
  it("brings all of it to each of them, whole", async () => {
    await using room = await Room.open();
    const [anna, bert, cora] = await trio(room);
    const content = Buffer.alloc(5_000_000, "0123456789");
    const paths = [await anna.write("large.bin", content), await anna.write("small.txt", "hello")];
    const results = await sendTo(anna, "bert, cora,bert", paths);
    expect(await ends(anna, results)).toEqual(["bert done", "cora done"]);
    for (const { inbox } of [bert, cora]) {
      expect((await readFile(path.join(inbox, "large.bin"))).equals(content)).toBe(true);
      expect(await readFile(path.join(inbox, "small.txt"), "utf8")).toBe("hello");
    }
  });

  it("gives each its own result", async () => {
    await using room = await Room.open();
    const [anna, bert, cora] = await trio(room);
    await cora.stop();
    const results = await sendTo(anna, "bert,cora", [await anna.write("a.txt", "hello")]);
    expect(await ends(anna, results)).toEqual(["bert done", "cora E_UNREACHABLE"]);
    expect(await readFile(path.join(bert.inbox, "a.txt"), "utf8")).toBe("hello");
  });

  it("begins nothing when one of the names is wrong", async () => {
    await using room = await Room.open();
    const [anna] = await trio(room);
    const file = await anna.write("a.txt", "hello");
    await expect(sendTo(anna, "bert,dora", [file])).rejects.toMatchObject({ code: "E_NO_PEER" });
    await expect(sendTo(anna, "bert,,cora", [file])).rejects.toMatchObject({ code: "E_USAGE" });
    await expect(sendTo(anna, Array(33).fill("bert").join(), [file])).rejects.toMatchObject({ code: "E_USAGE" });
    expect((await anna.client.call("get", "/v1/transfers", { query: { all: "true" } })).transfers).toEqual([]);
  });
});
