import { describe, expect, it } from "vitest";
import { Gate } from "../../../src/discovery/gate.ts";
import type { LinkAddress } from "../../../src/discovery/interfaces.ts";
import { ManualClock } from "./support/clock.ts";
import { encode, recordsOf } from "./support/packets.ts";

const common = { interface: "eth0", mac: "02:00:00:00:00:01", index: 2 };
const ipv4Link = (...cidrs: string[]): LinkAddress => ({ ...common, family: 4, address: "192.0.2.2", cidrs });
const ipv6Link = (...cidrs: string[]): LinkAddress => ({ ...common, family: 6, address: "fe80::2", cidrs });

const packet = encode(recordsOf());
const from = (address: string, port = 5353) => ({ address, port });

describe("the gate of a link", () => {
  it("takes packets of responders in its own subnet, its own address included", () => {
    const gate = new Gate(ipv4Link("192.0.2.2/24"), new ManualClock());
    expect(gate.admits(packet, from("192.0.2.7"))).toBe(true);
    expect(gate.admits(packet, from("192.0.2.2"))).toBe(true);
  });

  it("takes none from elsewhere, and none from a port that no responder sends from", () => {
    const gate = new Gate(ipv4Link("192.0.2.2/24"), new ManualClock());
    expect(gate.admits(packet, from("192.0.3.7"))).toBe(false);
    expect(gate.admits(packet, from("127.0.0.1"))).toBe(false);
    expect(gate.admits(packet, from("192.0.2.7", 53))).toBe(false);
    expect(gate.admits(packet, from("fe80::7%eth0"))).toBe(false);
  });

  it("takes with IPv6 what comes over its own interface, link-local or from a subnet of it", () => {
    const gate = new Gate(ipv6Link("fe80::2/64", "2001:db8::2/64", "192.0.2.2/24"), new ManualClock());
    for (const address of ["fe80::7%eth0", "fe80::2%eth0", "2001:db8::7"]) {
      expect(gate.admits(packet, from(address)), address).toBe(true);
    }
    for (const address of ["fe80::7%eth1", "fe80::7", "2001:db8:1::7", "192.0.2.7", "::1", "nonsense"]) {
      expect(gate.admits(packet, from(address)), address).toBe(false);
    }
  });

  it("takes as reachable what a record names of any subnet of its interface, and no other", () => {
    for (const link of [
      ipv4Link("192.0.2.2/24", "fe80::2/64", "2001:db8::2/64"),
      ipv6Link("fe80::2/64", "2001:db8::2/64", "192.0.2.2/24"),
    ]) {
      const gate = new Gate(link, new ManualClock());
      expect(gate.reachable("192.0.2.9")).toBe("192.0.2.9");
      expect(gate.reachable("2001:db8::9")).toBe("2001:db8::9");
      expect(gate.reachable("fe80::9")).toBe("fe80::9%eth0");
      for (const address of ["192.0.3.9", "2001:db9::9", "::1", "127.0.0.1", "::ffff:10.0.0.1", "nonsense", ""]) {
        expect(gate.reachable(address), address).toBeUndefined();
      }
    }
  });

  it("takes no link-local address as reachable where the interface has no IPv6", () => {
    expect(new Gate(ipv4Link("192.0.2.2/24"), new ManualClock()).reachable("fe80::9")).toBeUndefined();
  });

  it("follows the addresses of its interface", () => {
    const gate = new Gate(ipv6Link("fe80::2/64"), new ManualClock());
    expect(gate.reachable("2001:db8::9")).toBeUndefined();
    gate.readdress(ipv6Link("fe80::2/64", "2001:db8::2/64"));
    expect(gate.reachable("2001:db8::9")).toBe("2001:db8::9");
    expect(gate.admits(packet, from("2001:db8::9"))).toBe(true);
  });

  it("takes none that is shorter than a header or longer than a frame", () => {
    const gate = new Gate(ipv4Link("192.0.2.2/24"), new ManualClock());
    expect(gate.admits(new Uint8Array(11), from("192.0.2.7"))).toBe(false);
    expect(gate.admits(new Uint8Array(12), from("192.0.2.7"))).toBe(true);
    expect(gate.admits(new Uint8Array(1501), from("192.0.2.7"))).toBe(false);
  });

  it.each([4, 6, 8, 10])("takes none that promises more records than it has room for (count at byte %i)", (at) => {
    const gate = new Gate(ipv4Link("192.0.2.2/24"), new ManualClock());
    const lying = Buffer.from(packet);
    lying.writeUInt16BE(65_535, at);
    expect(gate.admits(lying, from("192.0.2.7"))).toBe(false);
  });

  it("lets one source that floods use up its own share only, and for a second only", async () => {
    const clock = new ManualClock();
    const gate = new Gate(ipv4Link("192.0.2.2/24"), clock);
    const admitted = (address: string, count: number) =>
      Array.from({ length: count }, () => gate.admits(packet, from(address))).filter(Boolean).length;
    expect(admitted("192.0.2.66", 10_000)).toBe(100);
    expect(admitted("192.0.2.7", 10)).toBe(10);
    await clock.pass(1000);
    expect(admitted("192.0.2.66", 1)).toBe(1);
  });

  it("bounds what it takes from all sources together", () => {
    const gate = new Gate(ipv4Link("192.0.2.2/16"), new ManualClock());
    const admitted = Array.from({ length: 5000 }, (_, n) => gate.admits(packet, from(`192.0.${n >> 8}.${n & 255}`)));
    expect(admitted.filter(Boolean)).toHaveLength(1000);
  });
});
