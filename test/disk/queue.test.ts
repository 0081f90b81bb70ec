/** Queueing on a disk for the state that fills up: a real, small file system. */

import { writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { freePort } from "../support/daemons.ts";
import { Home } from "../support/home.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually, must } from "../support/process.ts";

suiteFor(["mounts"])("a state on a small disk", () => {
  it("that is full takes nothing into the queue, loses nothing that is there, and goes on when there is room", async () => {
    // Where she was is where she is looked for: nobody announces anything here.
    await using alice = await Home.make({ LANXFER_NAME: "alice", LANXFER_PORT: String(await freePort()) });
    await using bob = await Home.make({ LANXFER_NAME: "bob", LANXFER_LIMITS_RESERVE: "0" });
    const mount = 'mkdir -m 700 "$HOME/state" && mount -t tmpfs -o size=4m,mode=700 none "$HOME/state" && exec "$@"';
    const daemon = await bob.ready({}, ["unshare", "--mount", "sh", "-c", mount, "sh"]);
    const away = await alice.ready();
    expect((await bob.pairWith(alice)).paired).toMatchObject({ code: 0 });
    await away.stop();
    const inside = (script: string) => must(["nsenter", "-t", String(daemon.pid), "--mount", "sh", "-c", script]);
    const kept = async () =>
      (await inside(`find ${bob.path("state")}/outbox -mindepth 1 -type d`)).split("\n").length - 1;
    await writeFile(bob.path("a.txt"), "hello");
    await writeFile(bob.path("large.bin"), Buffer.alloc(8_000_000, 1));
    const queue = (...more: string[]) => bob.ctl("send", "alice", "--queue", "--always", ...more);

    expect(await queue("a.txt")).toMatchObject({ code: 0 });
    // A copy that does not fit leaves nothing of itself.
    const copied = await queue("large.bin", "--copy");
    expect([copied.code, copied.stdout, copied.stderr.split("\n")[0]]).toEqual([
      11,
      "",
      "lanxferctl: error: no room on this device to keep what is to be sent: the disk is full",
    ]);
    expect(await kept()).toBe(1);
    expect(await queue("a.txt", "--copy")).toMatchObject({ code: 0 });

    await inside(`head -c 100000000 /dev/zero > ${bob.path("state")}/other || true`);
    for (const more of [[], ["--copy"]]) {
      const refused = await queue("a.txt", ...more);
      expect(refused).toMatchObject({ code: 11, stdout: "" });
      expect(refused.stderr).toMatch(/^lanxferctl: error: (nothing was queued: ENOSPC|no room on this device)/);
    }
    await inside(`rm ${bob.path("state")}/other`);
    expect(await queue("a.txt")).toMatchObject({ code: 0 });
    const jobs = (await bob.ctl("transfers", "--json")).stdout.split("\n").filter((line) => line.includes('"id"'));
    expect(jobs).toHaveLength(3);
    expect(daemon.ended).toBe(false);

    await alice.ready();
    await eventually("all three are delivered", async () => {
      const { stdout } = await alice.ctl("inbox", "--json");
      return (
        stdout.split("\n").filter((line) => line.includes("a.txt") || line.includes("a (")).length === 3 || undefined
      );
    });
    await eventually(
      "nothing is kept",
      async () => (await inside(`ls ${bob.path("state")}/outbox`)) === "" || undefined,
    );
  });
});
