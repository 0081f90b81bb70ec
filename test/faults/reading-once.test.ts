/** How often the source of a transfer to several devices is read, counted at the system calls of the sender. */

import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { freePort } from "../support/daemons.ts";
import { Device } from "../support/device.ts";
import { LocalPlace } from "../support/local.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually, start } from "../support/process.ts";

const SIZE = 96 * 1024 * 1024;

suiteFor(["faults"])("One file that is sent to two devices", () => {
  it("is read once where they keep up with each other", async () => {
    await using anna = await LocalPlace.make("anna");
    await using bert = await LocalPlace.make("bert");
    await using cora = await LocalPlace.make("cora");
    const env = async () => ({
      LANXFER_PORT: String(await freePort()),
      LANXFER_INTERFACES_EXCLUDE: "*",
      LANXFER_LIMITS_RESERVE: "0",
    });
    const sender = new Device(anna, await env());
    const receivers = [
      { place: bert, env: await env() },
      { place: cora, env: await env() },
    ].map(({ place, env }) => ({ device: new Device(place, env), port: env.LANXFER_PORT }));
    await sender.start();
    for (const { device, port } of receivers) {
      await device.start();
      await sender.pairWith(device, `127.0.0.1:${port}`);
    }
    const source = anna.path("film.bin");
    const content = randomBytes(SIZE);
    await writeFile(source, content);

    const directory = await mkdtemp(path.join(tmpdir(), "lanxfer-strace-"));
    const trace = path.join(directory, "trace");
    const options = ["-f", "-I", "anywhere", "-o", trace, "-P", source, "-e", "trace=read,pread64", "-p"];
    const strace = start(["strace", ...options, String(sender.daemon.pid)]);
    await eventually("strace is attached", async () => strace.stderr.includes("attached") || undefined);
    const sent = await sender.ctl(["send", "bert,cora", source], { timeoutMs: 60_000 });
    await strace.stop();
    expect(sent).toMatchObject({ code: 0 });
    for (const { device } of receivers) {
      expect((await readFile(path.join(device.inbox, "film.bin"))).equals(content)).toBe(true);
    }
    const results = (await readFile(trace, "utf8")).matchAll(/= (\d+)$/gm);
    const read = [...results].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
    await rm(directory, { recursive: true });
    process.stderr.write(`  read ${(read / SIZE).toFixed(2)} times\n`);
    expect(read).toBeGreaterThanOrEqual(SIZE);
    // Twice would be one time for each.
    expect(read).toBeLessThan(1.5 * SIZE);
  });
});
