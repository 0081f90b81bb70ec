/**
 * What one device says of itself in DNS-SD records, and the strict reading of
 * what others say (RFC 6762, RFC 6763; docs/PROTOCOL.md section 7).
 *
 * Pure. A response that is not exactly as we would write it gives nothing and
 * never throws: the sender may be anybody on the link. Names keep their control
 * characters; whoever prints them makes them safe.
 */

import { isIP } from "node:net";
import { invariant } from "../core/assert.ts";
import { type DeviceId, isDeviceId } from "../core/ids.ts";
import { cutToBytes } from "../core/text.ts";
import type { Announcement } from "./types.ts";

/** The service type as a registration takes it, without underscore and protocol. */
export const SERVICE_TYPE = "lanxfer";
/** The name under which every device is listed. */
export const SERVICE = `_${SERVICE_TYPE}._tcp.local`;
/** The list of all service types of a link (RFC 6763 9); shared by everybody on it. */
export const ALL_SERVICES = "_services._dns-sd._udp.local";

/** Longest announced name and longest DNS label (RFC 1035 2.3.4), in bytes of UTF-8. */
export const MAX_NAME_BYTES = 63;
const MAX_TXT_STRING = 255; // bytes of one `key=value`: its length is one byte on the wire
const MAX_TXT = 400; // bytes of all strings with their lengths: with the rest it fits one Ethernet frame (RFC 6763 6.2)
const TXT_VERSION = "1";
const VERSION = "1";

/** Of the id in an instance name: enough to tell the devices of a link apart. */
const ID_CHARACTERS = 4;
/** After which nobody but an attacker can have the same name. */
export const MAX_CONFLICTS = 3;

// RFC 6762 10: 75 minutes for records that name no host.
export const POINTER_TTL = 4500; // s

// More than any honest device sends about a handful of instances.
const MAX_RECORDS = 256;
/** Instances taken from one packet: a source may hold no more places in the table. */
export const MAX_INSTANCES = 8;
const MAX_ADDRESSES = 8;

/** Our own records, each part already within the limits of DNS. */
export interface OwnRecord {
  readonly id: DeviceId;
  /** Chosen anew at each start. */
  readonly boot: string;
  readonly port: number;
  /** First label of the instance: `<name> (<first characters of the id>)`. */
  readonly label: string;
  /** The whole instance name. */
  readonly instance: string;
  /** Our own host name: the machine's may belong to another responder, with other addresses. */
  readonly host: string;
  readonly txt: Readonly<Record<string, string>>;
}

/** What a packet says about one instance. */
export type Heard =
  | {
      readonly kind: "sighting";
      readonly id: DeviceId;
      readonly name: string;
      /** Changes when the daemon there is started anew. */
      readonly boot: string;
      readonly port: number;
      /** Whole instance name in lower case; a goodbye has nothing else. */
      readonly instance: string;
      /** From A and AAAA records of its host name. Not checked against any link. */
      readonly addresses: readonly string[];
    }
  | { readonly kind: "goodbye"; readonly instance: string }
  /** It asks who is here, so it is here itself. */
  | { readonly kind: "question"; readonly instance: string };

export type Sighting = Extract<Heard, { kind: "sighting" }>;
/** What a response can say. */
export type Answered = Exclude<Heard, { kind: "question" }>;

/** A decoded packet as multicast-dns hands it over: nothing in it is to be believed. */
export interface RawPacket {
  readonly opcode?: unknown;
  readonly rcode?: unknown;
  readonly answers?: unknown;
  readonly additionals?: unknown;
}

interface RawRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly data: unknown;
}

/**
 * Makes the records of this device. `boot` is random for each start, 1 to 32
 * printable characters; `conflicts` is how often the instance name turned out to
 * be another's: each makes ours longer.
 */
export function ownRecord(announcement: Announcement, boot: string, conflicts = 0): OwnRecord {
  const { id, port } = announcement;
  // UTF-8 has no way to write half of a surrogate pair; composed characters are RFC 6763 4.1.1.
  const name = announcement.name.toWellFormed().normalize("NFC");
  const suffix = ` (${id.slice(0, ID_CHARACTERS * (1 + Math.min(conflicts, MAX_CONFLICTS)))})`;
  // No control characters in an instance name (RFC 6763 4.1.1), and no dot: the
  // library would cut the name there. The TXT record has the name as it is.
  const plain = name
    .replace(/[\p{Cc}\u2028\u2029]/gu, " ")
    .replaceAll(".", "-")
    .trim();
  const label = `${cutToBytes(plain, MAX_NAME_BYTES - suffix.length) || SERVICE_TYPE}${suffix}`;
  const announced = cutToBytes(name, MAX_NAME_BYTES) || SERVICE_TYPE;
  const txt = { txtvers: TXT_VERSION, v: VERSION, id, name: announced, boot };

  const sizes = Object.entries(txt).map(([key, value]) => Buffer.byteLength(`${key}=${value}`));
  invariant(Buffer.byteLength(label) <= MAX_NAME_BYTES, "instance name fits a DNS label");
  invariant(Math.max(...sizes) <= MAX_TXT_STRING, "each TXT string fits its length byte");
  invariant(sizes.reduce((sum, size) => sum + size + 1, 0) <= MAX_TXT, "the TXT record is small");
  return { id, boot, port, label, instance: `${label}.${SERVICE}`, host: `lanxfer-${id}.local`, txt };
}

