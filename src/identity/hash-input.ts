/**
 * How the values of a pairing become the input of a hash or a MAC (docs/PROTOCOL.md
 * section 6.1): a domain string and then the fields, each as its length (u32,
 * big endian) and its bytes. No two different lists of fields give the same input.
 */

import type { Introduction } from "./pairing-message.ts";

export function hashInput(domain: string, ...fields: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    [Buffer.from(domain), ...fields].flatMap((field) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(field.length);
      return [length, field];
    }),
  );
}

/** A name is one field and a port another one. */
export function introductionFields({ name, port }: Introduction): Uint8Array[] {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return [Buffer.from(name), bytes];
}
