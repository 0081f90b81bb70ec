/**
 * What a name from the network may become on our disk. One component at a time:
 * a path on the wire is a list of components, so no separator is ever parsed.
 *
 * Refused is what can only be an attack or a broken peer; everything else is
 * kept, or changed as little as the file system needs. test/vectors/names.json
 * lists the cases.
 */

import { LanxferError } from "./errors.ts";
import { cutToBytes } from "./text.ts";

/** Longest file name on every file system we meet, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 255;

/** A component longer than this is refused, not shortened, in bytes of UTF-8: no path may be longer. */
export const MAX_WIRE_NAME_BYTES = 3072;

// C0, DEL, C1, line and paragraph separators, and the bidirectional controls
// that make `exe.gpj` read as `jpg.exe`. Joiners stay: emoji need them.
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

// Nothing that a person could see or click on.
const BLANK = /^[\s\p{Default_Ignorable_Code_Point}]*$/u;

// What FAT, exFAT and SMB cannot hold.
const NOT_PORTABLE = /[<>:"|?*]/g;
const DEVICE_NAME = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)/i;

/** Throws E_NAME for a component that no honest sender sends. */
export function checkName(raw: string): void {
  const refuse = (text: string): never => refuseName(raw, text);
  if (!raw.isWellFormed()) refuse("not valid Unicode");
  if (raw === "") refuse("empty");
  if (raw === "." || raw === "..") refuse("names a folder itself");
  if (raw.includes("/")) refuse("contains a path separator");
  if (Buffer.byteLength(raw) > MAX_WIRE_NAME_BYTES) refuse("too long");
  // A lone backslash is an ordinary character on Unix (systemd units have it);
  // one that would climb, or name a drive or a share, on Windows is not.
  const parts = raw.split("\\");
  if (
    parts.length > 1 &&
    (parts.some((part) => part === "" || /^[. ]+$/.test(part)) || /^[a-z]:$/i.test(parts[0] ?? ""))
  ) {
    refuse("contains a path separator");
  }
}

/** Throws E_NAME for a name that no file has on this machine, or that no receiver takes. */
export function checkFileName(name: string): void {
  checkName(name);
  if (name.includes("\0")) refuseName(name, "contains a NUL");
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) refuseName(name, `longer than ${MAX_NAME_BYTES} bytes`);
}

function refuseName(name: string, text: string): never {
  throw new LanxferError("E_NAME", { name: JSON.stringify(name.slice(0, 64)), text });
}

/**
 * The name a checked component gets on disk. `top` is true for what appears
 * directly in the inbox: there a leading dot would hide it. Idempotent.
 */
export function localName(raw: string, top: boolean): string {
  checkName(raw);
  const name = shorten(raw.replace(UNPRINTABLE, "_").replaceAll("\\", "_"));
  if (!top) return name;
  if (BLANK.test(name)) return "untitled";
  return name.startsWith(".") ? shorten(`_${name}`) : name;
}

/** A name for file systems that refuse some characters (FAT, exFAT, SMB). Idempotent. */
export function portableName(name: string): string {
  const kept = name.replace(NOT_PORTABLE, "_");
  const free = DEVICE_NAME.test(kept) ? shorten(`_${kept}`) : kept;
  return free.replace(/[. ]+$/, (tail) => "_".repeat(tail.length)); // last: shortening can bare a dot
}

/**
 * The n-th name to try when `name` is taken: n = 0 gives the name itself, then
 * `name (1).ext`, `name (2).ext`, … always within 255 bytes. A folder has no
 * extension; `.tar.gz` and its like stay together.
 */
export function numberedName(name: string, n: number, folder: boolean): string {
  return n === 0 ? name : shorten(name, ` (${n})`, folder);
}

/** Puts `insert` before the extension and cuts the stem so that all of it fits. */
function shorten(name: string, insert = "", folder = false): string {
  const extension = folder ? "" : extensionOf(name);
  const stem = name.slice(0, name.length - extension.length);
  const room = MAX_NAME_BYTES - Buffer.byteLength(insert) - Buffer.byteLength(extension);
  return cutToBytes(stem, room) + insert + extension;
}

/**
 * `.ext`, `.tar.gz` or nothing. What follows a leading dot is not an extension,
 * also behind our own underscore (`_.bashrc`), nor is anything over 16 bytes.
 */
function extensionOf(name: string): string {
  const match = /^(?!_?\.[^.]*$).+?((?:\.tar)?\.[^. ]+)$/su.exec(name);
  const extension = match?.[1] ?? "";
  const last = extension.slice(extension.lastIndexOf("."));
  const fits = Buffer.byteLength(extension) <= 16;
  return fits ? extension : Buffer.byteLength(last) <= 16 ? last : "";
}
