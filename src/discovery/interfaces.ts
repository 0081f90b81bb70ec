/**
 * Which addresses of this machine get a link, and why the others do not. Pure.
 *
 * Bridges of containers, tunnels and their like are left out: nobody to send a
 * file to is there, and an address of theirs would be told to the whole network.
 */

import type { NetworkInterfaceInfo } from "node:os";
import { isLinkLocal } from "../core/address.ts";
import type { InterfaceView } from "./types.ts";

/** What `os.networkInterfaces` returns. */
export type Interfaces = Readonly<Record<string, NetworkInterfaceInfo[] | undefined>>;

/** What a link is opened for: an IPv4 address of an interface, or all that an interface has of IPv6. */
export interface LinkAddress {
  /** Name of the interface. */
  readonly interface: string;
  readonly family: 4 | 6;
  /** What the link talks from; with IPv6 a link-local address where there is one, without its zone. */
  readonly address: string;
  /** What can be reached here, each with the length of its prefix, as `192.0.2.2/24`: `address` first. */
  readonly cidrs: readonly string[];
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
  /^(docker|podman|veth|br-|virbr|vnet|vmnet|vboxnet|lxcbr|lxdbr|cni|flannel|cali|kube|weave|ovs|tun|tap|wg|utun|ipsec|ppp|gre|sit|ip6tnl|tailscale|zt|nordlynx|proton|dummy|ifb|awdl|llw|anpi)/;
const NO_HARDWARE = "00:00:00:00:00:00";

/** Chooses among all addresses of the machine. */
export function selectAddresses(interfaces: Interfaces, rules: InterfaceRules): Selection {
  const used: LinkAddress[] = [];
  const loopback: LinkAddress[] = [];
  const left: InterfaceView[] = [];
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    const links = linksOf(name, addresses);
    const reason = reasonToLeave(name, addresses, rules);
    if (reason === null) (addresses.some(({ internal }) => internal) ? loopback : used).push(...links);
    else left.push(...links.map((link) => view(link, reason)));
    if (links.length === 0 && addresses[0] !== undefined) {
      left.push(view({ interface: name, address: addresses[0].address }, reason ?? "no usable address"));
    }
  }
  // Without a network, two daemons of one machine shall still find each other.
  if (used.length === 0) return { used: loopback, left };
  return { used, left: [...left, ...loopback.map((link) => view(link, "loopback"))] };
}

/** Whether a link opened for `before` serves `after` as well, perhaps with other addresses to tell of. */
export function isSameLink(before: LinkAddress, after: LinkAddress): boolean {
  return (
    before.interface === after.interface &&
    before.family === after.family &&
    // With IPv6 the system chooses anew for each packet from which address it leaves.
    (before.family === 6 || before.cidrs[0] === after.cidrs[0]) &&
    before.mac === after.mac &&
    // It is unknown while the link-local address is on its way, and then proves nothing.
    (before.index === after.index || before.index === null || after.index === null)
  );
}

/** Whether both tell of the same addresses. */
export function isSameReach(before: LinkAddress, after: LinkAddress): boolean {
  return before.cidrs.join() === after.cidrs.join();
}

function reasonToLeave(
  name: string,
  addresses: readonly NetworkInterfaceInfo[],
  { include, exclude }: InterfaceRules,
): string | null {
  const excluded = exclude.some((pattern) => matches(name, pattern));
  if (excluded && (exclude.includes(name) || !include.includes(name))) return "excluded by the settings";
  if (include.some((pattern) => matches(name, pattern))) return null;
  // Tunnels may be called anything ("office"), but have no hardware address.
  const isTunnel = addresses.some(({ internal, mac }) => !internal && mac === NO_HARDWARE);
  return isTunnel || VIRTUAL.test(name) ? "virtual; the setting interfaces.include would use it" : null;
}

function matches(name: string, pattern: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function linksOf(name: string, addresses: readonly NetworkInterfaceInfo[]): LinkAddress[] {
  const cidrsOf = (family: "IPv4" | "IPv6") =>
    addresses.flatMap((info) => (info.family === family ? (info.cidr ?? []) : [])); // null: a netmask with holes, of which no subnet can be made
  const four = cidrsOf("IPv4");
  // In an order that does not depend on the system's. Loopback needs no second family.
  const six = addresses.some(({ internal }) => internal) ? [] : cidrsOf("IPv6").sort(byScope);
  const mac = addresses[0]?.mac ?? NO_HARDWARE;
  const local = addresses.find((info) => info.family === "IPv6" && isLinkLocal(info.address));
  const link = (family: 4 | 6, cidrs: readonly string[]): LinkAddress => {
    const address = cidrs[0]?.replace(/\/.*$/, "") ?? "";
    return { interface: name, family, address, cidrs, mac, index: local?.scopeid ?? null };
  };
  const links = four.map((cidr) => link(4, [cidr, ...six]));
  if (six.length > 0) links.push(link(6, [...six, ...four]));
  return links;
}

/** Link-local addresses first: they are there whatever a router says, and for as long as the card is. */
function byScope(a: string, b: string): number {
  return Number(isLinkLocal(b)) - Number(isLinkLocal(a)) || (a < b ? -1 : 1);
}

function view({ interface: name, address }: Pick<LinkAddress, "interface" | "address">, reason: string): InterfaceView {
  return { name, address, chosen: false, used: false, reason };
}
