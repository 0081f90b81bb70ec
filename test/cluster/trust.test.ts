import { readdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../src/core/errors.ts";
import { Room } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

describe("trust", () => {
  it("is what a stranger lacks: nothing is asked, nothing is written", async () => {
    await using room = await Room.open();
    const [anna, bert] = [await room.daemon("anna"), await room.daemon("bert")];
    await anna.sees(bert);
    const file = await anna.write("a.txt", "hello");
    await expect(anna.send(bert, [file])).rejects.toMatchObject({ code: "E_NOT_PAIRED" });
    expect(await readdir(bert.inbox)).toEqual([]);
    expect((await bert.client.call("get", "/v1/offers", {})).offers).toEqual([]);
  });

  it("that only one side has is not enough", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.client.call("delete", "/v1/devices/:device", { param: { device: "anna" } });
    const sent = await anna.deliver(bert, [await anna.write("a.txt", "hello")]);
    expect(sent).toMatchObject({ state: "failed", error: { code: "E_NOT_PAIRED", exit: 7 } });
    expect(sent.error?.message).toBe("bert is not paired with this device");
    expect(await readdir(bert.inbox)).toEqual([]);
    const { refused } = await bert.client.call("get", "/v1/status", {});
    expect(refused).toEqual({ E_NOT_PAIRED: 1 });
  });

  it("taken back during a transfer ends the transfer and leaves nothing", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const large = await anna.write("large.bin", Buffer.alloc(400_000_000));
    const { id } = await anna.send(bert, [large]);
    await eventually(
      "bytes move",
      async () => (await bert.client.call("get", "/v1/transfers", { query: {} })).transfers[0],
    );
    await bert.client.call("delete", "/v1/devices/:device", { param: { device: "anna" } });
    expect(await anna.ended(id)).toMatchObject({ state: "failed", error: { code: "E_NOT_PAIRED" } });
    expect(await bert.ended(id)).toMatchObject({ state: "failed", error: { code: "E_NOT_PAIRED" } });
    expect(await readdir(path.join(bert.inbox, ".lanxfer"))).toEqual([]);
    expect(await readdir(bert.inbox)).toEqual([".lanxfer"]);
  });

  it("of a blocked device is worth nothing, and it is not told why", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: "anna" }, json: { policy: "block" } });
    const sent = await anna.deliver(bert, [await anna.write("a.txt", "hello")]);
    expect(sent.error?.code).toBe("E_NOT_PAIRED");
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: "anna" }, json: { policy: "auto" } });
    expect(await anna.deliver(bert, [await anna.write("a.txt", "hello")])).toMatchObject({ state: "done" });
  });

  it("is given by name, short id or grouped id, and renaming is ours alone", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const renamed = await anna.client.call("patch", "/v1/devices/:device", {
      param: { device: bert.id.slice(0, 6).toUpperCase() },
      json: { name: "nas" },
    });
    expect(renamed).toMatchObject({ id: bert.id, name: "nas" });
    expect(await anna.deliver("nas", [await anna.write("a.txt", "1")])).toMatchObject({ state: "done" });
    expect(await anna.deliver("NAS", [await anna.write("a.txt", "2")])).toMatchObject({ state: "done" });
    await expect(
      anna.client.call("patch", "/v1/devices/:device", { param: { device: "bert" }, json: { policy: "ask" } }),
    ).rejects.toMatchObject({ code: "E_NO_DEVICE" });
  });

  it("is not given to an invite that was used, is expired, damaged or unknown", async () => {
    const clock = new SkippingClock();
    await using room = await Room.open({ clock });
    const [anna, bert, carl] = [await room.daemon("anna"), await room.daemon("bert"), await room.daemon("carl")];
    const invite = await bert.invite();
    const redeem = (text: string) => carl.client.call("post", "/v1/pairings", { json: { invite: text } });
    const json = { ttl: 60_000, address: `127.0.0.1:${bert.port}` };
    const brief = (await bert.client.call("post", "/v1/invites", { json })).text;
    const forgotten = await bert.invite();
    await anna.client.call("post", "/v1/pairings", { json: { invite } });
    clock.skip(60_000);
    const outcomes = [];
    for (const text of [
      invite,
      brief,
      invite.slice(0, -1),
      `${invite.slice(0, -1)}${invite.endsWith("a") ? "b" : "a"}`,
    ]) {
      outcomes.push(await redeem(text).catch(({ code, message }: LanxferError) => [code, message]));
    }
    await bert.stop();
    await bert.start();
    outcomes.push(await redeem(forgotten).catch(({ code, message }: LanxferError) => [code, message]));
    // Why is nobody's business.
    const { message } = new LanxferError("E_INVITE");
    expect(outcomes).toEqual(Array(5).fill(["E_INVITE", message]));
    expect((await carl.client.call("get", "/v1/devices", {})).devices).toEqual([]);
    expect((await bert.client.call("get", "/v1/devices", {})).devices.map(({ name }) => name)).toEqual(["anna"]);
  });

  it("goes to exactly one of two who redeem the same invite at once", async () => {
    await using room = await Room.open();
    const [anna, bert, carl] = [await room.daemon("anna"), await room.daemon("bert"), await room.daemon("carl")];
    const invite = await bert.invite();
    const outcomes = await Promise.allSettled(
      [anna, carl].map((daemon) => daemon.client.call("post", "/v1/pairings", { json: { invite } })),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect((await bert.client.call("get", "/v1/devices", {})).devices).toHaveLength(1);
  });

  it("is not offered to another device that answers at the invite's address", async () => {
    await using room = await Room.open();
    const bert = await room.daemon("bert");
    bert.node.unplug(); // or anna would find the right device all the same
    const [anna, mallory] = [await room.daemon("anna"), await room.daemon("mallory")];
    const { text } = await bert.client.call("post", "/v1/invites", { json: { address: `127.0.0.1:${mallory.port}` } });
    await expect(anna.client.call("post", "/v1/pairings", { json: { invite: text } })).rejects.toMatchObject({
      code: "E_IDENTITY",
    });
    expect((await mallory.client.call("get", "/v1/status", {})).refused).toEqual({});
  });
});

