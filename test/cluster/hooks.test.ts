/** A program of the user's, run for what has arrived. */

import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { ControlEvent, HistoryView, HookView } from "../../src/control/schema.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { eventually } from "../support/process.ts";
import { SkippingClock } from "../support/skipping-clock.ts";

/** Makes a script the hook of a daemon. In it, `$HERE` is the daemon's home. */
async function hook(daemon: TestDaemon, script: string): Promise<void> {
  const file = path.join(daemon.home, "hook");
  await writeFile(file, `#!/bin/sh\nHERE='${daemon.home}'\n${script}\n`);
  await chmod(file, 0o755);
  await set(daemon, "hooks.received", JSON.stringify([file, "an argument"]));
}

async function set(daemon: TestDaemon, name: string, value: unknown): Promise<void> {
  await daemon.client.call("put", "/v1/settings/:name", { param: { name }, json: { value } });
}

async function history(daemon: TestDaemon): Promise<HistoryView[]> {
  return (await daemon.client.call("get", "/v1/history", { query: {} })).history;
}

/** The hook of a transfer when it has ended. */
function ended(daemon: TestDaemon, id: string): Promise<HookView> {
  return eventually(`the end of the hook of ${id}`, async () => {
    const line = (await history(daemon)).find((each) => each.id === id);
    return line?.hook?.state === "done" || line?.hook?.state === "failed" ? line.hook : undefined;
  });
}

/** Ends a daemon without waiting for what it gives a hook that runs. */
async function stopped(daemon: TestDaemon, clock: SkippingClock): Promise<void> {
  let over = false;
  const stopping = daemon.stop().then(() => {
    over = true;
  });
  await eventually("its end", () => {
    if (!over) clock.skip(1_000);
    return over || undefined;
  });
  await stopping;
}

async function lines(daemon: TestDaemon, name: string): Promise<string[]> {
  return (await readFile(path.join(daemon.home, name), "utf8").catch(() => "")).split("\n").slice(0, -1);
}

