/** The settings file while the daemon runs: somebody edits it, or it cannot be read. */

import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { toLanxferError } from "../../src/core/errors.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";

const fileOf = (daemon: TestDaemon) => path.join(daemon.home, "config", "config.json");

describe("the settings file of a daemon that runs", () => {
  it.each([
    ["half written", '{"limits": {"par'],
    ["full of values that make no sense", '{"limits": {"parallel": "x", "reserve": -1, "entries": []}, "name": 7}'],
  ])("may be %s: what was read at the start holds", async (_, text) => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await writeFile(fileOf(bert), text);
    expect(await anna.deliver(bert, [await anna.write("a.txt", "hello")])).toMatchObject({ state: "done" });
    expect((await bert.client.call("get", "/v1/status", {})).name).toBe("bert");
  });

  it("is not written over while it makes no sense", async () => {
    await using room = await Room.open();
    const bert = await room.daemon("bert");
    await writeFile(fileOf(bert), "{ my notes");
    const change = { param: { name: "limits.parallel" }, json: { value: 3 } };
    const failed = await bert.client.call("put", "/v1/settings/:name", change).catch(toLanxferError);
    expect(failed).toMatchObject({ code: "E_CONFIG" });
    expect(await readFile(fileOf(bert), "utf8")).toBe("{ my notes");
  });

  it("keeps what was written into it by hand when a setting is changed", async () => {
    await using room = await Room.open();
    const bert = await room.daemon("bert");
    const before = JSON.parse(await readFile(fileOf(bert), "utf8"));
    await writeFile(fileOf(bert), JSON.stringify({ ...before, mine: "kept" }));
    const change = { param: { name: "limits.parallel" }, json: { value: 3 } };
    expect(await bert.client.call("put", "/v1/settings/:name", change)).toMatchObject({ value: 3, source: "file" });
    expect(JSON.parse(await readFile(fileOf(bert), "utf8"))).toEqual({
      ...before,
      mine: "kept",
      limits: { parallel: 3 },
    });
    await bert.stop();
    await bert.start();
    const { settings } = await bert.client.call("get", "/v1/settings", {});
    expect(settings.find(({ name }) => name === "limits.parallel")).toMatchObject({ value: 3, source: "file" });
  });
});
