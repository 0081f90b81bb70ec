/** The root of a content (PROTOCOL 4.4), for tests that play an end of a transfer. */

import { DigestList, digestBlock } from "../../src/transfer/blocks.ts";
import { BLOCK_SIZE } from "../../src/transfer/wire.ts";

export function rootOf(content: Uint8Array, blocks: number = Number.POSITIVE_INFINITY): string {
  const digests = new DigestList();
  for (let at = 0; at < content.length && digests.count < blocks; at += BLOCK_SIZE) {
    digests.push(digestBlock(content.subarray(at, at + BLOCK_SIZE)));
  }
  return digests.root();
}
