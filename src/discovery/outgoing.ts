/**
 * What leaves a link: the library's packets, corrected. It would announce every
 * address of the machine on every link, mark nothing as unique, and take the
 * shared list of service types down with our own service.
 */

import { ALL_SERVICES } from "./record.ts";

/** A resource record as the library writes it. */
export interface OutgoingRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly data: unknown;
  /** The cache-flush bit (RFC 6762 10.2). */
  readonly flush?: boolean;
}

export interface OutgoingPacket {
  readonly answers: readonly OutgoingRecord[];
  readonly additionals: readonly OutgoingRecord[];
}

// RFC 6762 10: 75 minutes for records that name no host. The library says eight
// hours, for which other programs would list a device that was switched off.
const POINTER_TTL = 4500; // s

/** The packet as it may leave the link with the IPv4 address `address`; undefined when nothing of it may. */
export function correct(packet: OutgoingPacket, address: string): OutgoingPacket | undefined {
  const answers = packet.answers.flatMap((record) => correctRecord(record, address));
  const additionals = packet.additionals.flatMap((record) => correctRecord(record, address));
  if (answers.length === 0) return undefined;

  const service = [...answers, ...additionals].find((record) => record.type === "SRV");
  const addressed = [...answers, ...additionals].some((record) => record.type === "A");
  if (service && !addressed) additionals.push(addressRecord(targetOf(service), service.ttl, address));
  return { answers, additionals };
}

function correctRecord(record: OutgoingRecord, address: string): OutgoingRecord[] {
  switch (record.type) {
    case "A":
      return record.data === address ? [addressRecord(record.name, record.ttl, address)] : [];
    case "AAAA": // links are IPv4; an address of another family belongs to a link of its own
      return [];
    case "PTR":
      // The list of service types belongs to everybody on the link: another
      // device still offers ours when this one leaves.
      if (record.name === ALL_SERVICES && record.ttl === 0) return [];
      return [{ ...record, ttl: Math.min(record.ttl, POINTER_TTL) }];
    default: // SRV and TXT are ours alone (RFC 6762 10.2)
      return [{ ...record, flush: true }];
  }
}

function addressRecord(name: string, ttl: number, address: string): OutgoingRecord {
  return { name, type: "A", ttl, data: address, flush: true };
}

function targetOf(service: OutgoingRecord): string {
  return (service.data as { readonly target: string }).target; // the library's own SRV record
}
