/** The files of the page, as they were built, and how a browser has to treat them. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LanxferError, systemCode } from "../../core/errors.ts";

const TYPES: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "page.js": "text/javascript; charset=utf-8",
  "page.css": "text/css; charset=utf-8",
  "icon.svg": "image/svg+xml",
};

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** By their names in an address; the page itself has none. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Reads them into memory: together they are smaller than a photo. Throws E_PAGE. */
export async function readPage(directory: string): Promise<PageFiles> {
  try {
    const files = Object.entries(TYPES).map(async ([name, type]): Promise<[string, PageFile]> => {
      return [name === "index.html" ? "" : name, { type, content: await readFile(join(directory, name)) }];
    });
    return new Map(await Promise.all(files));
  } catch (error) {
    const text = `its files are not in ${directory} (${systemCode(error) ?? String(error)})`;
    throw new LanxferError("E_PAGE", { text }, { cause: error });
  }
}

/**
 * What holds for everything that the listener answers. Nothing is loaded from
 * elsewhere or runs that is not a file of ours, no markup is made from text,
 * nobody frames the page, and no address of it is told to others.
 */
export const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  // Also from a history of what was shown: after the end of a session nothing is to be seen any more.
  "cache-control": "no-store",
};
