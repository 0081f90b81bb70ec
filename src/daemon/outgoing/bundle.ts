/**
 * Files and folders in one stream of bytes, as a browser can make it of what was
 * dropped on it: a browser gives bytes and names, never paths.
 *
 * A bundle is a list of entries. Each begins with a line of JSON; the content of
 * a file follows at once, exactly as many bytes as the line says. The last line
 * says that it is the last, so that what was cut off is noticed.
 *
 *     {"path":["photos"],"folder":true}
 *     {"path":["photos","a.jpg"],"size":3,"mtime":1767225600000}
 *     abc{"end":true}
 *
 * A path of one name is a top-level item; what is in a folder comes behind it,
 * after the folders on the way. Pure; where it is written is spool.ts.
 */

import { z } from "zod";
import { LanxferError } from "../../core/errors.ts";
import { checkFileName } from "../../core/names.ts";

/** Longest line, in bytes: a path of the longest names that anybody has. */
const MAX_LINE = 64 * 1024;
const MAX_DEPTH = 128;
const LINE_FEED = 0x0a;

const path = z.array(z.string()).min(1).max(MAX_DEPTH);
const header = z.union([
  z.object({ path, folder: z.literal(true) }),
  z.object({
    path,
    size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    /** Milliseconds since 1970. */
    mtime: z.number().min(-8.64e15).max(8.64e15),
  }),
  z.object({ end: z.literal(true) }),
]);

export interface BundledFolder {
  readonly is: "folder";
  readonly path: readonly string[];
}

export interface BundledFile {
  readonly is: "file";
  readonly path: readonly string[];
  readonly size: number;
  readonly mtime: number;
  /** To be read to its end before the next entry is asked for. */
  readonly content: AsyncGenerator<Uint8Array>;
}

export type Bundled = BundledFolder | BundledFile;

/**
 * Takes a bundle apart as it comes. Throws E_USAGE for what is no bundle, E_NAME
 * for a name that no file has, E_CANCELLED when it ends too early, and what
 * `source` throws.
 */
export async function* unbundle(source: AsyncIterable<Uint8Array>): AsyncGenerator<Bundled> {
  const input = new Input(source);
  try {
    for (;;) {
      const found = parse(await input.line());
      if ("end" in found) {
        if (!(await input.isOver())) throw notABundle("something follows its end");
        return;
      }
      for (const name of found.path) checkFileName(name);
      if ("folder" in found) yield { is: "folder", path: found.path };
      else {
        const content = input.bytes(found.size);
        yield { is: "file", path: found.path, size: found.size, mtime: found.mtime, content };
        // Whoever did not read it to its end has given up.
        if (!(await content.next()).done) throw notABundle("content was left unread");
      }
    }
  } finally {
    await input.close();
  }
}

function parse(line: string): z.infer<typeof header> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw notABundle("a line is not JSON");
  }
  const parsed = header.safeParse(value);
  if (!parsed.success) throw notABundle("a line is not understood");
  return parsed.data;
}

function notABundle(text: string): LanxferError {
  return new LanxferError("E_USAGE", { text: `bad bundle: ${text}` });
}

/** Lines and counted bytes out of chunks that end anywhere. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      await this.#fill();
      const end = this.#chunk.indexOf(LINE_FEED);
      const part = this.#take(end === -1 ? this.#chunk.length : end + 1);
      length += part.length;
      if (length > MAX_LINE) throw notABundle("a line is too long");
      parts.push(part);
      if (end !== -1) return decode(Buffer.concat(parts));
    }
  }

  async *bytes(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; ) {
      await this.#fill();
      const part = this.#take(Math.min(left, this.#chunk.length));
      left -= part.length;
      yield part;
    }
  }

  async isOver(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return true;
      this.#chunk = value;
    }
    return false;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #fill(): Promise<void> {
    if (await this.isOver()) throw new LanxferError("E_CANCELLED");
  }

  #take(count: number): Uint8Array {
    const part = this.#chunk.subarray(0, count);
    this.#chunk = this.#chunk.subarray(count);
    return part;
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw notABundle("a line is not UTF-8");
  }
}
