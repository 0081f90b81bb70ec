/** Rates that users set, between real daemons: kept, shared, and changed while transfers run. */

import { describe, expect, it } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";

const MB = 1_000_000;

async function begin(from: TestDaemon, to: TestDaemon, path: string, rate?: number): Promise<TransferView> {
  return from.client.call("post", "/v1/transfers", {
    json: { peer: to.name, paths: [path], ...(rate !== undefined && { rate }) },
  });
}

function view(of: TestDaemon, { id }: TransferView): Promise<TransferView> {
  return of.client.call("get", "/v1/transfers/:id", { param: { id } });
}

async function movedIn(of: TestDaemon, transfer: TransferView, ms: number): Promise<number> {
  const { moved } = await view(of, transfer);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return (await view(of, transfer)).moved - moved;
}

const set = (at: TestDaemon, name: string, value: number) =>
  at.client.call("put", "/v1/settings/:name", { param: { name }, json: { value } });

describe("A rate", () => {
  it.each(["of the transfer", "of the sender", "of the receiver"])("%s is not exceeded", async (whose) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const rate = 4 * MB;
    if (whose === "of the sender") await set(anna, "limits.rate.send", rate);
    if (whose === "of the receiver") await set(bert, "limits.rate.receive", rate);
    const file = await anna.write("a.bin", Buffer.alloc(6 * MB, "x"));
    const started = performance.now();
    const sent = await begin(anna, bert, file, whose === "of the transfer" ? rate : undefined);
    const done = await eventually("it is there", async () => {
      const now = await view(anna, sent);
      return now.endedAt === null ? undefined : now;
    });
    expect(done.state).toBe("done");
    // A tenth of a second may be made up for, and what the kernels hold is not counted twice.
    expect(performance.now() - started).toBeGreaterThan(1_000 * (6 / 4) - 400);
  });

  it("is changed while a transfer runs", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await set(anna, "limits.rate.send", MB / 2);
    const file = await anna.write("a.bin", Buffer.alloc(60 * MB, "x"));
    const sent = await begin(anna, bert, file);
    await eventually("it runs", async () => ((await view(anna, sent)).state === "running" ? true : undefined));
    expect(await movedIn(anna, sent, 500)).toBeLessThan(4 * MB);
    await set(anna, "limits.rate.send", 0);
    await eventually("it is there", async () => ((await view(anna, sent)).state === "done" ? true : undefined));
  });

  it("is shared: a small transfer does not wait for a large one", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await set(anna, "limits.rate.send", 4 * MB);
    const large = await begin(anna, bert, await anna.write("large.bin", Buffer.alloc(200 * MB, "x")));
    await eventually("it runs", async () => ((await view(anna, large)).moved > 0 ? true : undefined));
    const before = (await view(anna, large)).moved;
    const small = await begin(anna, bert, await anna.write("small.bin", Buffer.alloc(4 * MB, "y")));
    await eventually("the small one is there", async () =>
      (await view(anna, small)).state === "done" ? true : undefined,
    );
    // Half of the rate each, and some blocks on the way.
    expect((await view(anna, large)).moved - before).toBeLessThan(12 * MB);
    await anna.client.call("delete", "/v1/transfers/:id", { param: { id: large.id } });
    await eventually("it is over", async () => ((await view(anna, large)).endedAt === null ? undefined : true));
  });

  it("lets itself be cancelled at once, and the other end knows why", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const sent = await begin(anna, bert, await anna.write("a.bin", Buffer.alloc(9 * MB, "x")), 50_000);
    await eventually("it runs", async () => ((await view(anna, sent)).state === "running" ? true : undefined));
    await anna.client.call("delete", "/v1/transfers/:id", { param: { id: sent.id } });
    const over = await eventually("it is over there", async () => {
      const [first] = (await bert.client.call("get", "/v1/transfers", { query: { all: "true" } })).transfers;
      return first?.endedAt == null ? undefined : first;
    });
    expect(over.error?.code).toBe("E_CANCELLED_BY_PEER");
  });
});