describe("a device that is to be asked about", () => {
  const ask = async (room: Room) => {
    const [anna, bert] = await room.pair();
    await bert.client.call("patch", "/v1/devices/:device", { param: { device: "anna" }, json: { policy: "ask" } });
    return [anna, bert] as const;
  };

  it("sends nothing before the answer, and delivers after a yes", async () => {
    await using room = await Room.open();
    const [anna, bert] = await ask(room);
    const { id } = await anna.send(bert, [await anna.write("a.txt", "hello")]);
    const offer = await bert.offer();
    expect(offer).toMatchObject({ id, bytes: 5, entries: 1, items: [{ name: "a.txt" }], from: { name: "anna" } });
    await eventually("the sender is told", async () => {
      const { state } = await anna.client.call("get", "/v1/transfers/:id", { param: { id } });
      return state === "asking" || undefined;
    });
    expect(await readdir(bert.inbox)).toEqual([]);
    await bert.client.call("post", "/v1/offers/:id/accept", { param: { id: id.slice(0, 4) }, json: {} });
    expect(await anna.ended(id)).toMatchObject({ state: "done" });
    expect((await bert.client.call("get", "/v1/offers", {})).offers).toEqual([]);
  });

  it("is told of a no", async () => {
    await using room = await Room.open();
    const [anna, bert] = await ask(room);
    const { id } = await anna.send(bert, [await anna.write("a.txt", "hello")]);
    await bert.offer();
    await bert.client.call("post", "/v1/offers/:id/decline", { param: { id } });
    const ended = await anna.ended(id);
    expect(ended).toMatchObject({
      state: "failed",
      error: { code: "E_DECLINED", exit: 7, message: "declined by bert" },
    });
    expect(await readdir(bert.inbox)).toEqual([]);
  });

  it("takes its offer back by cancelling", async () => {
    await using room = await Room.open();
    const [anna, bert] = await ask(room);
    const { id } = await anna.send(bert, [await anna.write("a.txt", "hello")]);
    await bert.offer();
    await anna.client.call("delete", "/v1/transfers/:id", { param: { id } });
    expect(await anna.ended(id)).toMatchObject({ state: "cancelled", error: { code: "E_CANCELLED" } });
    await eventually("the offer goes", async () => {
      const { offers } = await bert.client.call("get", "/v1/offers", {});
      return offers.length === 0 || undefined;
    });
    await expect(bert.client.call("post", "/v1/offers/:id/accept", { param: { id }, json: {} })).rejects.toMatchObject({
      code: "E_NOT_FOUND",
    });
  });

  it("cannot fill the list of offers", async () => {
    await using room = await Room.open();
    const [anna, bert] = await ask(room);
    const file = await anna.write("a.txt", "hello");
    for (let i = 0; i < 16; i++) await anna.send(bert, [file]);
    await eventually("16 offers", async () => {
      const { offers } = await bert.client.call("get", "/v1/offers", {});
      return offers.length === 16 || undefined;
    });
    expect((await anna.deliver(bert, [file])).error).toMatchObject({ code: "E_BUSY" });
  });
});

describe("cancelling", () => {
  it.each(["sender", "receiver"] as const)("at the %s ends both ends and leaves nothing", async (who) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const { id } = await anna.send(bert, [await anna.write("large.bin", Buffer.alloc(400_000_000))]);
    await eventually(
      "bytes move",
      async () => (await bert.client.call("get", "/v1/transfers", { query: {} })).transfers[0],
    );
    const canceller = who === "sender" ? anna : bert;
    await canceller.client.call("delete", "/v1/transfers/:id", { param: { id } });
    const [at, other] = who === "sender" ? [anna, bert] : [bert, anna];
    expect(await at.ended(id)).toMatchObject({ state: "cancelled", error: { code: "E_CANCELLED", exit: 130 } });
    expect(await other.ended(id)).toMatchObject({ state: "cancelled", error: { code: "E_CANCELLED_BY_PEER" } });
    expect((await other.ended(id)).error?.message).toBe(`cancelled by ${at.name}`);
    expect(await readdir(bert.inbox)).toEqual([".lanxfer"]);
  });
});
