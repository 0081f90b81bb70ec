/**
 * Which packets of port 5353 one link looks at, decided before any is decoded:
 * from its own subnet, from a responder, of a lawful size, and not too many.
 *
 * A socket bound to all addresses gets the multicast of every interface and the
 * unicast of everywhere; without this check records from elsewhere would count
 * as seen on this link (RFC 6762 11).
 */

import { BlockList, isIP } from "node:net";
import { isLinkLocal } from "../core/address.ts";
import type { Clock } from "../core/clock.ts";
import type { LinkAddress } from "./interfaces.ts";

/** Sender of a packet, as node:dgram reports it. */
export interface Origin {
  readonly address: string;
  readonly port: number;
}

const MDNS_PORT = 5353; // a responder sends from it too (RFC 6762 11)
// Bytes of one Ethernet frame. RFC 6762 17 allows more only for a single record
// that is larger, and no record of ours is; the time that a hostile packet takes
// to decode grows with the square of its size.
const MAX_PACKET = 1500;
const HEADER = 12; // bytes (RFC 1035 4.1.1)
const COUNTS = [4, 6, 8, 10]; // where the header says how many records each section has
const MIN_RECORD = 5; // bytes: a question about the root
const WINDOW = 1000; // ms
const PER_SOURCE = 100; // packets a window; an office's busiest host sends a fraction of that
const PER_LINK = 1000; // packets a window; 4 % of a core for honest ones, 25 % for the costliest that fit a frame

export class Gate {
  readonly #clock: Clock;
  readonly #counts = new Map<string, number>();
  #own: LinkAddress;
  #sources: BlockList;
  #reach: BlockList;
  #total = 0;
  #windowStart = Number.NEGATIVE_INFINITY;

  constructor(own: LinkAddress, clock: Clock) {
    this.#clock = clock;
    this.#own = own;
    this.#sources = sourcesOf(own);
    this.#reach = subnets(own.cidrs);
  }

  /** The link goes on, with other addresses. */
  readdress(own: LinkAddress): void {
    this.#own = own;
    this.#sources = sourcesOf(own);
    this.#reach = subnets(own.cidrs);
  }

  /** `address` as it is to be dialled, when it is on the link; a record names a link-local one without its zone. */
  reachable(address: string): string | undefined {
    if (isLinkLocal(address))
      return this.#own.cidrs.some(isLinkLocal) ? `${address}%${this.#own.interface}` : undefined;
    return isIn(this.#reach, address) ? address : undefined;
  }

  // Our own address is on the link too: two daemons of one machine share it.
  #isNeighbour(address: string): boolean {
    const [plain = "", zone] = address.split("%");
    if (isLinkLocal(plain)) return this.#own.family === 6 && zone === this.#own.interface;
    return isIn(this.#sources, plain);
  }

  /** Counts the packet when it is one of the link. */
  admits(packet: Uint8Array, { address, port }: Origin): boolean {
    return port === MDNS_PORT && isLawful(packet) && this.#isNeighbour(address) && this.#withinRate(address);
  }

  // Per source, so that one host that floods cannot silence the others.
  #withinRate(address: string): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#windowStart >= WINDOW) {
      this.#windowStart = now;
      this.#counts.clear();
      this.#total = 0;
    }
    const count = this.#counts.get(address) ?? 0;
    if (count >= PER_SOURCE || this.#total >= PER_LINK) return false;
    this.#counts.set(address, count + 1);
    this.#total++;
    return true;
  }
}

/** Where packets come from: an IPv4 link is one subnet, an IPv6 link all of its interface. */
function sourcesOf({ family, cidrs }: LinkAddress): BlockList {
  return subnets(family === 4 ? cidrs.slice(0, 1) : cidrs.filter((cidr) => cidr.includes(":")));
}

function subnets(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = "", prefix] = cidr.split("/");
    list.addSubnet(network, Number(prefix), network.includes(":") ? "ipv6" : "ipv4");
  }
  return list;
}

function isIn(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
}

/** The decoder allocates what the header promises, up to four times 65,535 entries, before it reads any. */
function isLawful(packet: Uint8Array): boolean {
  if (packet.length < HEADER || packet.length > MAX_PACKET) return false;
  const { buffer, byteOffset } = packet;
  const header = new DataView(buffer, byteOffset, HEADER);
  const records = COUNTS.reduce((sum, at) => sum + header.getUint16(at), 0);
  return records * MIN_RECORD <= packet.length - HEADER;
}
