/**
 * The text of an invite: what one device gives out so that another one, with
 * nobody in front of it, can pair with it (docs/PROTOCOL.md section 6.5). Whoever
 * holds the text can pair, once. Pure; invite-book.ts keeps the open ones.
 *
 *     "lanxfer-" base32( version u8 | secret 16 | id 32 | expiry u32 |
 *                        address length u8 | address | CRC-32 u32 )
 *
 * The checksum finds slips of the pen; it proves nothing.
 */

import { createSecretKey, type KeyObject } from "node:crypto";
import { crc32 } from "node:zlib";
import { formatHostPort, type HostPort } from "../core/address.ts";
import { LanxferError } from "../core/errors.ts";
import { base32Decode, base32Encode, type DeviceId, deviceIdBytes, deviceIdFromHash } from "../core/ids.ts";

/** Bytes of the secret. */
export const SECRET_BYTES = 16;

const PREFIX = "lanxfer";
const VERSION = 1;
const FIXED_BYTES = 1 + SECRET_BYTES + 32 + 4 + 1;
const CHECKSUM_BYTES = 4;
const MAX_ADDRESS_BYTES = 255;
const MAX_EXPIRY = 0xffff_ffff;

/** Longest text that is looked at: the longest invite, with room for line breaks. */
const MAX_TEXT = 1024;

// Host name, IPv4 address, or IPv6 address in brackets, perhaps with a zone.
const ADDRESS = /^(?:\[([0-9a-f:.]*:[0-9a-f:.]*(?:%[\w.-]+)?)\]|([\w.-]+)):([1-9]\d{0,4})$/i;

export interface Invite {
  /** The device that made it: the only one to which it may be shown. */
  readonly id: DeviceId;
  /** A KeyObject, so that no log and no JSON of an invite can show it. */
  readonly secret: KeyObject;
  /** Milliseconds since 1970, whole seconds, by the inviter's clock, which alone decides. */
  readonly expiresAt: number;
  /** Where the inviter can be found, for networks without multicast. */
  readonly address: HostPort | undefined;
}

/** The text of an invite. Throws E_USAGE for an address that is none. */
export function encodeInvite({ id, secret, expiresAt, address }: Invite): string {
  const place = Buffer.from(address === undefined ? "" : formatAddress(address));
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.writeUInt8(VERSION, 0);
  secret.export().copy(fixed, 1);
  fixed.set(deviceIdBytes(id), 1 + SECRET_BYTES);
  fixed.writeUInt32BE(Math.min(Math.ceil(expiresAt / 1000), MAX_EXPIRY), FIXED_BYTES - 5);
  fixed.writeUInt8(place.length, FIXED_BYTES - 1);
  const body = Buffer.concat([fixed, place]);
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32BE(crc32(body));
  return `${PREFIX}-${base32Encode(Buffer.concat([body, checksum]))}`;
}

/**
 * Reads an invite that a person passed on: case, line breaks, spaces and dashes
 * do not matter. Throws E_INVITE, always the same, for anything else.
 */
export function decodeInvite(text: string): Invite {
  const invite = text.length <= MAX_TEXT ? decode(text.replace(/[\s-]/g, "")) : undefined;
  if (invite === undefined) throw new LanxferError("E_INVITE");
  return invite;
}

function decode(text: string): Invite | undefined {
  if (!/^[a-z2-7]+$/i.test(text)) return undefined; // before the case changes: other scripts have a letter that becomes "k"
  const plain = text.toLowerCase();
  const decoded = plain.startsWith(PREFIX) ? base32Decode(plain.slice(PREFIX.length)) : undefined;
  if (decoded === undefined || decoded.length < FIXED_BYTES + CHECKSUM_BYTES) return undefined;
  const bytes = Buffer.from(decoded);
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (bytes.readUInt32BE(body.length) !== crc32(body)) return undefined;
  const place = body.subarray(FIXED_BYTES);
  if (body.readUInt8(0) !== VERSION || body.readUInt8(FIXED_BYTES - 1) !== place.length) return undefined;
  const address = place.length > 0 ? parseAddress(place.toString("latin1")) : undefined;
  if (place.length > 0 && address === undefined) return undefined;
  return {
    id: deviceIdFromHash(body.subarray(1 + SECRET_BYTES, 1 + SECRET_BYTES + 32)),
    secret: createSecretKey(body.subarray(1, 1 + SECRET_BYTES)),
    expiresAt: body.readUInt32BE(FIXED_BYTES - 5) * 1000,
    address,
  };
}

function formatAddress(address: HostPort): string {
  const text = formatHostPort(address);
  if (text.length > MAX_ADDRESS_BYTES || parseAddress(text) === undefined) {
    throw new LanxferError("E_USAGE", { text: `an invite cannot carry the address "${text}"` });
  }
  return text;
}

function parseAddress(text: string): HostPort | undefined {
  const [, v6, name, digits] = ADDRESS.exec(text) ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}
