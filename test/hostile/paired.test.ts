/** A device that was paired in good faith, and what it can do to the others with that. */

import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Device } from "../support/device.ts";
import { suiteFor } from "../support/privilege.ts";
import { Arena } from "./support/arena.ts";
import { tableOf } from "./support/table.ts";

/** What one device may have waiting for an answer. */
const WAITING = 16;
/** Of the lines about offers that were declined: a burst of 20, and one every five seconds. */
const MOST_LINES = 60;

suiteFor(["hosts"])("A paired device that turned hostile", () => {
  let arena: Arena;
  let credentials: { readonly key: string; readonly cert: string };
  beforeAll(async () => {
    arena = await Arena.open();
    const mallory = new Device(arena.hosts.mallory);
    await mallory.start();
    await mallory.pairWith(arena.bert, `${arena.target.host}:${arena.target.port}`);
    await mallory.stop();
    await arena.bert.tell("policy", "mallory", "ask");
    credentials = { key: path.join(mallory.state, "key.pem"), cert: path.join(mallory.state, "cert.pem") };
    await arena.measureAlone();
  });
  afterAll(async () => {
    process.stderr.write(tableOf(arena?.sieges ?? []));
    await arena?.lan.close();
  });

  it("with 10,000 offers asks its user 16 times and keeps nobody else from sending", async () => {
    let most = 0;
    let over = false;
    const looking = (async () => {
      for (; !over; await sleep(100)) {
        most = Math.max(most, (await arena.bert.control.call("get", "/v1/status", {})).offers);
      }
    })();
    const parameters = { ...credentials, count: 10_000, width: 140 };
    const siege = arena.withstand("offers of a paired device", "offers", parameters);
    const { report } = await siege.finally(() => {
      over = true;
    });
    await looking;
    expect(report.counts).toEqual({ ask: WAITING, E_BUSY: report.attempts - WAITING });
    expect(most).toBe(WAITING);
    const lines = arena.bert.daemon.stdout.split("\n").filter((line) => line.includes("offer declined"));
    expect(lines.length).toBeLessThan(MOST_LINES);
    // Those that waited were declined, too, when who had made them was gone.
    expect((await arena.refusals())["offers"]).toBe(report.attempts - lines.length);
    expect(await arena.bert.control.call("get", "/v1/offers", {})).toEqual({ offers: [] });
  });
});
