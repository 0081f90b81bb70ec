/** The history on a disk that is full: what it loses, and what it does not. */

import { chmod, readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { Home } from "../support/home.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually, must } from "../support/process.ts";

suiteFor(["mounts"])("a history on a full disk", () => {
  it("takes no line, keeps those that it has, and goes on when there is room; what arrives and its hook do not suffer", async () => {
    await using alice = await Home.make({ LANXFER_NAME: "alice", LANXFER_LIMITS_RESERVE: "0" });
    await using bob = await Home.make({ LANXFER_NAME: "bob" });
    const mount = 'mkdir -p "$HOME/state" && mount -t tmpfs -o size=512k,mode=700 none "$HOME/state" && exec "$@"';
    const daemon = await alice.ready({}, ["unshare", "--mount", "sh", "-c", mount, "sh"]);
    await bob.ready();
    await bob.pairWith(alice);
    await writeFile(alice.path("hook"), `#!/bin/sh\necho "$LANXFER_BYTES" >> '${alice.path("out")}'\n`);
    await chmod(alice.path("hook"), 0o755);
    await alice.ctl("config", "set", "hooks.received", JSON.stringify([alice.path("hook")]));
    const inside = (script: string) => must(["nsenter", "-t", String(daemon.pid), "--mount", "sh", "-c", script]);
    const send = async (bytes: number) => {
      await writeFile(bob.path(`${bytes}.bin`), Buffer.alloc(bytes));
      expect(await bob.ctl("send", "alice", `${bytes}.bin`, "--note", "x".repeat(1_000))).toMatchObject({ code: 0 });
      await eventually("its hook", async () => {
        const lines = (await readFile(alice.path("out"), "utf8").catch(() => "")).split("\n");
        return lines.includes(String(bytes)) || undefined;
      });
    };

    await send(1);
    await inside(`cat /dev/zero > '${alice.path("state/filler")}' || true`);
    // The last page of the file still takes a few lines, and then a piece of one.
    const isFull = () => daemon.stdout.includes("history line not written");
    for (let bytes = 2; bytes < 9 && !isFull(); bytes++) await send(bytes);
    expect(isFull()).toBe(true);
    await inside(`rm '${alice.path("state/filler")}'`);
    await send(9);
    const last = await eventually("the result of the last hook", async () => {
      const told = await alice.ctl("history", "--json");
      const [newest = "{}"] = told.stdout.split("\n");
      return JSON.parse(newest).hook?.state === "done" ? told : undefined;
    });
    const shown = last.stdout.split("\n").flatMap((line) => (line.includes('"hook"') ? [JSON.parse(line).bytes] : []));
    expect([shown[0], shown.at(-1)]).toEqual([9, 1]);
    expect(last.stderr).toBe("lines of the history that are damaged and were passed over: 1\n");
  });
});
