import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { isSameLink, isSameReach, type LinkAddress, selectAddresses } from "../../../src/discovery/interfaces.ts";

const RULES = { include: [], exclude: [] };

function ipv4(address: string, prefix = 24, internal = false): NetworkInterfaceInfo {
  const mac = internal ? "00:00:00:00:00:00" : "02:00:00:00:00:01";
  return { address, cidr: `${address}/${prefix}`, family: "IPv4", netmask: "unused", mac, internal };
}

function ipv6(address: string, scopeid = 0, internal = false): NetworkInterfaceInfo {
  const mac = internal ? "00:00:00:00:00:00" : "02:00:00:00:00:01";
  return { address, cidr: `${address}/64`, family: "IPv6", netmask: "unused", mac, internal, scopeid };
}

const lo = [ipv4("127.0.0.1", 8, true), ipv6("::1", 0, true)];
const names = (links: readonly LinkAddress[]) => links.map((link) => `${link.interface} ${link.address}`);

describe("the choice of interfaces", () => {
  it("uses every IPv4 address of ordinary interfaces, and leaves loopback", () => {
    const { used, left } = selectAddresses(
      { lo, eth0: [ipv4("192.0.2.2"), ipv4("198.51.100.2")], wlan0: [ipv4("203.0.113.2")] },
      RULES,
    );
    expect(names(used)).toEqual(["eth0 192.0.2.2", "eth0 198.51.100.2", "wlan0 203.0.113.2"]);
    expect(left).toEqual([{ name: "lo", address: "127.0.0.1", chosen: false, used: false, reason: "loopback" }]);
  });

  it.each([
    "docker0",
    "veth12ab",
    "br-1f2e3d",
    "virbr0",
    "cni0",
    "flannel.1",
    "cali1234",
    "kube-ipvs0",
    "tun0",
    "tap1",
    "wg0",
    "utun4",
    "tailscale0",
    "vmnet8",
    "vboxnet0",
    "zt5u4uptmb",
    "ppp0",
    "awdl0",
  ])("leaves %s, and says that the settings could use it", (name) => {
    const { used, left } = selectAddresses({ eth0: [ipv4("192.0.2.2")], [name]: [ipv4("172.17.0.1")] }, RULES);
    expect(names(used)).toEqual(["eth0 192.0.2.2"]);
    expect(left).toMatchObject([{ name, used: false, reason: expect.stringContaining("interfaces.include") }]);
  });

  it("leaves a tunnel whatever it is called: it has no hardware address", () => {
    const tunnel = { ...ipv4("10.9.0.2", 32), mac: "00:00:00:00:00:00" };
    const { used, left } = selectAddresses({ eth0: [ipv4("192.0.2.2")], office: [tunnel] }, RULES);
    expect(names(used)).toEqual(["eth0 192.0.2.2"]);
    expect(left).toMatchObject([{ name: "office", reason: expect.stringContaining("interfaces.include") }]);
    expect(names(selectAddresses({ office: [tunnel] }, { include: ["office"], exclude: [] }).used)).toEqual([
      "office 10.9.0.2",
    ]);
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

  it("makes one link of all IPv6 addresses of an interface, the link-local one first, in an order of its own", () => {
    const local = ipv6("fe80::2", 4);
    const [one, other] = [ipv6("fd00::2"), ipv6("2001:db8::2")];
    const { used, left } = selectAddresses({ eth0: [one, local, other], eth1: [], eth2: undefined }, RULES);
    const cidrs = ["fe80::2/64", "2001:db8::2/64", "fd00::2/64"];
    const link = { interface: "eth0", family: 6, address: "fe80::2", cidrs, mac: local.mac, index: 4 };
    expect(used).toEqual([link]);
    expect(selectAddresses({ eth0: [other, one, local] }, RULES).used).toEqual([link]);
    expect(left).toEqual([]);
  });

  it("makes links of both families where an interface has both, each with what the other has", () => {
    const { used } = selectAddresses({ eth0: [ipv4("192.0.2.2"), ipv4("198.51.100.2"), ipv6("fe80::2", 4)] }, RULES);
    expect(used.map(({ family, cidrs }) => [family, ...cidrs])).toEqual([
      [4, "192.0.2.2/24", "fe80::2/64"],
      [4, "198.51.100.2/24", "fe80::2/64"],
      [6, "fe80::2/64", "192.0.2.2/24", "198.51.100.2/24"],
    ]);
  });

  it("uses an interface that has IPv6 and no link-local address", () => {
    expect(names(selectAddresses({ eth0: [ipv6("2001:db8::2")] }, RULES).used)).toEqual(["eth0 2001:db8::2"]);
  });

  it("says of an interface why none of its addresses will do", () => {
    const holes = { ...ipv4("192.0.2.2"), cidr: null };
    const { used, left } = selectAddresses({ eth0: [holes] }, RULES);
    expect(used).toEqual([]);
    expect(left).toEqual([
      { name: "eth0", address: "192.0.2.2", chosen: false, used: false, reason: "no usable address" },
    ]);
  });
});

describe("whether a link still serves an address", () => {
  const before: LinkAddress = {
    interface: "eth0",
    family: 4,
    address: "192.0.2.2",
    cidrs: ["192.0.2.2/24", "fe80::2/64"],
    mac: "02:00:00:00:00:01",
    index: 4,
  };

  it.each<[string, Partial<LinkAddress>]>([
    ["the address", { address: "192.0.2.3", cidrs: ["192.0.2.3/24"] }],
    ["the netmask", { cidrs: ["192.0.2.2/25"] }],
    ["the family", { family: 6 }],
    ["the card", { mac: "02:00:00:00:00:02" }],
    ["the name", { interface: "eth1" }],
    ["the number of the interface", { index: 9 }],
  ])("depends on %s", (_, change) => {
    expect(isSameLink(before, { ...before, ...change })).toBe(false);
  });

  it("does not depend on addresses that it only tells of", () => {
    const six: LinkAddress = { ...before, family: 6, address: "fe80::2", cidrs: ["fe80::2/64"] };
    for (const [link, cidrs] of [
      [before, ["192.0.2.2/24", "fe80::2/64", "2001:db8::2/64"]],
      [six, ["fe80::9/64", "2001:db8::2/64"]],
    ] as const) {
      expect(isSameLink(link, { ...link, cidrs })).toBe(true);
      expect(isSameReach(link, { ...link, cidrs })).toBe(false);
      expect(isSameReach(link, { ...link })).toBe(true);
    }
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
    expect(used.map(({ index }) => index)).toEqual([7, 7, null]);
  });
});
