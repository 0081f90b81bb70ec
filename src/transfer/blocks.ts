/** Block digests and the root over them (PROTOCOL 4.4). The only importer of the digest library. */

import { blake3 } from "@napi-rs/blake-hash";
import { BLOCK_SIZE, DIGEST_SIZE } from "./wire.ts";

/** BLAKE3 of one block. */
export function digestBlock(data: Uint8Array): Buffer {
  return blake3(data);
}

const GROW = 64; // digests; a file of 64 MiB fits the first allocation

/** How many blocks a file of `size` bytes has. */
export function blocksOf(size: number): number {
  return Math.ceil(size / BLOCK_SIZE);
}

/** Bytes in the first `blocks` blocks of a file of `size` bytes. */
export function bytesIn(blocks: number, size: number): number {
  return Math.min(blocks * BLOCK_SIZE, size);
}

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

  /** Adds digests that stand one after another, as `from` gives them. */
  append(digests: Uint8Array): void {
    for (let at = 0; at + DIGEST_SIZE <= digests.length; at += DIGEST_SIZE) {
      this.push(digests.subarray(at, at + DIGEST_SIZE));
    }
  }

  /** The digests from block `from` up to but without block `to`, one after another. */
  slice(from: number, to: number = this.#count): Uint8Array {
    return this.#bytes.subarray(from * DIGEST_SIZE, Math.min(to, this.#count) * DIGEST_SIZE);
  }

  /** Over the first `count` digests, all of them unless said: 64 hexadecimal characters. */
  root(count: number = this.#count): string {
    return blake3(this.slice(0, count)).toString("hex");
  }
}
