import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { isSameLink, type LinkAddress, selectAddresses } from "../../../src/discovery/interfaces.ts";

const RULES = { include: [], exclude: [] };

function ipv4(address: string, prefix = 24, internal = false): NetworkInterfaceInfo {
  const mac = internal ? "00:00:00:00:00:00" : "02:00:00:00:00:01";
  return { address, cidr: `${address}/${prefix}`, family: "IPv4", netmask: "unused", mac, internal };
}

function ipv6(address: string, scopeid = 0): NetworkInterfaceInfo {
  return {
    address,
    cidr: `${address}/64`,
    family: "IPv6",
    netmask: "unused",
    mac: "02:00:00:00:00:01",
    internal: false,
    scopeid,
  };
}

const lo = [ipv4("127.0.0.1", 8, true)];
const names = (links: readonly LinkAddress[]) => links.map((link) => `${link.interface} ${link.address}`);

describe("the choice of interfaces", () => {
  it("uses every IPv4 address of ordinary interfaces, and leaves loopback", () => {
    const { used, left } = selectAddresses(
      { lo, eth0: [ipv4("192.0.2.2"), ipv4("198.51.100.2")], wlan0: [ipv4("203.0.113.2")] },
      RULES,
    );
    expect(names(used)).toEqual(["eth0 192.0.2.2", "eth0 198.51.100.2", "wlan0 203.0.113.2"]);
    expect(left).toEqual([{ name: "lo", address: "127.0.0.1", used: false, reason: "loopback" }]);
  });

  it.each([
    "docker0",
    "veth12ab",
    "br-1f2e3d",
    "virbr0",
    "cni0",
    "tun0",
    "tap1",
    "wg0",
    "utun4",
    "tailscale0",
    "vmnet8",
  ])("leaves %s, and says that the settings could use it", (name) => {
    const { used, left } = selectAddresses({ eth0: [ipv4("192.0.2.2")], [name]: [ipv4("172.17.0.1")] }, RULES);
    expect(names(used)).toEqual(["eth0 192.0.2.2"]);
    expect(left).toMatchObject([{ name, used: false, reason: expect.stringContaining("interfaces.include") }]);
  });

  it.each(["eth0", "enp3s0", "wlan0", "wlp2s0", "en0", "br0", "bond0", "bridge0"])("uses %s", (name) => {
    expect(names(selectAddresses({ [name]: [ipv4("192.0.2.2")] }, RULES).used)).toEqual([`${name} 192.0.2.2`]);
  });

  it("uses what the settings include, and never what they exclude", () => {
    const interfaces = { eth0: [ipv4("192.0.2.2")], wg0: [ipv4("10.9.0.2")], wg1: [ipv4("10.8.0.2")] };
    const { used, left } = selectAddresses(interfaces, { include: ["wg*"], exclude: ["eth0", "wg1"] });
    expect(names(used)).toEqual(["wg0 10.9.0.2"]);
    expect(left.map(({ name, reason }) => [name, reason])).toEqual([
      ["eth0", "excluded by the settings"],
      ["wg1", "excluded by the settings"],
    ]);
  });

  it("uses loopback when there is nothing else, so that two daemons of one machine find each other", () => {
    const interfaces = { lo, docker0: [ipv4("172.17.0.1")] };
    expect(names(selectAddresses(interfaces, RULES).used)).toEqual(["lo 127.0.0.1"]);
    expect(selectAddresses(interfaces, { include: [], exclude: ["lo"] }).used).toEqual([]);
  });

  it("lists an interface without an IPv4 address, with the reason", () => {
    const { used, left } = selectAddresses(
      { eth0: [ipv6("2001:db8::2"), ipv6("fe80::2", 4)], eth1: [], eth2: undefined },
      RULES,
    );
    expect(used).toEqual([]);
    expect(left).toEqual([{ name: "eth0", address: "2001:db8::2", used: false, reason: "no IPv4 address" }]);
  });
});

describe("whether a link still serves an address", () => {
  const before: LinkAddress = {
    interface: "eth0",
    address: "192.0.2.2",
    cidr: "192.0.2.2/24",
    mac: "02:00:00:00:00:01",
    index: 4,
  };

  it.each<[string, Partial<LinkAddress>]>([
    ["the address", { address: "192.0.2.3", cidr: "192.0.2.3/24" }],
    ["the netmask", { cidr: "192.0.2.2/25" }],
    ["the card", { mac: "02:00:00:00:00:02" }],
    ["the name", { interface: "eth1" }],
    ["the number of the interface", { index: 9 }],
  ])("depends on %s", (_, change) => {
    expect(isSameLink(before, { ...before, ...change })).toBe(false);
  });

  it("does not depend on a number that is not known yet", () => {
    expect(isSameLink(before, { ...before, index: null })).toBe(true);
    expect(isSameLink({ ...before, index: null }, before)).toBe(true);
  });

  it("knows the number from the link-local address", () => {
    const { used } = selectAddresses(
      { eth0: [ipv4("192.0.2.2"), ipv6("fe80::2", 7)], eth1: [ipv4("192.0.2.3")] },
      RULES,
    );
    expect(used.map(({ index }) => index)).toEqual([7, null]);
  });
});
