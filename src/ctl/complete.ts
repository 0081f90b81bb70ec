/** What a shell offers at the cursor, from the table of commands. The scripts that ask are in shells.ts. */

import { find, GLOBAL_OPTIONS } from "./arguments.ts";
import type { Candidate } from "./candidates.ts";
import type { AskedKind, Command, Kind, Option } from "./grammar.ts";

/** Asks for what the daemon knows. `before` is the word before the one that is wanted. */
export type Ask = (kind: AskedKind, before: string) => Promise<readonly Candidate[]>;

export interface Offered {
  readonly candidates: readonly Candidate[];
  /** A file is wanted: the shell knows files. */
  readonly files: boolean;
}

const NOTHING: Offered = { candidates: [], files: false };

/** What can stand in place of the last of `words`, which is the one at the cursor and may be empty. */
export async function completions(words: readonly string[], commands: readonly Command[], ask: Ask): Promise<Offered> {
  const current = words.at(-1) ?? "";
  const { arguments: before, option } = read(words.slice(0, -1), commands);
  const offered =
    option !== undefined
      ? await valuesFor(option, ask)
      : current.startsWith("-") && !words.slice(0, -1).includes("--")
        ? optionsOf(find(before, commands))
        : await argumentAfter(before, current, commands, ask);
  return { ...offered, candidates: offered.candidates.filter(({ word }) => word.startsWith(current)) };
}

interface Read {
  readonly arguments: readonly string[];
  /** The last word is an option, and the one at the cursor its value. */
  readonly option: Option | undefined;
}

/** Options and their values may stand anywhere, before the command, too. */
function read(words: readonly string[], commands: readonly Command[]): Read {
  const all: Readonly<Record<string, Option>> = Object.assign({}, ...commands.map(({ options }) => options));
  const given: string[] = [];
  let open: Option | undefined;
  for (const [at, word] of words.entries()) {
    if (open !== undefined) open = undefined;
    else if (word === "--") return { arguments: [...given, ...words.slice(at + 1)], option: undefined };
    else if (word.startsWith("--")) open = taking(all[word.slice(2)]);
    else if (!word.startsWith("-") || word === "-") given.push(word);
  }
  return { arguments: given, option: open };
}

/** What takes its value from the next word. */
function taking(option: Option | undefined): Option | undefined {
  return option?.parse !== undefined && option.bare === undefined ? option : undefined;
}

async function valuesFor({ takes }: Option, ask: Ask): Promise<Offered> {
  if (takes === "file") return { ...NOTHING, files: true };
  return takes === "device" ? { ...NOTHING, candidates: await ask("device", "") } : NOTHING;
}

function optionsOf(command: Command | undefined): Offered {
  const all: [string, Pick<Option, "summary">][] = [
    ...Object.entries(command?.options ?? {}),
    ...Object.entries(GLOBAL_OPTIONS),
    ["help", { summary: "show help" }],
  ];
  return { ...NOTHING, candidates: all.map(([name, { summary }]) => ({ word: `--${name}`, about: summary })) };
}

async function argumentAfter(
  before: readonly string[],
  current: string,
  commands: readonly Command[],
  ask: Ask,
): Promise<Offered> {
  const words = wordsAfter(before, commands);
  const command = find(before, commands);
  const at = before.length - (command?.words.length ?? 0);
  const positional = command?.positionals[at] ?? command?.positionals.findLast(({ arity }) => arity === "many");
  if (positional === undefined) return { ...NOTHING, candidates: words };
  const { kind, choices = [] } = positional;
  const asked = isAsked(kind) ? await ask(kind, before.at(-1) ?? "") : [];
  const known = kind === "peers" ? listed(asked, current) : asked;
  return { candidates: [...words, ...choices.map((word) => ({ word })), ...known], files: kind === "path" };
}

/** The next words of commands that begin so: `list`, `get` after `config`. */
function wordsAfter(before: readonly string[], commands: readonly Command[]): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { words, summary } of commands) {
    const word = words[before.length];
    if (word === undefined || !before.every((one, at) => words[at] === one) || found.has(word)) continue;
    found.set(word, words.length === before.length + 1 ? { word, about: summary } : { word });
  }
  return [...found.values()];
}

/** Behind `alice,` all but alice, with what is there already. */
function listed(names: readonly Candidate[], current: string): Candidate[] {
  const head = current.slice(0, current.lastIndexOf(",") + 1);
  const taken = head.split(",");
  return names.filter(({ word }) => !taken.includes(word)).map(({ word }) => ({ word: `${head}${word}` }));
}

function isAsked(kind: Kind): kind is AskedKind {
  return kind !== "path" && kind !== "text";
}
