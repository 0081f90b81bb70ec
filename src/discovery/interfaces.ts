/**
 * Which addresses of this machine get a link, and why the others do not. Pure.
 *
 * Bridges of containers, tunnels and their like are left out: nobody to send a
 * file to is there, and an address of theirs would be told to the whole network.
 */

import type { NetworkInterfaceInfo } from "node:os";
import type { InterfaceView } from "./types.ts";

/** What `os.networkInterfaces` returns. */
export type Interfaces = Readonly<Record<string, NetworkInterfaceInfo[] | undefined>>;

/** One IPv4 address of one interface: what a link is opened for. */
export interface LinkAddress {
  /** Name of the interface. */
  readonly interface: string;
  readonly address: string;
  /** The address with the length of its prefix, as `192.0.2.2/24`. */
  readonly cidr: string;
  readonly mac: string;
  /**
   * The system's number of the interface, where its link-local IPv6 address
   * tells it; another one means that a card was taken out and put back in.
   */
  readonly index: number | null;
}

export interface InterfaceRules {
  /** Names that are used although they are left out by default; a trailing `*` stands for anything. */
  readonly include: readonly string[];
  /** Names that are never used. Stronger than `include`, but a plain name there is stronger than a pattern here. */
  readonly exclude: readonly string[];
}

export interface Selection {
  readonly used: readonly LinkAddress[];
  readonly left: readonly InterfaceView[];
}

const VIRTUAL =
  /^(docker|podman|veth|br-|virbr|vnet|vmnet|vboxnet|lxcbr|lxdbr|cni|flannel|cali|tun|tap|wg|utun|ipsec|ppp|tailscale|zt|nordlynx|awdl|llw)/;

/** Chooses among all addresses of the machine. */
export function selectAddresses(interfaces: Interfaces, rules: InterfaceRules): Selection {
  const used: LinkAddress[] = [];
  const loopback: LinkAddress[] = [];
  const left: InterfaceView[] = [];
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    const reason = reasonToLeave(name, rules);
    const ipv4 = addresses.filter(isIpv4);
    if (ipv4.length === 0 && addresses[0] !== undefined) {
      left.push({ name, address: addresses[0].address, used: false, reason: reason ?? "no IPv4 address" });
    }
    for (const info of ipv4) {
      if (reason !== null) left.push({ name, address: info.address, used: false, reason });
      else (info.internal ? loopback : used).push(linkAddress(name, info, addresses));
    }
  }
  // Without a network, two daemons of one machine shall still find each other.
  if (used.length === 0) return { used: loopback, left };
  const spare = loopback.map(({ interface: name, address }) => ({ name, address, used: false, reason: "loopback" }));
  return { used, left: [...left, ...spare] };
}

/** Whether a link opened for `before` serves `after` as well. */
export function isSameLink(before: LinkAddress, after: LinkAddress): boolean {
  return (
    before.interface === after.interface &&
    before.cidr === after.cidr &&
    before.mac === after.mac &&
    // It is unknown while the link-local address is on its way, and then proves nothing.
    (before.index === after.index || before.index === null || after.index === null)
  );
}

function reasonToLeave(name: string, { include, exclude }: InterfaceRules): string | null {
  const excluded = exclude.some((pattern) => matches(name, pattern));
  if (excluded && (exclude.includes(name) || !include.includes(name))) return "excluded by the settings";
  if (include.some((pattern) => matches(name, pattern))) return null;
  return VIRTUAL.test(name) ? "virtual; the setting interfaces.include would use it" : null;
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function isIpv4(info: NetworkInterfaceInfo): info is NetworkInterfaceInfo & { cidr: string } {
  return info.family === "IPv4" && info.cidr !== null; // null: a netmask with holes, of which no subnet can be made
}

function linkAddress(
  name: string,
  { address, cidr, mac }: NetworkInterfaceInfo & { cidr: string },
  all: readonly NetworkInterfaceInfo[],
): LinkAddress {
  const local = all.find((info) => info.family === "IPv6" && info.address.startsWith("fe80:"));
  return { interface: name, address, cidr, mac, index: local?.scopeid ?? null };
}
