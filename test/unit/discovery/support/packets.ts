/** Responses as others on the link send them, in bytes and decoded. */

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { type DeviceId, deviceIdFromHash } from "../../../../src/core/ids.ts";
import { type RawPacket, SERVICE } from "../../../../src/discovery/record.ts";

interface Codec {
  encode(packet: object): Buffer;
  decode(bytes: Uint8Array): RawPacket;
}

// The library's own codec, so that packets are read exactly as it reads them. It has no types.
export const codec = createRequire(import.meta.url)("dns-packet") as Codec;

/** The id of a device that exists only in a test. */
export function idOf(seed: string): DeviceId {
  return deviceIdFromHash(createHash("sha256").update(seed).digest());
}

export interface Saying {
  readonly seed?: string;
  readonly id?: string;
  readonly name?: string;
  readonly label?: string;
  readonly port?: number;
  readonly ttl?: number;
  readonly boot?: string;
  readonly addresses?: readonly string[];
  /** All TXT strings, instead of those of a device. */
  readonly txt?: readonly (string | Buffer)[];
}

export interface WireRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly data: unknown;
}

/** The records of one device, in the order pointer, service, text, addresses. */
export function recordsOf(saying: Saying = {}): WireRecord[] {
  const { seed = "anna", name = "Anna", port = 4711, ttl = 120, boot = "boot1", addresses = [] } = saying;
  const id = saying.id ?? idOf(seed);
  const instance = `${saying.label ?? `Anna (${id.slice(0, 4)})`}.${SERVICE}`;
  const host = `lanxfer-${id}.local`;
  const txt = saying.txt ?? ["txtvers=1", "v=1", `id=${id}`, `name=${name}`, `boot=${boot}`];
  return [
    { name: SERVICE, type: "PTR", ttl, data: instance },
    { name: instance, type: "SRV", ttl, data: { port, target: host } },
    { name: instance, type: "TXT", ttl, data: [...txt] },
    ...addresses.map((address) => ({ name: host, type: address.includes(":") ? "AAAA" : "A", ttl, data: address })),
  ];
}

export function encode(answers: readonly WireRecord[], additionals: readonly WireRecord[] = []): Buffer {
  return codec.encode({ type: "response", flags: 1024, answers, additionals });
}

/** What the library makes of a response with these records. */
export function response(answers: readonly WireRecord[], additionals: readonly WireRecord[] = []): RawPacket {
  return codec.decode(encode(answers, additionals));
}
