/** The network between two hosts in the middle of a transfer, and hosts that stand still. */

import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { Duo } from "../support/duo.ts";
import { measured } from "../support/measured.ts";
import { suiteFor } from "../support/privilege.ts";
import { MiB } from "../support/sizes.ts";

const SIZE = { bytes: 16 * MiB, megabits: 50 }; // about 3 s
/** Sent twice at most, each time: what was on its way, and what was not confirmed. */
const AGAIN = 8 * MiB;

suiteFor(["hosts"])("in the middle of a transfer", () => {
  it.concurrent.each([5, 40])("the cable may be out for %i s", async (seconds) => {
    await using duo = await Duo.open(SIZE);
    const before = await duo.sent();
    const id = await duo.begin();
    await duo.hosts.bert.unplug();
    await sleep(seconds * 1000);
    await duo.hosts.bert.plug();
    const plugged = performance.now();
    await duo.arrives(id);
    measured(`cable out for ${seconds} s → all delivered`, performance.now() - plugged, "a few seconds");
    expect((await duo.sent()) - before).toBeLessThan(duo.bytes * 1.1 + AGAIN);
  });

  it.concurrent.each(["anna", "bert"] as const)("%s may get another address", async (name) => {
    await using duo = await Duo.open(SIZE);
    const before = await duo.sent();
    const id = await duo.begin();
    await duo.hosts[name].changeAddress("10.77.0.80");
    const changed = performance.now();
    await duo.arrives(id);
    const took = performance.now() - changed;
    measured(`other address of ${name} → all delivered`, took, "some 8 s");
    expect(took).toBeLessThan(30_000); // when silence alone would have been noticed
    expect((await duo.sent()) - before).toBeLessThan(duo.bytes * 1.1 + AGAIN);
  });

  it.concurrent.each(["anna", "bert"] as const)("%s may stand still for a while", async (name) => {
    await using duo = await Duo.open(SIZE);
    const before = await duo.sent();
    const id = await duo.begin();
    const { daemon } = duo[name];
    daemon.kill("SIGSTOP");
    await sleep(5_000);
    daemon.kill("SIGCONT");
    await duo.arrives(id);
    expect((await duo.sent()) - before).toBeLessThan(duo.bytes * 1.1 + AGAIN);
  });
});
