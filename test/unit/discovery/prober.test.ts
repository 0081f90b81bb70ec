import { beforeEach, describe, expect, it } from "vitest";
import type { DeviceId } from "../../../src/core/ids.ts";
import type { ProbeRequest } from "../../../src/discovery/peer-step.ts";
import { Prober } from "../../../src/discovery/prober.ts";
import type { Probe } from "../../../src/discovery/types.ts";
import { ManualClock } from "./support/clock.ts";
import { idOf } from "./support/packets.ts";
import { endpoint } from "./support/table.ts";

const anna = idOf("anna");
const request = (address: string, kind: "peer" | "hint" = "peer"): ProbeRequest => {
  const where = endpoint(address, "mdns");
  return kind === "peer" ? { kind, id: anna, endpoint: where } : { kind, key: address, endpoint: where };
};

let clock: ManualClock;
let asked: string[];
let results: (readonly [string, DeviceId | undefined])[];
let signals: AbortSignal[];

beforeEach(() => {
  clock = new ManualClock();
  asked = [];
  results = [];
  signals = [];
});

function prober(answer: Probe, isWanted: (request: ProbeRequest) => boolean = () => true): Prober {
  return new Prober({
    clock,
    isWanted,
    isUrgent: ({ kind }) => kind === "hint",
    onResult: ({ endpoint: { address } }, id) => results.push([address, id]),
    probe: (where, signal) => {
      asked.push(where.address);
      signals.push(signal);
      return answer(where, signal);
    },
  });
}

const never: Probe = () => new Promise(() => {});

describe("the prober", () => {
  it("reports who answered", async () => {
    prober(async () => anna).ask(request("192.0.2.7"));
    await clock.pass(0);
    expect(results).toEqual([["192.0.2.7", anna]]);
  });

  it.each<[string, Probe]>([
    ["rejects", () => Promise.reject(new Error("no"))],
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
  ])("takes a probe that %s for one that nobody answered", async (_, answer) => {
    prober(answer).ask(request("192.0.2.7"));
    await clock.pass(0);
    expect(results).toEqual([["192.0.2.7", undefined]]);
  });

  it("gives up after a second and a half, and says so to the probe", async () => {
    prober(never).ask(request("192.0.2.7"));
    await clock.pass(1499);
    expect(results).toEqual([]);
    await clock.pass(1);
    expect(results).toEqual([["192.0.2.7", undefined]]);
    expect(signals[0]?.aborted).toBe(true);
  });

  it("hears nothing of an answer that comes after its time", async () => {
    let late = (_: DeviceId) => {};
    prober(() => new Promise((resolve) => (late = resolve))).ask(request("192.0.2.7"));
    await clock.pass(2000);
    late(anna);
    await clock.pass(1);
    expect(results).toEqual([["192.0.2.7", undefined]]);
  });

  it("has eight under way at most, and goes on as they end", async () => {
    const some = prober(never);
    for (let n = 0; n < 20; n++) some.ask(request(`192.0.2.${n}`));
    expect(asked).toHaveLength(8);
    await clock.pass(2000);
    expect(asked).toHaveLength(16);
    await clock.pass(4000);
    expect(results).toHaveLength(20);
  });

  it("starts twenty a second at most, however fast they end", async () => {
    const some = prober(async () => undefined);
    for (let n = 0; n < 100; n++) some.ask(request(`192.0.2.${n}`));
    await clock.pass(999);
    expect(asked).toHaveLength(20);
    await clock.pass(4001);
    expect(asked).toHaveLength(100);
  });

  it("makes urgent ones first, and none that became pointless while it waited", async () => {
    const some = prober(never, ({ endpoint: { address } }) => address !== "192.0.2.9");
    for (let n = 1; n <= 10; n++) some.ask(request(`192.0.2.${n}`));
    some.ask(request("203.0.113.9", "hint"));
    await clock.pass(2000);
    expect(asked.slice(8)).toEqual(["203.0.113.9", "192.0.2.10"]);
  });

  it("tells when nothing is left to do", async () => {
    const some = prober(never);
    let idle = false;
    await some.idle();
    some.ask(request("192.0.2.7"));
    void some.idle().then(() => {
      idle = true;
    });
    await clock.pass(1499);
    expect(idle).toBe(false);
    await clock.pass(1);
    expect(idle).toBe(true);
  });

  it("ends everything when it is closed, reports nothing and leaves no timer", async () => {
    const some = prober(never);
    for (let n = 0; n < 20; n++) some.ask(request(`192.0.2.${n}`));
    some.close();
    some.close();
    some.ask(request("192.0.2.99"));
    await some.idle();
    await clock.pass(10_000);
    expect(asked).toHaveLength(8);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    expect(results).toEqual([]);
    expect(clock.timers).toBe(0);
  });
});
