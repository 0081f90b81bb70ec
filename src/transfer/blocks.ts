/** Block digests and the root over them (PROTOCOL 4.4). The only importer of the digest library. */

import { blake3 } from "@napi-rs/blake-hash";
import { DIGEST_SIZE } from "./wire.ts";

/** BLAKE3 of one block. */
export function digestBlock(data: Uint8Array): Buffer {
  return blake3(data);
}

const GROW = 64; // digests; a file of 64 MiB fits the first allocation

/** Digests of a file's blocks in order. The root of the file is BLAKE3 over all of them. */
export class DigestList {
  #bytes = Buffer.alloc(0);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(digest: Uint8Array): void {
    const at = this.#count * DIGEST_SIZE;
    if (at === this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(DIGEST_SIZE, Math.min(at * 2, at + GROW * 1024 * DIGEST_SIZE)));
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    this.#bytes.set(digest, at);
    this.#count++;
  }

  /** 64 hexadecimal characters. */
  root(): string {
    return blake3(this.#bytes.subarray(0, this.#count * DIGEST_SIZE)).toString("hex");
  }
}
