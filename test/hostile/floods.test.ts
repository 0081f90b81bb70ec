/** Strangers in numbers, with nothing good in mind, while two paired devices go on with their work. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { suiteFor } from "../support/privilege.ts";
import { Arena, type Siege } from "./support/arena.ts";
import { tableOf } from "./support/table.ts";

/** Of one core, that an attack may cost: what is left is for transfers. The machine may be busy, so it is generous. */
const MOST_CPU = 0.9;
/** Lines in the log about one attack: one at once, one a minute, and one for the minute that has begun before. */
const MOST_LINES = 3;

suiteFor(["hosts"])("A paired device's transfers go on, and nothing is left behind, under", () => {
  let arena: Arena;
  let many: string[];
  beforeAll(async () => {
    arena = await Arena.open();
    many = await arena.addresses(50);
    await arena.measureAlone();
  });
  afterAll(async () => {
    process.stderr.write(tableOf(arena?.sieges ?? []));
    await arena?.lan.close();
  });

  const lines = () => arena.bert.daemon.stdout.split("\n").filter((line) => line.includes("refused")).length;

  /** Runs an attack; resolves to what came of it, and by how much the counters of refusals have grown. */
  async function withstood(
    ...attack: Parameters<Arena["withstand"]>
  ): Promise<Siege & { readonly refused: Siege["report"]["counts"] }> {
    const [before, linesBefore] = [await arena.refusals(), lines()];
    const siege = await arena.withstand(...attack);
    const after = Object.entries(await arena.refusals());
    expect(siege.cpu).toBeLessThan(MOST_CPU);
    expect(lines() - linesBefore).toBeLessThanOrEqual(MOST_LINES);
    return { ...siege, refused: Object.fromEntries(after.map(([why, count]) => [why, count - (before[why] ?? 0)])) };
  }

  it("1,000 connections that say nothing, or a byte a second", async () => {
    const { report, refused, peak, before } = await withstood("silent, or a byte a second", "silent", { count: 1_000 });
    expect(report["answered"]).toBe(0);
    expect(report["longest"]).toBeLessThan(15_000);
    expect((refused["crowded out"] ?? 0) + (refused["too slow"] ?? 0)).toBe(1_000);
    expect(peak.descriptors - before.descriptors).toBeLessThan(100);
  });

  it("10,000 handshakes that come to nothing", async () => {
    const { report } = await withstood("bad handshakes", "handshakes", { count: 10_000, width: 256 });
    expect(report.counts["still open"]).toBeUndefined();
  });

  it("2,000 of them from the address of a paired device", async () => {
    const parameters = { count: 2_000, width: 256 };
    const { report } = await withstood("the same, at anna's address", "handshakes", parameters, arena.hosts.anna);
    expect(report.counts["still open"]).toBeUndefined();
  });

  it("every protocol but ours, from 50 addresses", async () => {
    const { report } = await withstood("other protocols", "babble", { count: 700, width: 128, from: many });
    expect(report.counts["answered"]).toBeUndefined();
    expect(report.counts["still open"]).toBeUndefined();
    expect(report["longestAnswer"]).toBeLessThanOrEqual(7); // an alert of TLS
  });

  it("1,000 requests to pair, from 50 addresses, while nobody wants to", async () => {
    const { report, refused } = await withstood("requests to pair", "pairing", { count: 1_000, width: 64, from: many });
    expect(report.counts["answered"]).toBeUndefined();
    expect(refused["pairing"]).toBe(report.counts["refused"]);
    expect(report.counts["refused"]).toBeGreaterThan(500);
    const status = await arena.bert.control.call("get", "/v1/status", {});
    expect(status).toMatchObject({ pairing: "closed", offers: 0, devices: 1 });
  });

  it("10,000 announced devices that there are not, and packets that are none, from 50 addresses", async () => {
    const parameters = { count: 10_000, perSecond: 2_500, from: many };
    const { report } = await withstood("announced devices", "mdns", parameters);
    expect(report.counts["malformed"]).toBeGreaterThan(1_000);
    const { peers } = await arena.bert.control.call("get", "/v1/peers", {});
    expect(peers.length).toBeLessThanOrEqual(256);
    expect(peers.map(({ name }) => name)).toContain("anna");
  });
});
