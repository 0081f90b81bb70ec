/** One line of --json. */

// What core/text.ts takes out of a name and JSON.stringify leaves in a string.
const UNSAFE = /[\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/**
 * `value` on one line, with its end. The same JSON to a program, but written so
 * that it does nothing to a terminal: U+009B, say, is ESC [ to some of them.
 */
export function jsonLine(value: object): string {
  const escaped = JSON.stringify(value).replace(
    UNSAFE,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${escaped}\n`;
}
