/**
 * What a shell offers at the cursor. The scripts that ask are yargs' (help.ts);
 * the answer is ours, from the table of commands, because yargs would take as
 * long to load as a person waits, and offers options where a file is wanted.
 */

import { find, GLOBAL_OPTIONS } from "./arguments.ts";
import type { Command, Kind } from "./grammar.ts";

/** Names that a shell can take as they are. */
export type Names = (kind: "peer" | "device") => Promise<readonly string[]>;

/**
 * Completions for `words`, the last of which is the one at the cursor. None
 * where a file is wanted: the shell knows files. More than fit the last word
 * may be returned; the shell picks.
 */
export async function completions(
  words: readonly string[],
  commands: readonly Command[],
  names: Names,
): Promise<readonly string[]> {
  const line = /(^|\/)lanxferctl$/.test(words[0] ?? "") ? words.slice(1) : words;
  const current = line.at(-1) ?? "";
  const before = line.slice(0, -1).filter((word) => !word.startsWith("-"));
  const offered = await following(before, current, commands, names);
  // fish leaves out the empty word at the cursor, so that a finished word looks like the one being typed.
  const next =
    current === "" || current.startsWith("-") ? [] : await following([...before, current], "", commands, names);
  return [...new Set([...offered.filter((word) => word.startsWith(current)), ...next])];
}

async function following(
  before: readonly string[],
  current: string,
  commands: readonly Command[],
  names: Names,
): Promise<readonly string[]> {
  const command = find(before, commands);
  if (current.startsWith("-")) {
    return [...Object.keys(command?.options ?? {}), ...Object.keys(GLOBAL_OPTIONS), "help"].map((name) => `--${name}`);
  }
  const words = commands
    .filter((candidate) => before.every((word, at) => candidate.words[at] === word))
    .flatMap((candidate) => candidate.words[before.length] ?? []);
  const at = before.length - (command?.words.length ?? 0);
  const positional = command?.positionals[at] ?? command?.positionals.findLast(({ arity }) => arity === "many");
  if (command === undefined || positional === undefined) return words;
  return [...words, ...(positional.choices ?? []), ...(await known(positional.kind, names))];
}

async function known(kind: Kind, names: Names): Promise<readonly string[]> {
  return kind === "peer" || kind === "device" ? await names(kind) : [];
}
