/**
 * What the two ends of an invite compute to prove that they know its secret
 * (docs/PROTOCOL.md section 6.7). Pure; test/vectors/invite.json holds values.
 */

import { createHmac, hkdfSync, type KeyObject } from "node:crypto";
import { type DeviceId, deviceIdBytes } from "../core/ids.ts";
import { hashInput, introductionFields } from "./hash-input.ts";
import type { Introduction } from "./pairing-message.ts";

/** Bytes of the session id, which the redeemer chooses. */
export const SID_BYTES = 16;

export const MAC_BYTES = 32;

/** RFC 5705 section 4: the label under which both ends export keying material, with the sid as context. */
export const EXPORTER_LABEL = "EXPORTER-lanxfer-invite-v1";
export const EXPORTER_BYTES = 32;

const VERSION = Buffer.of(1);

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
  return mac(key, hashInput("lanxfer/invite/redeem/1", ...context(session), ...introductionFields(redeemer)));
}

/** The inviter's proof. Under another domain, so that neither end can send the other's proof back to it. */
export function acceptMac(key: Uint8Array, session: Session, redeemer: Introduction, inviter: Introduction): Buffer {
  const both = [...introductionFields(redeemer), ...introductionFields(inviter)];
  return mac(key, hashInput("lanxfer/invite/accept/1", ...context(session), ...both));
}

function context({ redeemer, inviter, sid }: Session): Uint8Array[] {
  return [deviceIdBytes(redeemer), deviceIdBytes(inviter), sid, VERSION];
}

function mac(key: Uint8Array, input: Uint8Array): Buffer {
  return createHmac("sha256", key).update(input).digest();
}
