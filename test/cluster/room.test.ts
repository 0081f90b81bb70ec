import { mkdir, open, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Room } from "../support/daemons.ts";

describe("a room of daemons", () => {
  it("pairs two daemons that then deliver to each other", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const sent = await anna.deliver(bert, [await anna.write("a.txt", "hello")]);
    expect(sent).toMatchObject({ state: "done", error: null, items: [{ name: "a.txt", as: "a.txt" }] });
    expect(await readFile(path.join(bert.inbox, "a.txt"), "utf8")).toBe("hello");
    await bert.deliver(anna, [path.join(bert.inbox, "a.txt")]);
    expect(await readFile(path.join(anna.inbox, "a.txt"), "utf8")).toBe("hello");
  });

  it("keeps identity and trust of a daemon that is stopped and started again", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const { id } = bert;
    await bert.stop();
    await bert.start();
    expect(bert.id).toBe(id);
    expect(await anna.sees(bert)).toMatchObject({ paired: true });
    expect(await anna.deliver(bert, [await anna.write("b.txt", "again")])).toMatchObject({ state: "done" });
  });

  it("lets a test take a daemon off the network and put it back", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    anna.node.unplug();
    const bert = await room.daemon("bert");
    await anna.pairWith(bert); // by the address in the invite: TCP itself is not cut
    const file = await anna.write("a.txt", "hello");
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "failed", error: { code: "E_UNREACHABLE" } });
    anna.node.plug();
    await anna.sees(bert);
    expect(await anna.deliver(bert, [file])).toMatchObject({ state: "done" });
  });

  it("fails at its end when a timer or a descriptor is left", async () => {
    const room = await Room.open({ settleMs: 50 });
    const cancel = room.clock.every(60_000, () => {});
    await using file = await open(path.join(room.directory, "file"), "w");
    const end = room[Symbol.asyncDispose]();
    await expect(end).rejects.toThrow(/timer started at .*room\.test\.ts/);
    await expect(end).rejects.toThrow(/open: .*\/file/);
    cancel();
    await file.close();
  });

  it("fails at its end when a daemon left a part in staging or logged an error", async () => {
    const room = await Room.open();
    const anna = await room.daemon("anna");
    await mkdir(path.join(anna.inbox, ".lanxfer", "someone-elses"), { recursive: true });
    anna.log.error({ err: new Error("of a test") }, "something broke");
    const end = room[Symbol.asyncDispose]();
    await expect(end).rejects.toThrow(/anna: part someone-elses/);
    await expect(end).rejects.toThrow(/anna: logged something broke: Error: of a test/);
  });
});
