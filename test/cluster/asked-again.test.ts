/** Transfers that were interrupted after a person had said yes to them. */

import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { Mallory, offerOf, type Sent } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";
import { Attempt } from "../support/resuming.ts";
import { MiB } from "../support/sizes.ts";

describe("what was accepted and then interrupted", () => {
  const file: Sent = { path: ["a.bin"], content: randomBytes(3 * MiB) };
  let room: Room;
  let bert: TestDaemon;
  let mallory: Mallory;
  let offer: Record<string, unknown>;

  beforeEach(async () => {
    room = await Room.open();
    bert = await room.daemon("bert");
    mallory = room.use(await Mallory.open());
    await mallory.pairWith(bert);
    await bert.client.call("patch", "/v1/devices/:device", {
      param: { device: mallory.credentials.id },
      json: { policy: "ask" },
    });
    offer = { ...offerOf([file]), note: "as promised" };
    const peer = await Attempt.offer(mallory, bert, offer);
    const { id } = await bert.offer();
    await bert.client.call("post", "/v1/offers/:id/accept", { param: { id }, json: {} });
    await peer.next("accept");
    const first = Attempt.of(peer);
    first.send(file, 2);
    await only((transfer) => transfer.moved === 2 * MiB);
    peer.reset();
    await peer.closed();
    await only(({ state }) => state === "waiting");
  });
  afterEach(() => room[Symbol.asyncDispose]());

  const only = (is: (transfer: TransferView) => boolean) =>
    eventually("the transfer", async () =>
      (await bert.client.call("get", "/v1/transfers", { query: { all: "true" } })).transfers.find(is),
    );
  const staged = () => readdir(path.join(bert.inbox, ".lanxfer")).catch(() => []);

  it("goes on without a second question, also in another run, whatever note is with it", async () => {
    await bert.stop();
    await bert.start();
    const again = await Attempt.begin(mallory, bert, { ...offer, note: "as promised, again" });
    again.sendAll([file]);
    again.peer.send({ t: "done" });
    await again.peer.next("complete");
    expect(await only(({ state }) => state === "done")).toMatchObject({ bytes: 3 * MiB });
  });

  it("is asked about when something else is offered under its id, and given up with the yes that is taken back", async () => {
    const more = offerOf([file, { path: ["b.bin"], content: "more" }]);
    const peer = await Attempt.offer(mallory, bert, { ...more, id: offer["id"] });
    await bert.offer();
    peer.send({ t: "abort", code: "E_CANCELLED_BY_PEER" });
    expect(await only(({ endedAt }) => endedAt !== null)).toMatchObject({ state: "cancelled" });
    await eventually("nothing is kept", async () => ((await staged()).length === 0 ? true : undefined));
  });

  it("is given up when its user says no", async () => {
    const more = offerOf([file, { path: ["b.bin"], content: "more" }]);
    const peer = await Attempt.offer(mallory, bert, { ...more, id: offer["id"] });
    const { id } = await bert.offer();
    await bert.client.call("post", "/v1/offers/:id/decline", { param: { id } });
    await peer.next("decline");
    expect(await only(({ endedAt }) => endedAt !== null)).toMatchObject({
      state: "failed",
      error: { code: "E_DECLINED" },
    });
    await eventually("nothing is kept", async () => ((await staged()).length === 0 ? true : undefined));
  });
});
