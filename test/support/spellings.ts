/** Finds the secret of an invite in whatever was written, in each way in which programs write bytes. */

import { base32Encode } from "../../src/core/ids.ts";
import { decodeInvite } from "../../src/identity/invite.ts";

/** The names of the spellings of which `where` holds a part: enough of it to be no accident. */
export function spellingsIn(where: string | Uint8Array, invite: string): string[] {
  const bytes = Buffer.from(where);
  const text = bytes.toString("latin1");
  // People and programs group it with spaces, dashes and line breaks, which mean nothing in it.
  const plain = text.replace(/[\s-]/g, "");
  const folded = plain.toLowerCase();
  const holds = (haystack: string, parts: readonly string[]) => parts.some((part) => haystack.includes(part));

  const secret = decodeInvite(invite).secret.export();
  const aligned = [0, 1, 2].map((before) => Buffer.concat([Buffer.alloc(before), secret]));
  const found: Readonly<Record<string, boolean>> = {
    text: holds(folded, windows(invite.replace("lanxfer-", "").slice(2, 27), 10)),
    base32: holds(folded, windows(base32Encode(secret), 10)),
    hex: holds(folded, windows(secret.toString("hex"), 12)),
    // The first and the last characters depend on what is around.
    base64: holds(
      plain,
      aligned.flatMap((each) => windows(each.toString("base64").slice(4, -4), 10)),
    ),
    base64url: holds(
      text,
      aligned.flatMap((each) => windows(each.toString("base64url").slice(4, -4), 10)),
    ),
    numbers: holds(
      plain,
      windows([...secret], 5).map((numbers) => numbers.join(",")),
    ),
    bytes: windows(secret, 6).some((part) => bytes.includes(part)),
  };
  return Object.keys(found).filter((name) => found[name]);
}

function windows<T extends { slice(start: number, end: number): T; readonly length: number }>(
  of: T,
  size: number,
): T[] {
  return Array.from({ length: of.length - size + 1 }, (_, at) => of.slice(at, at + size));
}
