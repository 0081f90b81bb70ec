/**
 * The gate between a TLS socket and everything behind it: TLS 1.3, the right
 * protocol, a key of the right kind, no resumed session. What it lets through
 * has proven a key; whether that key is trusted is not decided here.
 */

import { createHash } from "node:crypto";
import type { SecureContextOptions, TLSSocket } from "node:tls";
import { LanxferError, systemCode } from "../core/errors.ts";
import { type DeviceId, deviceIdFromHash } from "../core/ids.ts";

/** What this device shows of itself in TLS. */
export interface Credentials {
  readonly id: DeviceId;
  readonly keyPem: string;
  readonly certPem: string;
}

export interface Proven {
  readonly peer: DeviceId;
  readonly alpn: string;
}

const CURVE = "prime256v1";
/** Bytes of a key as PROTOCOL 1.2 wants it: curve by name, point not compressed. */
const SPKI_BYTES = 91;

/**
 * TLS options that both ends share (PROTOCOL 2). With AES instructions AES-GCM
 * is fastest; without them (Raspberry Pi 4) ChaCha20 is. Certificates are never
 * judged by a chain or a date: the pinned key is the only authority, so
 * verification is off here and `prove` takes its place.
 */
export function tlsOptions(
  credentials: Credentials,
  aes: boolean,
): SecureContextOptions & { rejectUnauthorized: false } {
  const ciphers = ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];
  if (!aes) ciphers.reverse();
  return {
    key: credentials.keyPem,
    cert: credentials.certPem,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    ciphers: ciphers.join(":"),
    honorCipherOrder: true,
    rejectUnauthorized: false,
  };
}

/**
 * Reads who is at the other end. To be called once, right after the handshake:
 * on the client a second look at the certificate finds nothing. Throws E_PROTO
 * or E_VERSION.
 */
export function prove(socket: TLSSocket, protocols: readonly string[]): Proven {
  const refuse = (text: string): never => {
    throw new LanxferError("E_PROTO", { text });
  };
  if (socket.getProtocol() !== "TLSv1.3") refuse("not TLS 1.3");
  // A resumed session shows no certificate to the client.
  if (socket.isSessionReused()) refuse("resumed TLS session");
  // A client that offers no protocol at all passes the TLS library's own check.
  const alpn = socket.alpnProtocol;
  if (typeof alpn !== "string" || !protocols.includes(alpn)) {
    throw new LanxferError("E_VERSION", { text: "no common protocol" });
  }
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new LanxferError("E_PROTO", { text: "no certificate" });
  const key = certificate.publicKey;
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== CURVE) refuse("unusable key");
  const spki = key.export({ type: "spki", format: "der" });
  // The same key written otherwise would have another id.
  if (spki.length !== SPKI_BYTES) refuse("unusable key");
  return { peer: deviceIdFromHash(createHash("sha256").update(spki).digest()), alpn };
}

/** What went wrong while connecting, in our words. `peer` is how the user calls it. */
export function connectFailure(error: unknown, peer: string): LanxferError {
  if (error instanceof LanxferError) return error.with({ peer });
  const code = systemCode(error) ?? "";
  if (code.includes("NO_APPLICATION_PROTOCOL") || code.includes("PROTOCOL_VERSION")) {
    return new LanxferError("E_VERSION", { peer }, { cause: error });
  }
  const text =
    {
      ECONNREFUSED: "connection refused",
      EHOSTUNREACH: "no route to host",
      ENETUNREACH: "network unreachable",
      ETIMEDOUT: "timed out",
      ECONNRESET: "connection reset",
    }[code] ?? (error instanceof Error ? error.message : String(error));
  return new LanxferError("E_UNREACHABLE", { peer, text }, { cause: error });
}
