/**
 * What a pairing protocol needs of a connection: an encrypted channel whose two
 * ends have shown their keys. transfer/link.ts provides it; tests use a pair in
 * memory.
 */

import type { DeviceId } from "../core/ids.ts";

export interface PairChannel {
  readonly self: DeviceId;
  /** Id of the key that the other end holds: proven by TLS, not yet trusted. */
  readonly peer: DeviceId;
  /** Keying material bound to this very connection (RFC 8446 section 7.5). */
  exportKey(label: string, context: Uint8Array, length: number): Buffer;
  /** Sends one JSON message of at most 1 KiB. */
  send(message: Readonly<Record<string, unknown>>): Promise<void>;
  /** The next message. Rejects with E_TIMEOUT after 10 s and with E_LOST when the other end is gone. */
  receive(): Promise<unknown>;
}