/** Whether somebody else has our instance name for a service of his (RFC 6762 9). */
export function contradicts(packet: RawPacket, { instance, host, port }: OwnRecord): boolean {
  const records = [...listOf(packet.answers), ...listOf(packet.additionals)].filter(isRecord);
  return records.some(({ name, type, ttl, data }) => {
    if (type !== "SRV" || ttl === 0 || name.toLowerCase() !== instance.toLowerCase()) return false;
    const service = data as { readonly port?: unknown; readonly target?: unknown } | null; // compared, whatever it is
    return service?.port !== port || String(service.target).toLowerCase() !== host;
  });
}

/** Reads a response. What is about `own`, this very start of this device, is left out. */
export function decodeResponse(packet: RawPacket, own: Pick<OwnRecord, "id" | "boot">): Answered[] {
  // RFC 6762 18.3 and 18.11: with another opcode or a response code it is ignored.
  if (packet.opcode !== "QUERY" || packet.rcode !== "NOERROR") return [];
  const records = [...listOf(packet.answers), ...listOf(packet.additionals)];
  if (records.length > MAX_RECORDS) return [];

  const { pointers, byName } = sort(records.filter(isRecord));
  const heard: Answered[] = [];
  for (const [instance, pointer] of pointers) {
    const found = pointer.ttl === 0 ? ({ kind: "goodbye", instance } as const) : sightingOf(instance, byName);
    if (found === undefined || (found.kind === "sighting" && found.id === own.id && found.boot === own.boot)) continue;
    heard.push(found);
    if (heard.length === MAX_INSTANCES) break;
  }
  return heard;
}

/** The pointers to instances of our service by instance, and all other records that are still valid by name. */
function sort(records: readonly RawRecord[]) {
  const pointers = new Map<string, RawRecord>();
  const byName = new Map<string, RawRecord[]>();
  for (const record of records) {
    const name = record.name.toLowerCase();
    const instance = record.type === "PTR" && name === SERVICE && typeof record.data === "string" ? record.data : "";
    if (instance.toLowerCase().endsWith(`.${SERVICE}`)) pointers.set(instance.toLowerCase(), record);
    else if (record.ttl > 0) byName.set(name, [...(byName.get(name) ?? []), record]);
  }
  return { pointers, byName };
}

function sightingOf(instance: string, byName: ReadonlyMap<string, readonly RawRecord[]>): Sighting | undefined {
  const service = only(byName.get(instance), "SRV");
  const port = service?.["port"];
  const target = service?.["target"];
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65535) return undefined;
  if (typeof target !== "string") return undefined;

  const txt = parseTxt(only(byName.get(instance), "TXT"));
  if (txt?.get("txtvers") !== TXT_VERSION || txt.get("v") !== VERSION) return undefined;
  const id = txt.get("id");
  const name = txt.get("name");
  const boot = txt.get("boot");
  if (!isDeviceId(id) || !name || Buffer.byteLength(name) > MAX_NAME_BYTES) return undefined;
  if (boot === undefined || !/^[\x21-\x7e]{1,32}$/.test(boot)) return undefined;
  return { kind: "sighting", id, name, boot, port, instance, addresses: addressesOf(byName.get(target.toLowerCase())) };
}

/** The data of the one record of `type`; two of them contradict each other, so neither counts. */
function only(records: readonly RawRecord[] | undefined, type: "SRV" | "TXT"): Record<string, unknown> | undefined {
  const [first, ...rest] = records?.filter((record) => record.type === type) ?? [];
  if (rest.length > 0 || typeof first?.data !== "object" || first.data === null) return undefined;
  return first.data as Record<string, unknown>; // any object can be read by key; each value is checked where it is used
}

const KEYS = new Set(["txtvers", "v", "id", "name", "boot"]);

/** The values of the keys we know, each there once and with a value; `undefined` for anything else. */
function parseTxt(data: unknown): Map<string, string> | undefined {
  if (!Array.isArray(data)) return undefined;
  const values = new Map<string, string>();
  let total = 0;
  for (const item of data) {
    if (!Buffer.isBuffer(item) || item.length > MAX_TXT_STRING) return undefined;
    total += item.length + 1;
    if (total > MAX_TXT) return undefined;
    const equals = item.indexOf("=");
    const key = item.toString("latin1", 0, equals < 0 ? item.length : equals).toLowerCase();
    if (!KEYS.has(key)) continue; // keys of later versions, and empty strings (RFC 6763 6.1)
    const value = equals < 0 ? undefined : utf8(item.subarray(equals + 1));
    if (value === undefined || values.has(key)) return undefined;
    values.set(key, value);
  }
  return values;
}

function addressesOf(records: readonly RawRecord[] = []): string[] {
  const addresses = new Set<string>();
  for (const { type, data } of records) {
    if (typeof data !== "string" || addresses.size === MAX_ADDRESSES) continue;
    if ((type === "A" && isIP(data) === 4) || (type === "AAAA" && isIP(data) === 6)) addresses.add(data);
  }
  return [...addresses];
}

function listOf(section: unknown): readonly unknown[] {
  return Array.isArray(section) ? section : [];
}

function isRecord(value: unknown): value is RawRecord {
  if (typeof value !== "object" || value === null) return false;
  const { name, type, ttl } = value as Record<string, unknown>; // any object can be read by key
  return typeof name === "string" && typeof type === "string" && typeof ttl === "number";
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}
