import { describe, expect, it } from "vitest";
import type { LanxferError } from "../../../src/core/errors.ts";
import { follow } from "../../../src/daemon/outgoing/follow.ts";
import type { Endpoint, Peer, PeerEvent } from "../../../src/discovery/types.ts";
import { ManualClock } from "../discovery/support/clock.ts";
import { idOf } from "../discovery/support/packets.ts";

const [BERT, OTHER] = [idOf("bert"), idOf("other")];
const [OLD, NEW] = ["10.0.0.2", "10.0.0.80"];

/** A connection to bert at OLD, and what answers where. */
class Scene {
  readonly clock = new ManualClock();
  /** Who answers at which address. */
  readonly there = new Map<string, typeof BERT>();
  readonly asked: string[] = [];
  readonly listeners = new Set<(event: PeerEvent) => void>();
  readonly stop: () => void;
  heardAt: number;
  lost: LanxferError | undefined;

  constructor(remoteAddress = OLD) {
    this.heardAt = this.clock.monotonic();
    const silence = () => this.clock.monotonic() - this.heardAt;
    const link = {
      peer: BERT,
      remoteAddress,
      get silence() {
        return silence();
      },
      destroy: (reason?: LanxferError) => {
        this.lost ??= reason;
      },
    };
    const probe = async ({ address }: Endpoint, signal: AbortSignal) => {
      this.asked.push(address);
      const answer = this.there.get(address);
      // Where nobody is, nothing comes back.
      if (answer === undefined) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return answer;
    };
    const subscribe = (listener: (event: PeerEvent) => void) => {
      this.listeners.add(listener);
      return () => void this.listeners.delete(listener);
    };
    this.stop = follow(link, { clock: this.clock, probe, discovery: { subscribe } });
  }

  tell(addresses: readonly string[], change: PeerEvent["change"] = "changed", id = BERT): void {
    const endpoints = addresses.map((address): Endpoint => {
      return { address, port: 1, interface: "eth0", source: "mdns" };
    });
    const peer: Peer = { id, name: "bert", endpoints, state: "present", seenAt: 0 };
    for (const listener of this.listeners) listener({ change, peer });
  }
}

describe("A connection to a device that is seen at another address", () => {
  it("ends when it answers there, and no longer here", async () => {
    const scene = new Scene();
    scene.there.set(NEW, BERT);
    scene.tell([OLD, NEW]);
    await scene.clock.pass(3_900);
    expect(scene.lost).toBeUndefined();
    await scene.clock.pass(200);
    expect(scene.lost).toMatchObject({ code: "E_LOST" });
  });

  it("ends also when nobody speaks of the old address any more", async () => {
    const scene = new Scene();
    scene.there.set(NEW, BERT);
    scene.tell([NEW]);
    await scene.clock.pass(2_100);
    expect(scene.lost).toMatchObject({ code: "E_LOST" });
  });

  it.each([
    ["it answers at both", [OLD, NEW]],
    ["it answers here only", [OLD]],
    ["it answers nowhere", []],
  ])("stays when %s", async (_, where) => {
    const scene = new Scene();
    for (const address of where) scene.there.set(address, BERT);
    scene.tell([OLD, NEW]);
    await scene.clock.pass(20_000);
    expect(scene.lost).toBeUndefined();
    expect(scene.clock.timers).toBe(0);
  });

  it("stays when another device answers there", async () => {
    const scene = new Scene();
    scene.there.set(NEW, OTHER);
    scene.tell([OLD, NEW]);
    await scene.clock.pass(20_000);
    expect(scene.lost).toBeUndefined();
  });

  it("stays, and nobody is asked, when something has been heard on it since", async () => {
    const scene = new Scene();
    scene.there.set(NEW, BERT);
    scene.tell([OLD, NEW]);
    await scene.clock.pass(1_000);
    scene.heardAt = scene.clock.monotonic();
    await scene.clock.pass(20_000);
    expect(scene.lost).toBeUndefined();
    expect(scene.asked).toEqual([]);
  });

  it("stays when something is heard on it while others are asked", async () => {
    const scene = new Scene();
    scene.there.set(NEW, BERT);
    scene.tell([OLD, NEW]);
    await scene.clock.pass(3_000);
    scene.heardAt = scene.clock.monotonic();
    await scene.clock.pass(20_000);
    expect(scene.lost).toBeUndefined();
  });

  it("is looked at again when more is told meanwhile", async () => {
    const scene = new Scene();
    scene.there.set(NEW, BERT);
    scene.tell([OLD, "10.0.0.99"]);
    await scene.clock.pass(1_000);
    scene.tell([OLD, NEW]);
    await scene.clock.pass(8_100);
    expect(scene.lost).toMatchObject({ code: "E_LOST" });
  });

  it("is nobody's concern when others are told of, or its device goes, or the same addresses are told", async () => {
    const scene = new Scene("fe80::2");
    scene.there.set(NEW, BERT);
    scene.tell([NEW], "changed", OTHER);
    scene.tell([NEW], "down");
    scene.tell(["fe80::2%eth0"]);
    await scene.clock.pass(20_000);
    expect(scene.asked).toEqual([]);
    expect(scene.lost).toBeUndefined();
  });

  it("is left alone when its use has ended, also in the middle", async () => {
    const scene = new Scene();
    scene.there.set(NEW, BERT);
    scene.tell([OLD, NEW]);
    await scene.clock.pass(2_500);
    scene.stop();
    await scene.clock.pass(20_000);
    expect(scene.lost).toBeUndefined();
    expect(scene.listeners.size).toBe(0);
    expect(scene.clock.timers).toBe(0);
  });
});