describe("a hook for what is received", () => {
  it("runs in the inbox when everything is there, and knows what it is and who sent it", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await hook(
      bert,
      'pwd > "$HERE/out"; echo "$1" >> "$HERE/out"; cat "$LANXFER_PATH" x/y >> "$HERE/out"; env > "$HERE/env"',
    );
    const paths = [await anna.write("a b.txt", "hello\n"), path.dirname(await anna.write("x/y", "inner\n"))];
    const { id } = await anna.deliver(bert, paths, { note: "signed at last" });
    expect(await ended(bert, id)).toMatchObject({ state: "done", exit: 0, attempts: 1, problem: null });
    expect(await lines(bert, "out")).toEqual([bert.inbox, "an argument", "hello", "inner"]);
    const env = await lines(bert, "env");
    expect(env).toEqual(
      expect.arrayContaining([
        `LANXFER_PATH=${path.join(bert.inbox, "a b.txt")}`,
        `LANXFER_PATHS=${path.join(bert.inbox, "a b.txt")}`,
        path.join(bert.inbox, "x"),
        "LANXFER_ITEMS=2",
        "LANXFER_ENTRIES=3",
        "LANXFER_BYTES=12",
        `LANXFER_SENDER_ID=${anna.id}`,
        "LANXFER_SENDER_NAME=anna",
        `LANXFER_TRANSFER=${id}`,
        "LANXFER_NOTE=signed at last",
        "LANXFER_ATTEMPT=1",
        `LANXFER_SOCKET=${path.join(bert.home, "run", "control.sock")}`,
        `HOME=${bert.home}`,
      ]),
    );
    expect((await history(anna))[0]).toMatchObject({ id, hook: null });
  });

  it("that fails is told in the history and to whoever watches, and harms nothing", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await hook(bert, "echo no such album >&2; exit 3");
    const stop = new AbortController();
    const told: ControlEvent[] = [];
    const watching = (async () => {
      for await (const event of bert.client.events(stop.signal)) if (event.type === "hook") told.push(event);
    })();
    const first = await anna.deliver(bert, [await anna.write("a.txt", "a")]);
    const second = await anna.deliver(bert, [await anna.write("b.txt", "b")]);
    for (const { id, state } of [first, second]) {
      expect(state).toBe("done");
      expect(await ended(bert, id)).toMatchObject({ state: "failed", exit: 3, stderr: "no such album", attempts: 1 });
    }
    await eventually("both were told", () => told.length >= 4 || undefined);
    stop.abort();
    await watching;
    expect(told).toMatchObject(
      [first, second].flatMap(({ id }) => [
        { transfer: id, peer: { id: anna.id, name: "anna" }, hook: { state: "running" } },
        { transfer: id, hook: { state: "failed", exit: 3 } },
      ]),
    );
  });

  it("is not run for what failed, was cancelled, or was sent", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await hook(bert, 'echo "$LANXFER_PATH" >> "$HERE/out"');
    await hook(anna, 'echo "$LANXFER_PATH" >> "$HERE/out"');
    await set(bert, "limits.transfer", 3);
    await anna.deliver(bert, [await anna.write("large.txt", "large")]);
    const { id } = await anna.deliver(bert, [await anna.write("a", "a")]);
    await ended(bert, id);
    expect(await lines(bert, "out")).toEqual([path.join(bert.inbox, "a")]);
    expect(await lines(anna, "out")).toEqual([]);
  });

  it("that hangs is ended, and the next one runs", async () => {
    const clock = new SkippingClock();
    await using room = await Room.open({ clock });
    const [anna, bert] = await room.pair();
    await hook(bert, 'case "$LANXFER_PATH" in *a) echo >> "$HERE/begun"; sleep 100 & wait;; esac');
    await set(bert, "hooks.timeout", 60_000);
    const first = await anna.deliver(bert, [await anna.write("a", "a")]);
    const second = await anna.deliver(bert, [await anna.write("b", "b")]);
    await eventually("the first has begun", async () => (await lines(bert, "begun"))[0]);
    clock.skip(61_000);
    expect(await ended(bert, first.id)).toMatchObject({ state: "failed", signal: "SIGTERM", problem: "took too long" });
    expect(await ended(bert, second.id)).toMatchObject({ state: "done" });
  });

  it("goes on at the next start: what ran is run again, what waited for the first time", async () => {
    const clock = new SkippingClock();
    await using room = await Room.open({ clock });
    const [anna, bert] = await room.pair();
    const go = path.join(bert.home, "go");
    await hook(
      bert,
      `echo "$LANXFER_TRANSFER $LANXFER_ATTEMPT" >> "$HERE/out"; until [ -e '${go}' ]; do sleep 0.1; done`,
    );
    const ids: string[] = [];
    for (const name of ["a", "b", "c"]) ids.push((await anna.deliver(bert, [await anna.write(name, name)])).id);
    await eventually("the first has begun", async () => (await lines(bert, "out"))[0]);
    const states = async () => (await history(bert)).map((line) => line.hook?.state).toReversed();
    expect(await states()).toEqual(["running", "waiting", "waiting"]);
    await stopped(bert, clock);
    await writeFile(go, "");
    await bert.start();
    for (const id of ids) expect(await ended(bert, id)).toMatchObject({ state: "done" });
    expect(await lines(bert, "out")).toEqual([`${ids[0]} 1`, `${ids[0]} 2`, `${ids[1]} 1`, `${ids[2]} 1`]);
    await bert.stop();
    await rm(go);
    await bert.start();
    expect(await lines(bert, "out")).toHaveLength(4);
    expect(await states()).toEqual(["done", "done", "done"]);
  });

  it("is asked for by a list that begins with a full path", async () => {
    await using room = await Room.open();
    const anna = await room.daemon("anna");
    for (const value of ["notify", '["sh"]', '["/bin/sh",5]', '["/bin/sh"', '["/a\\u0000b"]', [3]]) {
      await expect(set(anna, "hooks.received", value)).rejects.toMatchObject({ code: "E_SETTING" });
    }
    await set(anna, "hooks.received", '["/bin/sh", "-c", "echo a,b"]');
    const value = async () => {
      const { settings } = await anna.client.call("get", "/v1/settings", {});
      return settings.find(({ name }) => name === "hooks.received")?.value;
    };
    expect(await value()).toEqual(["/bin/sh", "-c", "echo a,b"]);
    await set(anna, "hooks.received", "[]");
    expect(await value()).toEqual([]);
  });
});
