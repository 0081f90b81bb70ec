/**
 * What the two ends of an invite compute to prove that they know its secret
 * (docs/PROTOCOL.md section 6). Pure; test/vectors/invite.json holds values.
 *
 * Every hashed value is a domain string and then the fields, each as its length
 * (u32, big endian) and its bytes: no two different lists of fields give the
 * same input.
 */

import { createHmac, hkdfSync, type KeyObject } from "node:crypto";
import { type DeviceId, deviceIdBytes } from "../core/ids.ts";

/** Bytes of the session id, which the redeemer chooses. */
export const SID_BYTES = 16;

export const MAC_BYTES = 32;

/** RFC 5705 section 4: the label under which both ends export keying material, with the sid as context. */
export const EXPORTER_LABEL = "EXPORTER-lanxfer-invite-v1";
export const EXPORTER_BYTES = 32;

const VERSION = Buffer.of(1);

/** How a device introduces itself: its name, and the TCP port where it can be dialled. */
export interface Introduction {
  readonly name: string;
  readonly port: number;
}

/** What both ends know of one connection. The exporter does not cover the redeemer's certificate, so ids are named. */
export interface Session {
  readonly redeemer: DeviceId;
  readonly inviter: DeviceId;
  readonly sid: Uint8Array;
  /** Keying material exported from the connection. */
  readonly exported: Uint8Array;
}

/** The key that only holders of the secret at the two ends of this connection can compute. */
export function sessionKey(secret: KeyObject, session: Session): Buffer {
  const info = hashInput("lanxfer/invite/key/1", ...context(session));
  return Buffer.from(hkdfSync("sha256", secret, session.exported, info, 32));
}

/** The redeemer's proof. */
export function redeemMac(key: Uint8Array, session: Session, redeemer: Introduction): Buffer {
  return mac(key, hashInput("lanxfer/invite/redeem/1", ...context(session), ...fields(redeemer)));
}

/** The inviter's proof. Under another domain, so that neither end can send the other's proof back to it. */
export function acceptMac(key: Uint8Array, session: Session, redeemer: Introduction, inviter: Introduction): Buffer {
  const both = [...fields(redeemer), ...fields(inviter)];
  return mac(key, hashInput("lanxfer/invite/accept/1", ...context(session), ...both));
}

function context({ redeemer, inviter, sid }: Session): Uint8Array[] {
  return [deviceIdBytes(redeemer), deviceIdBytes(inviter), sid, VERSION];
}

function fields({ name, port }: Introduction): Uint8Array[] {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return [Buffer.from(name), bytes];
}

function hashInput(domain: string, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    [Buffer.from(domain), ...parts].flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    }),
  );
}

function mac(key: Uint8Array, input: Uint8Array): Buffer {
  return createHmac("sha256", key).update(input).digest();
}
