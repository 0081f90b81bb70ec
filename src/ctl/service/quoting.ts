/** Texts put into unit files, and read back (systemd.syntax(7), "Quoting"). Pure. */

import { LanxferError } from "../../core/errors.ts";

const PLAIN = /^[\w@./:+,=~-]+$/;

/** A word of a list of paths or of Environment=. Throws E_SERVICE for control characters, which lines cannot hold. */
export function unitWord(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new LanxferError("E_SERVICE", { text: `a service cannot use the path ${text}` });
  if (PLAIN.test(text)) return text;
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%")}"`;
}

/** A command as ExecStart= takes it, where $ would begin the name of a variable. Throws E_SERVICE. */
export function unitCommand(words: readonly string[]): string {
  const [program = "", ...args] = words;
  return [unitWord(program), ...args.map((arg) => unitWord(arg.replaceAll("$", "$$$$")))].join(" ");
}

/** The words of a command that unitCommand wrote. */
export function wordsOf(command: string): string[] {
  const words = [...command.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)];
  return words.map(([, quoted, plain = ""], at) => {
    const text = quoted?.replace(/\\(.)/g, "$1").replaceAll("%%", "%") ?? plain;
    return at === 0 ? text : text.replaceAll("$$", "$");
  });
}
