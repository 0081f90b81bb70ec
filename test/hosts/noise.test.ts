import { randomBytes, randomInt } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Device } from "../support/device.ts";
import { suiteFor } from "../support/privilege.ts";
import { copied, differences, readTree } from "../support/tree.ts";
import { openPairedTrio, type Trio } from "../support/trio.ts";

const NOISE = fileURLToPath(new URL("programs/noise.mjs", import.meta.url));
const LASTS = 8_000; // milliseconds

suiteFor(["hosts"])("A host that floods its neighbours with nonsense", () => {
  let trio: Trio;
  beforeAll(async () => {
    trio = await openPairedTrio();
  });
  afterAll(() => trio?.lan.close());

  it("neither stops their transfers nor their daemons", async () => {
    const { anna, bert, cora } = trio.devices;
    await cora.stop();
    const content = randomBytes(4 * 1024 * 1024 + 17);
    const sourceOf = ({ place }: Device) => path.join(place.home, "steady.bin");
    for (const device of [anna, bert]) await writeFile(sourceOf(device), content);
    const before = await bert.control.call("get", "/v1/status", {});

    const seed = randomInt(2 ** 31);
    const target = [trio.hosts.bert.address, String(before.port), String(seed)];
    const noise = trio.hosts.cora.start([process.execPath, NOISE, ...target]);
    await noise.line((line) => line === "ready", 10_000);
    let rounds = 0;
    for (const began = performance.now(); performance.now() - began < LASTS; rounds++) {
      const [there, back] = await Promise.all([
        anna.ctl(["send", "bert", sourceOf(anna), "--always"]),
        bert.ctl(["send", "anna", sourceOf(bert), "--always"]),
      ]);
      expect(there, `seed ${seed}`).toMatchObject({ code: 0 });
      expect(back, `seed ${seed}`).toMatchObject({ code: 0 });
    }
    const { stdout } = await noise.stop();
    const { packets, connections } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    process.stderr.write(
      `  noise with seed ${seed}: ${packets} packets, ${connections} connections, ${rounds * 2} transfers\n`,
    );
    expect(packets).toBeGreaterThan(100);
    expect(connections).toBeGreaterThan(20);

    for (const [from, device] of [
      [anna, bert],
      [bert, anna],
    ] as const) {
      const names = (await readdir(device.inbox)).filter((name) => !name.startsWith("."));
      expect(names, `seed ${seed}`).toHaveLength(rounds);
      for (const name of names) {
        const found = differences(
          await readTree(sourceOf(from)),
          await readTree(path.join(device.inbox, name)),
          copied,
        );
        expect(found, `seed ${seed}`).toEqual([]);
      }
    }
    const after = await bert.control.call("get", "/v1/status", {});
    expect(after.pid).toBe(before.pid);
    expect(Object.values(after.refused).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    const names = (await bert.control.call("get", "/v1/peers", {})).peers.map(({ name }) => name);
    expect(names, `seed ${seed}`).toContain("anna");
  });
});
