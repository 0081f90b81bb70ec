import { describe, expect, it } from "vitest";
import { Gate } from "../../../src/discovery/gate.ts";
import { ManualClock } from "./support/clock.ts";
import { encode, recordsOf } from "./support/packets.ts";

const packet = encode(recordsOf());
const from = (address: string, port = 5353) => ({ address, port });

describe("the gate of a link", () => {
  it("takes packets of responders in its own subnet, its own address included", () => {
    const gate = new Gate("192.0.2.2/24", new ManualClock());
    expect(gate.admits(packet, from("192.0.2.7"))).toBe(true);
    expect(gate.admits(packet, from("192.0.2.2"))).toBe(true);
  });

  it("takes none from elsewhere, and none from a port that no responder sends from", () => {
    const gate = new Gate("192.0.2.2/24", new ManualClock());
    expect(gate.admits(packet, from("192.0.3.7"))).toBe(false);
    expect(gate.admits(packet, from("127.0.0.1"))).toBe(false);
    expect(gate.admits(packet, from("192.0.2.7", 53))).toBe(false);
    expect(gate.isOnLink("fe80::1")).toBe(false);
    expect(gate.isOnLink("nonsense")).toBe(false);
  });

  it("takes none that is shorter than a header or longer than a frame", () => {
    const gate = new Gate("192.0.2.2/24", new ManualClock());
    expect(gate.admits(new Uint8Array(11), from("192.0.2.7"))).toBe(false);
    expect(gate.admits(new Uint8Array(12), from("192.0.2.7"))).toBe(true);
    expect(gate.admits(new Uint8Array(1501), from("192.0.2.7"))).toBe(false);
  });

  it.each([4, 6, 8, 10])("takes none that promises more records than it has room for (count at byte %i)", (at) => {
    const gate = new Gate("192.0.2.2/24", new ManualClock());
    const lying = Buffer.from(packet);
    lying.writeUInt16BE(65_535, at);
    expect(gate.admits(lying, from("192.0.2.7"))).toBe(false);
  });

  it("lets one source that floods use up its own share only, and for a second only", async () => {
    const clock = new ManualClock();
    const gate = new Gate("192.0.2.2/24", clock);
    const admitted = (address: string, count: number) =>
      Array.from({ length: count }, () => gate.admits(packet, from(address))).filter(Boolean).length;
    expect(admitted("192.0.2.66", 10_000)).toBe(100);
    expect(admitted("192.0.2.7", 10)).toBe(10);
    await clock.pass(1000);
    expect(admitted("192.0.2.66", 1)).toBe(1);
  });

  it("bounds what it takes from all sources together", () => {
    const gate = new Gate("192.0.2.2/16", new ManualClock());
    const admitted = Array.from({ length: 5000 }, (_, n) => gate.admits(packet, from(`192.0.${n >> 8}.${n & 255}`)));
    expect(admitted.filter(Boolean)).toHaveLength(1000);
  });
});
