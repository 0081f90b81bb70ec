/**
 * The self-signed certificate that carries a device's key into TLS. Trust rests
 * on the key alone: names and dates here are the same for every device, so that
 * neither a wrong clock nor a renamed host can break or gain anything.
 *
 * Node reads certificates but cannot make them. This writes the one shape that
 * is needed, in DER (X.690); it is not a general encoder.
 */

import { createPublicKey, type KeyObject, sign, X509Certificate } from "node:crypto";

/** Random bytes that a serial number is made of (RFC 5280 section 4.1.2.2 allows 20). */
export const SERIAL_BYTES = 16;

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const EXPLICIT_0 = 0xa0;

const COMMON_NAME = der(OBJECT_IDENTIFIER, Buffer.from("550403", "hex")); // 2.5.4.3
const ECDSA_WITH_SHA256 = der(SEQUENCE, der(OBJECT_IDENTIFIER, Buffer.from("2a8648ce3d040302", "hex"))); // 1.2.840.10045.4.3.2
const NAME = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from("lanxfer")))));
const VALIDITY = der(
  SEQUENCE,
  der(UTC_TIME, Buffer.from("200101000000Z")),
  der(GENERALIZED_TIME, Buffer.from("99991231235959Z")), // "no expiration", RFC 5280 section 4.1.2.5
);
const VERSION_3 = der(EXPLICIT_0, der(INTEGER, Buffer.of(2)));

/**
 * A certificate for this P-256 private key, signed by it, as PEM. `random` is
 * SERIAL_BYTES random bytes.
 */
export function createCertificate(privateKey: KeyObject, random: Uint8Array): string {
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const toBeSigned = der(SEQUENCE, VERSION_3, serialNumber(random), ECDSA_WITH_SHA256, NAME, VALIDITY, NAME, spki);
  const signature = sign("sha256", toBeSigned, { key: privateKey, dsaEncoding: "der" });
  const noUnusedBits = Buffer.of(0);
  return pem(der(SEQUENCE, toBeSigned, ECDSA_WITH_SHA256, der(BIT_STRING, noUnusedBits, signature)));
}

/** Whether `certificate` (PEM, as found on disk) carries `publicKey` and is signed by it. */
export function carriesKey(certificate: string, publicKey: KeyObject): boolean {
  try {
    const found = new X509Certificate(certificate);
    return found.publicKey.equals(publicKey) && found.verify(publicKey);
  } catch {
    return false; // not a certificate at all
  }
}

/** Positive and in its shortest form: the first octet is neither negative nor zero. */
function serialNumber(random: Uint8Array): Buffer {
  const octets = Buffer.from(random.subarray(0, SERIAL_BYTES));
  octets.writeUInt8((octets.readUInt8(0) & 0x3f) | 0x40, 0);
  return der(INTEGER, octets);
}

/** Tag, length, contents. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), length(body.length), body]);
}

/** Short form below 128, otherwise the count of the octets that follow (X.690 section 8.1.3). */
function length(n: number): Buffer {
  if (n < 0x80) return Buffer.of(n);
  return n < 0x100 ? Buffer.of(0x81, n) : Buffer.of(0x82, n >>> 8, n & 0xff);
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
