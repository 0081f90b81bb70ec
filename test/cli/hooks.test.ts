/** Hooks of the daemon as it was built: its environment, and its sudden end. */

import { chmod, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { HistoryView } from "../../src/control/schema.ts";
import { freePort } from "../support/daemons.ts";
import { Home } from "../support/home.ts";
import { eventually, type Running } from "../support/process.ts";
import { objects } from "./support/place.ts";

const CTL = fileURLToPath(new URL("../../dist/ctl/main.js", import.meta.url));

/** What a service manager, or somebody malicious, may have put into the environment of the daemon. */
const HOSTILE = { NODE_OPTIONS: "--no-warnings", LD_BIND_NOW: "1", BASH_ENV: "/nonexistent", LANXFER_PATH: "/forged" };

interface Pair extends AsyncDisposable {
  readonly sender: Home;
  readonly receiver: Home;
  readonly daemon: Running;
  send(name: string): Promise<void>;
  /** The lines that the hook has written to a file of that name in the receiver's home. */
  lines(name: string): Promise<string[]>;
  history(): Promise<HistoryView[]>;
}

/** Two homes with daemons that are paired; the receiver has a shell script for a hook, in which `$HERE` is its home. */
async function pair(script: string): Promise<Pair> {
  const port = await freePort();
  const receiver = await Home.make({ LANXFER_PORT: String(port), LANXFER_NAME: "receiver" });
  const sender = await Home.make({ LANXFER_PORT: String(await freePort()), LANXFER_NAME: "sender" });
  const hook = receiver.path("hook");
  await writeFile(hook, `#!/bin/sh\nHERE='${receiver.directory}'\n${script}\n`);
  await chmod(hook, 0o755);
  const [daemon] = await Promise.all([receiver.ready(HOSTILE), sender.ready()]);
  await receiver.ctl("config", "set", "hooks.received", JSON.stringify([hook]));
  await sender.pairWith(receiver);
  return {
    sender,
    receiver,
    daemon,
    async send(name) {
      await writeFile(sender.path(name), name);
      expect(await sender.ctl("send", "receiver", sender.path(name))).toMatchObject({ code: 0 });
    },
    async lines(name) {
      return (await readFile(receiver.path(name), "utf8").catch(() => "")).split("\n").slice(0, -1);
    },
    async history() {
      const { stdout } = await receiver.ctl("history", "--json");
      return objects(stdout).filter(({ id }) => id !== undefined) as unknown as HistoryView[]; // what the command prints
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([sender[Symbol.asyncDispose](), receiver[Symbol.asyncDispose]()]);
    },
  };
}

const done = (pairOf: Pair, count: number) =>
  eventually("the hooks have ended", async () => {
    const states = (await pairOf.history()).map(({ hook }) => hook?.state);
    return states.length === count && states.every((state) => state === "done" || state === "failed")
      ? states
      : undefined;
  });

describe("the hook of a daemon", () => {
  it.concurrent("inherits nothing that changes how programs run, and can use lanxferctl", async () => {
    await using both = await pair(
      `ls /proc/$$/fd > "$HERE/fds"; env > "$HERE/env"; '${process.execPath}' '${CTL}' id > "$HERE/id"`,
    );
    await both.send("a.txt");
    expect(await done(both, 1)).toEqual(["done"]);
    const names = (await both.lines("env")).map((line) => line.split("=")[0] ?? "");
    const ours = names.filter((name) => name.startsWith("LANXFER_")).sort();
    expect(names.filter((name) => !name.startsWith("LANXFER_")).sort()).toEqual(
      [...["HOME", "PATH"], ...names.filter((name) => ["PWD", "SHLVL", "_", "OLDPWD"].includes(name))].sort(),
    );
    expect(ours).toEqual([
      "LANXFER_ATTEMPT",
      "LANXFER_BYTES",
      "LANXFER_ENTRIES",
      "LANXFER_ITEMS",
      "LANXFER_NOTE",
      "LANXFER_PATH",
      "LANXFER_PATHS",
      "LANXFER_SENDER_ID",
      "LANXFER_SENDER_NAME",
      "LANXFER_SOCKET",
      "LANXFER_TRANSFER",
    ]);
    expect((await both.lines("env")).find((line) => line.startsWith("LANXFER_PATH="))).toMatch(/\/LanInbox\/a\.txt$/);
    // The shell itself has its script open, as number 10 or more.
    expect((await both.lines("fds")).filter((fd) => Number(fd) < 10)).toEqual(["0", "1", "2"]);
    expect((await both.lines("id"))[0]).toBe("name      receiver");
  });

  it.concurrent("that kills its group, or what it takes for that of its parent, does not hit the daemon", async () => {
    await using both = await pair('case "$LANXFER_PATH" in *a) kill -9 0;; *) kill -s KILL -- -$$; esac');
    for (const name of ["a", "b"]) await both.send(name);
    expect(await done(both, 2)).toEqual(["failed", "failed"]);
    expect(both.daemon.ended).toBe(false);
    const { stdout } = await both.receiver.ctl("history");
    expect(stdout.match(/hook failed: SIGKILL/g)).toHaveLength(2);
  });

  it.concurrent("is run again when the daemon was killed while it ran, and those that waited are run once", async () => {
    const script = 'echo "$LANXFER_BYTES $LANXFER_ATTEMPT" >> "$HERE/out"; until [ -e "$HERE/go" ]; do sleep 0.1; done';
    await using both = await pair(script);
    for (const name of ["a", "bb", "ccc"]) await both.send(name);
    await eventually("the first has begun", async () => (await both.lines("out"))[0]);
    await both.daemon.stop("SIGKILL");
    await writeFile(both.receiver.path("go"), ""); // it also ends the one that nobody waits for any more
    await both.receiver.ready(HOSTILE);
    expect(await done(both, 3)).toEqual(["done", "done", "done"]);
    expect(await both.lines("out")).toEqual(["1 1", "1 2", "2 1", "3 1"]);
    expect((await both.history()).map(({ hook }) => hook?.attempts)).toEqual([1, 1, 2]);
  });
});
