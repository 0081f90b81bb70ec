/**
 * Our own names for paired devices. A petname is given once, at pairing or by
 * the local user, and never follows what a device announces later: a device
 * that renames itself cannot take the place of another one.
 */

import { LanxferError } from "../core/errors.ts";
import { type DeviceId, isDeviceId, shortId } from "../core/ids.ts";
import { cutToBytes, safe } from "../core/text.ts";

/** Longest petname, in bytes of UTF-8: that of a name on the network (RFC 1035 section 2.3.4). */
const MAX_PETNAME_BYTES = 63;

/** Why `name` cannot be a petname; undefined when it can. */
export function petnameProblem(name: string): string | undefined {
  if (!name.isWellFormed()) return "it is not valid Unicode";
  if (name === "") return "it is empty";
  if (Buffer.byteLength(name) > MAX_PETNAME_BYTES) return `it is longer than ${MAX_PETNAME_BYTES} bytes`;
  if (safe(name) !== name) return "it holds a character that cannot be shown";
  if (name.trim() !== name) return "it begins or ends with a space";
  // A comma separates names on the command line.
  if (name.includes(",")) return "it holds a comma";
  if (looksLikeId(name)) return "it looks like a device id";
  return undefined;
}

/** Throws E_USAGE for a name that the local user cannot give to a device. */
export function checkPetname(name: string): void {
  const problem = petnameProblem(name);
  if (problem !== undefined)
    throw new LanxferError("E_USAGE", { text: `the name "${name}" cannot be used: ${problem}` });
}

/** The petname that a device with this announced name begins with, whatever it announced. */
export function petnameFrom(announced: string, id: DeviceId): string {
  const name = cutToBytes(safe(announced).replaceAll(",", " ").trim(), MAX_PETNAME_BYTES).trim();
  return petnameProblem(name) === undefined ? name : `device ${shortId(id)}`;
}

/** `name`, or the first of `name (2)`, `name (3)`, … that nobody takes for one that is taken. */
export function freePetname(name: string, taken: Iterable<string>): string {
  const others = [...taken];
  let candidate = name;
  for (let n = 2; others.some((other) => readsLike(other, candidate)); n++) {
    const number = ` (${n})`;
    candidate = cutToBytes(name, MAX_PETNAME_BYTES - number.length).trimEnd() + number;
  }
  return candidate;
}

/** Two names with the same fold would be taken for one another. */
export function foldPetname(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

/**
 * Whether somebody who reads the one name can take it for the other: case, forms
 * of characters, spaces and what is invisible do not count. Letters of other
 * scripts that look alike do.
 */
export function readsLike(a: string, b: string): boolean {
  return skeleton(a) === skeleton(b);
}

function skeleton(name: string): string {
  if (/^[!-~]*$/.test(name)) return name.toLowerCase(); // which most are: it is asked for every peer and device
  const visible = name.normalize("NFKC").replace(/[\p{Default_Ignorable_Code_Point}\p{Cc}]/gu, "");
  return visible.replace(/\s+/g, " ").trim().toLowerCase();
}

function looksLikeId(name: string): boolean {
  return isDeviceId(name.toLowerCase().replace(/[\s-]/g, ""));
}
