/**
 * Which packets of port 5353 one link looks at, decided before any is decoded:
 * from its own subnet, from a responder, of a lawful size, and not too many.
 *
 * A socket bound to 0.0.0.0 gets the multicast of every interface and the
 * unicast of everywhere; without this check records from elsewhere would count
 * as seen on this link (RFC 6762 11).
 */

import { BlockList, isIPv4 } from "node:net";
import type { Clock } from "../core/clock.ts";

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
  readonly #subnet = new BlockList();
  readonly #counts = new Map<string, number>();
  #total = 0;
  #windowStart = Number.NEGATIVE_INFINITY;

  /** `cidr` is our own address with the length of its prefix, as `192.0.2.2/24`. */
  constructor(cidr: string, clock: Clock) {
    const [network = "", prefix] = cidr.split("/");
    this.#subnet.addSubnet(network, Number(prefix), "ipv4");
    this.#clock = clock;
  }

  /** Our own address is on the link too: two daemons of one machine share it. */
  isOnLink(address: string): boolean {
    return isIPv4(address) && this.#subnet.check(address);
  }

  /** Counts the packet when it is one of the link. */
  admits(packet: Uint8Array, { address, port }: Origin): boolean {
    return port === MDNS_PORT && isLawful(packet) && this.isOnLink(address) && this.#withinRate(address);
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

/** The decoder allocates what the header promises, up to four times 65,535 entries, before it reads any. */
function isLawful(packet: Uint8Array): boolean {
  if (packet.length < HEADER || packet.length > MAX_PACKET) return false;
  const { buffer, byteOffset } = packet;
  const header = new DataView(buffer, byteOffset, HEADER);
  const records = COUNTS.reduce((sum, at) => sum + header.getUint16(at), 0);
  return records * MIN_RECORD <= packet.length - HEADER;
}
