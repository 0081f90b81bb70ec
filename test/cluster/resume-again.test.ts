/** A network that breaks again before the next attempt has got anywhere. */

import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { Room } from "../support/daemons.ts";
import { Mallory, offerOf, type Sent } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import { Attempt } from "../support/resuming.ts";
import { MiB } from "../support/sizes.ts";

it("An attempt that ends before its first entry leaves what earlier ones have brought.", async () => {
  await using room = await Room.open();
  const bert = await room.daemon("bert");
  const mallory = room.use(await Mallory.open());
  await mallory.pairWith(bert);
  const file: Sent = { path: ["a.bin"], content: randomBytes(4 * MiB) };
  const offer = offerOf([file]);
  const waiting = () =>
    eventually("an interrupted transfer with two blocks", async () => {
      const { transfers } = await bert.client.call("get", "/v1/transfers", { query: {} });
      return transfers.some(({ state, moved }) => state === "waiting" && moved === 2 * MiB) || undefined;
    });
  const first = await Attempt.begin(mallory, bert, offer);
  first.send(file, 2);
  await eventually("two blocks", async () => {
    const { transfers } = await bert.client.call("get", "/v1/transfers", { query: {} });
    return transfers.some(({ moved }) => moved === 2 * MiB) || undefined;
  });
  first.peer.reset();
  await first.peer.closed();
  await waiting();
  for (let n = 0; n < 3; n++) {
    const again = await Attempt.begin(mallory, bert, offer);
    expect(again.item("a.bin")).toMatchObject({ blocks: 2 });
    again.peer.reset();
    await again.peer.closed();
    await waiting();
  }
  const [transfer] = (await bert.client.call("get", "/v1/transfers", { query: {} })).transfers;
  await bert.client.call("delete", "/v1/transfers/:id", { param: { id: transfer?.id ?? "" } });
  await bert.ended(transfer?.id ?? "");
});
