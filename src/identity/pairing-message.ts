/**
 * What both ways of pairing read out of a message. A message is any JSON value
 * that a stranger may send, so every field is looked at before it is used.
 */

import { LanxferError } from "../core/errors.ts";
import { base32Decode, type DeviceId } from "../core/ids.ts";

const MAX_NAME_BYTES = 63;

/** How a device introduces itself: its name, and the TCP port where it can be dialled. */
export interface Introduction {
  readonly name: string;
  readonly port: number;
}

/** The device at the other end, with the name and the port it told. The name is not safe to print. */
export interface Partner extends Introduction {
  readonly id: DeviceId;
}

export type Fields = Readonly<Partial<Record<"t" | "sid" | "name" | "port" | "mac" | "commit" | "nonce", unknown>>>;

/** What is not an object has no fields. */
export function fieldsOf(message: unknown): Fields {
  return typeof message === "object" && message !== null ? message : {};
}

/** Name and port where they are what they should be. */
export function introductionIn({ name, port }: Fields): Introduction | undefined {
  if (typeof name !== "string" || name === "" || !name.isWellFormed()) return undefined;
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return undefined;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  return { name, port };
}

/** Base32 of so many bytes. */
export function bytesIn(text: unknown, length: number): Uint8Array | undefined {
  const bytes = typeof text === "string" ? base32Decode(text) : undefined;
  return bytes?.length === length ? bytes : undefined;
}

export function unexpected(): LanxferError {
  return new LanxferError("E_PROTO", { text: "unexpected pairing message" });
}
