import { beforeEach, describe, expect, it } from "vitest";
import type { DeviceId } from "../../../src/core/ids.ts";
import { silentLog } from "../../../src/core/log.ts";
import { MemoryLan, type MemoryNode } from "../../../src/discovery/memory.ts";
import { ManualClock } from "./support/clock.ts";
import { idOf } from "./support/packets.ts";

let clock: ManualClock;
let lan: MemoryLan;
let listening: Map<string, DeviceId>;

beforeEach(() => {
  clock = new ManualClock();
  lan = new MemoryLan(clock);
  listening = new Map();
});

async function join(seed: string, address: string, port = 1): Promise<MemoryNode> {
  listening.set(`${address}:${port}`, idOf(seed));
  const probe = async (at: { address: string; port: number }) => listening.get(`${at.address}:${at.port}`);
  const node = lan.join({ log: silentLog, isPaired: () => false, probe }, address);
  await node.discovery.start({ id: idOf(seed), name: seed, port });
  return node;
}

const names = ({ discovery }: MemoryNode) =>
  discovery
    .peers()
    .map(({ name }) => name)
    .sort();

describe("the network in memory", () => {
  it("can be parted and joined again", async () => {
    const [anna, bert, carl] = [
      await join("anna", "10.0.0.1"),
      await join("bert", "10.0.0.2"),
      await join("carl", "10.0.0.3"),
    ];
    await clock.pass(1000);
    expect([names(anna), names(bert), names(carl)]).toEqual([
      ["bert", "carl"],
      ["anna", "carl"],
      ["anna", "bert"],
    ]);
    carl.plug("elsewhere");
    await clock.pass(12_000);
    expect([names(anna), names(bert), names(carl)]).toEqual([["bert"], ["anna"], []]);
    carl.plug();
    await clock.pass(1000);
    expect([names(anna), names(bert), names(carl)]).toEqual([
      ["bert", "carl"],
      ["anna", "carl"],
      ["anna", "bert"],
    ]);
  });

  it("lets nobody reach a device at an address that it has left", async () => {
    const anna = await join("anna", "10.0.0.1");
    const bert = await join("bert", "10.0.0.2");
    await clock.pass(1000);
    listening.set("10.0.0.9:1", idOf("bert"));
    bert.moveTo("10.0.0.9");
    await clock.pass(1000);
    const addresses = () => anna.discovery.peers()[0]?.endpoints.map(({ address }) => address);
    expect(addresses()?.[0]).toBe("10.0.0.9");
    await clock.pass(30_000);
    expect(addresses()).toEqual(["10.0.0.9"]);
    expect(bert.discovery.interfaces()).toEqual([
      { name: "mem0", address: "10.0.0.9", chosen: true, used: true, reason: null },
    ]);
  });

  it("leaves alone what is not of this network, so that a static peer can be a real one", async () => {
    const anna = await join("anna", "10.0.0.1");
    listening.set("203.0.113.9:5", idOf("nas"));
    anna.discovery.hint("nas", { address: "203.0.113.9", port: 5, interface: null, source: "static" });
    await clock.pass(100);
    expect(names(anna)).toEqual(["nas"]);
  });
});
