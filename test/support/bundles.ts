/** Bundles, written as the format says and not by the code under test. */

export interface Entry {
  readonly path: readonly string[];
  /** Missing of a folder. */
  readonly content?: string | Uint8Array;
  readonly mtime?: number;
}

export function bundleOf(entries: readonly Entry[], end = '{"end":true}\n'): Buffer {
  const parts = entries.flatMap(({ path, content, mtime = 1_767_225_600_000 }) => {
    if (content === undefined) return [Buffer.from(`${JSON.stringify({ path, folder: true })}\n`)];
    const bytes = Buffer.from(content);
    return [Buffer.from(`${JSON.stringify({ path, size: bytes.length, mtime })}\n`), bytes];
  });
  return Buffer.concat([...parts, Buffer.from(end)]);
}

/** The same bytes in pieces of `size`. */
export async function* piecesOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
