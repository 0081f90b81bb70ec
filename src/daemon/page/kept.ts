/**
 * What of an open page outlives this process, so that a page in a browser finds
 * the daemon again that comes after it: where it was, and the keys of those who
 * were let in. The file is there only while the page is open.
 */

import { rm } from "node:fs/promises";
import { z } from "zod";
import { readStateFile, replaceStateFile } from "../../identity/state-file.ts";

const PRIVATE = 0o600;

const schema = z.object({
  v: z.literal(1),
  port: z.number().int().min(1).max(65_535),
  path: z.string().regex(/^\/[\w-]{22,64}\/$/),
  keys: z.array(z.string().min(32).max(64)).max(64),
});
export type Kept = z.infer<typeof schema>;

/** Undefined when there is nothing, or nothing that is of use. */
export async function readKept(file: string): Promise<Kept | undefined> {
  try {
    const text = await readStateFile(file, { hint: "it can be removed" });
    return text === undefined ? undefined : schema.parse(JSON.parse(text));
  } catch {
    return undefined; // whoever had it open asks for the page once more
  }
}

/** Not flushed: after a power cut there is no page to find again. */
export function writeKept(file: string, kept: Kept): Promise<void> {
  return replaceStateFile(file, `${JSON.stringify(kept)}\n`, PRIVATE);
}

export function removeKept(file: string): Promise<void> {
  return rm(file, { force: true });
}
