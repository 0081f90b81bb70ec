/**
 * What leaves a link: the library's packets, corrected. It would announce every
 * address of the machine on every link, mark nothing as unique, and take the
 * shared list of service types down with our own service.
 */

import { isIPv6 } from "node:net";
import { ALL_SERVICES, POINTER_TTL } from "./record.ts";

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

const ADDRESS_TTL = 120; // s: for records that name a host (RFC 6762 10)
const MAX_OF_FAMILY = 4; // addresses: a host with privacy extensions collects them (RFC 8981 3.4)

/** The packet as it may leave a link on which we have `addresses`; undefined when nothing of it may. */
export function correct(packet: OutgoingPacket, addresses: readonly string[]): OutgoingPacket | undefined {
  const answers = correctSection(packet.answers, addresses);
  const additionals = correctSection(packet.additionals, addresses);
  return answers.length === 0 ? undefined : { answers, additionals };
}

/**
 * The answer to a question about a host name of ours: what it asks for, and the
 * addresses of the other family besides (RFC 6762 6.2). Undefined when there are none.
 */
export function answerAddress(name: string, type: string, addresses: readonly string[]): OutgoingPacket | undefined {
  const records = addressRecords(name, ADDRESS_TTL, addresses);
  const answers = records.filter((record) => type === "ANY" || record.type === type);
  const additionals = records.filter((record) => !answers.includes(record));
  return answers.length === 0 ? undefined : { answers, additionals };
}

/** Takes back an instance of ours, and not the host that offers another one now. */
export function farewell(records: readonly OutgoingRecord[]): OutgoingPacket {
  const goodbyes = records.map((record) => ({ ...record, ttl: 0 }));
  return { answers: goodbyes.flatMap(correctRecord), additionals: [] };
}

function correctSection(records: readonly OutgoingRecord[], addresses: readonly string[]): OutgoingRecord[] {
  const corrected = records.flatMap(correctRecord);
  const service = corrected.find((record) => record.type === "SRV");
  return service ? [...corrected, ...addressRecords(targetOf(service), service.ttl, addresses)] : corrected;
}

function correctRecord(record: OutgoingRecord): OutgoingRecord[] {
  switch (record.type) {
    case "A":
    case "AAAA":
      return []; // of all interfaces, and as they were at the start
    case "PTR":
      // The list of service types belongs to everybody on the link: another
      // device still offers ours when this one leaves.
      if (record.name === ALL_SERVICES && record.ttl === 0) return [];
      // The library says eight hours, for which other programs would list a device that was switched off.
      return [{ ...record, ttl: Math.min(record.ttl, POINTER_TTL) }];
    default: // SRV and TXT are ours alone (RFC 6762 10.2)
      return [{ ...record, flush: true }];
  }
}

function addressRecords(name: string, ttl: number, addresses: readonly string[]): OutgoingRecord[] {
  const records = addresses.map((data) => ({ name, type: isIPv6(data) ? "AAAA" : "A", ttl, data, flush: true }));
  return ["A", "AAAA"].flatMap((type) => records.filter((record) => record.type === type).slice(0, MAX_OF_FAMILY));
}

function targetOf(service: OutgoingRecord): string {
  return (service.data as { readonly target: string }).target; // the library's own SRV record
}
