/** Identifiers: how a device and a transfer are named on the wire, on disk and on a screen. */

import { invariant } from "./assert.ts";
import { LanxferError } from "./errors.ts";
import { SHORT_ID_LENGTH } from "./text.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** SHA-256 of a device's public key (SPKI DER): 52 characters of lower-case base32. */
export type DeviceId = Branded<"DeviceId">;

/** 80 random bits: 16 characters of lower-case base32. */
export type TransferId = Branded<"TransferId">;

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const DEVICE_ID = /^[a-z2-7]{51}[aq]$/; // 256 bits leave one bit in the last of 52 characters
const TRANSFER_ID = /^[a-z2-7]{16}$/;

/** RFC 4648 base32, lower case, without padding. */
export function base32Encode(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >>> bits) & 31];
    }
  }
  if (bits > 0) text += ALPHABET[(value << (5 - bits)) & 31];
  return text;
}

/** The inverse; `undefined` for a character, a length or left-over bits that no encoder writes. */
export function base32Decode(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let bits = 0;
  let value = 0;
  let at = 0;
  for (const char of text) {
    const digit = ALPHABET.indexOf(char);
    if (digit < 0) return undefined;
    value = ((value << 5) | digit) & 0xffff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (value >>> bits) & 0xff;
    }
  }
  const leftOver = value & ((1 << bits) - 1);
  return bits >= 5 || leftOver !== 0 ? undefined : bytes;
}

/** The id of the key with this SHA-256. */
export function deviceIdFromHash(sha256: Uint8Array): DeviceId {
  invariant(sha256.length === 32, "a device id is made of 32 bytes");
  return base32Encode(sha256) as DeviceId; // 32 bytes always encode to the pattern
}

/** Strict: for what comes from a file or from the network. */
export function isDeviceId(text: unknown): text is DeviceId {
  return typeof text === "string" && DEVICE_ID.test(text);
}

/** Lenient: for what a person typed; upper case, spaces and dashes are fine. Throws E_USAGE. */
export function parseDeviceId(text: string): DeviceId {
  const plain = text.toLowerCase().replace(/[\s-]/g, "");
  if (!isDeviceId(plain)) throw new LanxferError("E_USAGE", { text: "not a device id" });
  return plain;
}

/** For a person to compare: `abcd-efgh-…`, 13 groups of four. */
export function formatDeviceId(id: DeviceId): string {
  return id.replace(/(.{4})(?=.)/g, "$1-");
}

/** The first 8 characters: enough to tell devices apart, never enough to trust one. */
export function shortId(id: DeviceId): string {
  return id.slice(0, SHORT_ID_LENGTH);
}

/** The 32 bytes behind an id. */
export function deviceIdBytes(id: DeviceId): Uint8Array {
  const bytes = base32Decode(id);
  invariant(bytes !== undefined, "a device id is base32");
  return bytes;
}

/** Strict: for what comes from the network. */
export function isTransferId(text: unknown): text is TransferId {
  return typeof text === "string" && TRANSFER_ID.test(text);
}

/** Makes an id of 10 random bytes that the caller provides. */
export function transferIdFrom(random: Uint8Array): TransferId {
  invariant(random.length >= 10, "a transfer id is made of 10 bytes");
  return base32Encode(random.subarray(0, 10)) as TransferId; // 10 bytes always encode to the pattern
}
