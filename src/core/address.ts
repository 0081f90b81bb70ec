/** Addresses as people write them and as the system shows them. Pure: nothing is looked up. */

import { LanxferError } from "./errors.ts";

export interface HostPort {
  /** Host name, IPv4 or IPv6 address; a link-local one carries its zone. */
  readonly host: string;
  readonly port: number;
}

const NAME = /^[^\s/:[\]%@]{1,253}$/;
const ZONE = /^[\w.@-]+$/;

/** `nas.local`, `192.0.2.7:4000`, `[fe80::1%eth0]:4000`, `fe80::1%eth0`. Throws E_USAGE. */
export function parseHostPort(text: string, defaultPort: number): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const bare = text.split(":").length > 2 && !text.includes("[") ? text : undefined; // IPv6 without a port
  const six = match?.[1] ?? bare;
  const host = six === undefined ? nameOrIpv4(match?.[2] ?? "") : ipv6(six);
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new LanxferError("E_USAGE", { text: `not an address: ${text} (write HOST or HOST:PORT)` });
  }
  if (isLinkLocal(host) && !host.includes("%")) {
    const text = `${host} is on every link: name the interface as well, like ${host}%eth0`;
    throw new LanxferError("E_USAGE", { text });
  }
  return { host, port };
}

/** `192.0.2.7:4000`, `[fe80::1%eth0]:4000`: what parseHostPort reads. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address as of its own family: a dual-stack socket shows IPv4 as `::ffff:192.0.2.1`. */
export function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

/** The address without its zone. */
export function withoutZone(address: string): string {
  return address.replace(/%.*$/, "");
}

/** Whether it is an IPv6 address that means nothing without an interface (fe80::/10, RFC 4291 2.5.6). */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}

/**
 * What an address is to be counted under where sources are limited: whoever has
 * one address of an IPv6 subnet can take any other of it. Takes what a socket shows.
 */
export function subnetOf(address: string): string {
  const [plain = "", zone] = unmapped(address).split("%");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::");
  const groups = head.split(":").filter((group) => group !== "");
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(":").filter((group) => group !== "").length;
  const rest = (tail ?? "").split(":");
  const subnet = [...groups, ...Array.from({ length: missing }, () => "0"), ...rest].slice(0, 4).join(":");
  return zone === undefined ? subnet : `${subnet}%${zone}`;
}

function nameOrIpv4(text: string): string | undefined {
  if (!NAME.test(text)) return undefined;
  // The system would take "10.1" for 10.0.0.1.
  return /^[\d.]+$/.test(text) && !isIpv4(text) ? undefined : text;
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

/** In the form that the system shows it in, so that one address has one text. */
function ipv6(text: string): string | undefined {
  const [address = "", zone, ...rest] = text.split("%");
  if (rest.length > 0 || (zone !== undefined && !(ZONE.test(zone) && isLinkLocal(address)))) return undefined;
  const mapped = unmapped(address);
  if (mapped !== address && isIpv4(mapped)) return mapped;
  const url = `http://[${address}]`;
  if (!/^[\da-f:.]+$/i.test(address) || !URL.canParse(url)) return undefined;
  const host = new URL(url).hostname.slice(1, -1);
  return zone === undefined ? host : `${host}%${zone}`;
}
