/** What the discovery port promises, for each of its implementations. */

import { describe, expect, it } from "vitest";
import { describeOnLoopback } from "./support/loopback.ts";
import { idOf } from "./support/packets.ts";
import { eventsOf, loopbackWorld, memoryWorld, peerOf, type World, within } from "./support/worlds.ts";

function conforms(open: () => Promise<World>): void {
  it("shows two devices to each other, each with its name and where it listens, and none to itself", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const bert = await world.device("bert");
    const seen = await within(world, 3000, () => peerOf(anna, bert));
    await within(world, 3000, () => peerOf(bert, anna));
    expect(seen).toMatchObject({ id: bert.id, name: "bert", state: "present" });
    expect(seen.endpoints).toMatchObject([{ address: "127.0.0.1", port: bert.port, source: "mdns" }]);
    expect(peerOf(anna, anna)).toBeUndefined();
    expect(eventsOf(anna, bert)).toEqual(["up present"]);
  });

  it("goes on showing a device that is there", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const bert = await world.device("bert");
    await within(world, 3000, () => peerOf(anna, bert));
    await world.pass(20_000);
    expect(eventsOf(anna, bert).filter((event) => event.startsWith("down"))).toEqual([]);
    expect(peerOf(anna, bert)).toBeDefined();
  });

  it("drops a device that stops in order at once", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const bert = await world.device("bert");
    await within(world, 3000, () => peerOf(anna, bert));
    await bert.stop();
    await within(world, 3000, () => (peerOf(anna, bert) ? undefined : true));
    expect(eventsOf(anna, bert).at(-1)).toBe("down suspect");
  });

  it("drops a device that was killed, after doubting it", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const bert = await world.device("bert");
    await within(world, 3000, () => peerOf(anna, bert));
    await bert.kill();
    await within(world, 12_000, () => (peerOf(anna, bert) ? undefined : true));
    expect(eventsOf(anna, bert).slice(-2)).toEqual(["changed suspect", "down suspect"]);
  });

  it("loses and finds devices with the cable", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const bert = await world.device("bert");
    await within(world, 3000, () => peerOf(bert, anna));
    await bert.unplug();
    await within(world, 12_000, () => (peerOf(anna, bert) ? undefined : true));
    expect(bert.discovery.interfaces().some(({ used }) => used)).toBe(false);
    await bert.plug();
    await within(world, 4000, () => peerOf(anna, bert));
    await within(world, 4000, () => peerOf(bert, anna));
    expect(bert.discovery.interfaces()).toMatchObject([{ used: true, reason: null }]);
  });

  it("tells that a device was started anew, with its new port first", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const first = await world.device("bert");
    await within(world, 3000, () => peerOf(anna, first));
    await first.kill();
    const told = anna.events.length;
    const second = await world.device("bert");
    await within(world, 3000, () => (peerOf(anna, second)?.endpoints[0]?.port === second.port ? true : undefined));
    expect(anna.events.length).toBeGreaterThan(told);
  });

  it("shows a device that is renamed as the same device, without doubting it", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const bert = await world.device("bert");
    await within(world, 3000, () => peerOf(anna, bert));
    await world.pass(1500); // its announcements are over
    bert.discovery.rename("Bertram 🦊");
    await within(world, 3000, () => (peerOf(anna, bert)?.name === "Bertram 🦊" ? true : undefined));
    await world.pass(3000);
    expect(eventsOf(anna, bert)).toEqual(["up present", "changed present"]);
    expect(peerOf(anna, bert)?.name).toBe("Bertram 🦊");
  });

  it("shows a hint while it answers, and until it is taken back", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const bert = await world.device("bert");
    await within(world, 3000, () => peerOf(anna, bert));
    const endpoint = { address: "127.0.0.1", port: bert.port, interface: null, source: "static" } as const;
    const alone = await world.device("alone");
    alone.discovery.hint("nas", endpoint);
    await within(world, 3000, () => (peerOf(alone, bert)?.name === "nas" ? true : undefined));
    alone.discovery.unhint("nas");
    expect(peerOf(alone, bert)?.name).not.toBe("nas");
    alone.discovery.hint("other", { ...endpoint, port: 1 }, idOf("nobody"));
    await world.pass(3000);
    expect(peerOf(alone, { id: idOf("nobody") })).toBeUndefined();
  });

  it("tells all subscribers, whatever one of them does, until they unsubscribe", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const told: string[] = [];
    anna.discovery.subscribe(() => {
      throw new Error("not my day");
    });
    const stop = anna.discovery.subscribe(({ change }) => told.push(change));
    const bert = await world.device("bert");
    await within(world, 3000, () => peerOf(anna, bert));
    expect(told).toContain("up");
    stop();
    stop();
    const before = told.length;
    await bert.stop();
    await within(world, 3000, () => (peerOf(anna, bert) ? undefined : true));
    expect(told).toHaveLength(before);
  });

  it("refreshes within about a second", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    const bert = await world.device("bert");
    await within(world, 3000, () => peerOf(anna, bert));
    const before = world.clock.monotonic();
    let done = false;
    void anna.discovery.refresh().then(() => {
      done = true;
    });
    await within(world, 3000, () => (done ? true : undefined));
    expect(world.clock.monotonic() - before).toBeLessThan(2000);
    expect(peerOf(anna, bert)).toBeDefined();
  });

  it("tells nothing any more when it is closed, and can be closed twice", async () => {
    await using world = await open();
    const anna = await world.device("anna");
    await Promise.all([anna.discovery.close(), anna.discovery.close()]);
    const bert = await world.device("bert");
    anna.discovery.hint("x", { address: "127.0.0.1", port: bert.port, interface: null, source: "static" });
    await anna.discovery.refresh();
    await world.pass(3000);
    expect(anna.events).toEqual([]);
    expect(peerOf(bert, anna)).toBeUndefined();
  });
}

describe("discovery in memory", () => conforms(memoryWorld));

describeOnLoopback("discovery by multicast DNS", () => conforms(loopbackWorld));
