/**
 * What the two ends of a pairing by code compute (docs/PROTOCOL.md section 6.3).
 * Pure; test/vectors/pairing.json holds values.
 *
 * The listener commits to its nonce before it learns the dialler's, and the
 * dialler chooses without knowing the listener's. So neither can search for
 * nonces that lead to a wanted code: whoever stands between two devices, with a
 * pairing of its own to each, has one chance in a million that a code is right.
 */

import { createHash, createHmac, hkdfSync } from "node:crypto";
import { type DeviceId, deviceIdBytes } from "../core/ids.ts";
import { hashInput, introductionFields } from "./hash-input.ts";
import type { Introduction } from "./pairing-message.ts";

/** Bytes of the session id, which the dialler chooses. */
export const PAIR_SID_BYTES = 16;
export const NONCE_BYTES = 32;
/** Bytes of a commitment and of a confirmation. */
export const PROOF_BYTES = 32;

/** RFC 5705 section 4: the label under which both ends export keying material, with the sid as context. */
export const PAIR_EXPORTER_LABEL = "EXPORTER-lanxfer-pair-v1";
export const PAIR_EXPORTER_BYTES = 32;

const VERSION = Buffer.of(1);
const CODES = 1_000_000n;
const DIGITS = 6;

export type Role = "dialler" | "listener";

const ROLE_BYTE = { dialler: Buffer.of(1), listener: Buffer.of(2) } as const satisfies Record<Role, Buffer>;

export function otherRole(role: Role): Role {
  return role === "dialler" ? "listener" : "dialler";
}

/** What both ends know of one connection. The exporter does not cover the dialler's certificate, so ids are named. */
export interface PairingSession {
  readonly dialler: DeviceId;
  readonly listener: DeviceId;
  readonly sid: Uint8Array;
  /** Keying material exported from the connection. */
  readonly exported: Uint8Array;
}

/** What was said until both nonces were known. */
export interface Exchange {
  readonly commitment: Uint8Array;
  readonly nonces: Readonly<Record<Role, Uint8Array>>;
  readonly introductions: Readonly<Record<Role, Introduction>>;
}

/** The listener's promise of `nonce`, which tells nothing about it. */
export function commitmentTo(nonce: Uint8Array, session: PairingSession): Buffer {
  return sha256(hashInput("lanxfer/pair/commit/1", session.exported, ...context(session), nonce));
}

/** A digest of all that was said: equal at both ends, or nothing that follows is. */
export function transcriptOf(session: PairingSession, { commitment, nonces, introductions }: Exchange): Buffer {
  const fields = [
    commitment,
    nonces.dialler,
    nonces.listener,
    ...introductionFields(introductions.dialler),
    ...introductionFields(introductions.listener),
  ];
  return sha256(hashInput("lanxfer/pair/transcript/1", session.exported, ...context(session), ...fields));
}

/**
 * The six digits that the device in `role` shows and that are typed into the
 * other one. The two differ: with one code for both, it could be copied from the
 * screen in front of the user, which would prove nothing.
 */
export function codeShownBy(role: Role, session: PairingSession, transcript: Uint8Array): string {
  const mac = hmac(session.exported, hashInput("lanxfer/pair/code/1", ROLE_BYTE[role], transcript));
  return String(mac.readBigUInt64BE() % CODES).padStart(DIGITS, "0");
}

/** By which the device in `role` says that its user typed the other one's code. */
export function confirmationBy(
  role: Role,
  session: PairingSession,
  nonces: Exchange["nonces"],
  transcript: Uint8Array,
): Buffer {
  const salt = Buffer.concat([nonces.dialler, nonces.listener]);
  const info = hashInput("lanxfer/pair/confirm/1");
  const key = Buffer.from(hkdfSync("sha256", session.exported, salt, info, 32));
  return hmac(key, Buffer.concat([ROLE_BYTE[role], transcript]));
}

function context({ dialler, listener, sid }: PairingSession): Uint8Array[] {
  return [deviceIdBytes(dialler), deviceIdBytes(listener), sid, VERSION];
}

function sha256(input: Uint8Array): Buffer {
  return createHash("sha256").update(input).digest();
}

function hmac(key: Uint8Array, input: Uint8Array): Buffer {
  return createHmac("sha256", key).update(input).digest();
}
