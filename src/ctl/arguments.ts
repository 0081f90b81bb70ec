/**
 * Reads a command line. Either it is right, or this says only that it is not:
 * why is explained by yargs (help.ts), which takes longer to load (55 ms) than
 * everything else that `lanxferctl peers` does, and so is loaded only for that.
 * It is not let decide what runs, because of arguments it loses: `send a -- -f`
 * finds no file, `send a -` an empty list, and `send a help` is a call for help.
 */

import { parseArgs } from "node:util";
import type { Command, Option, RawArgs } from "./grammar.ts";

/** Options of every command. */
export const GLOBAL_OPTIONS = {
  verbose: { short: "v", summary: "also say what led to an error" },
} as const satisfies Record<string, Option>;

export interface CommandLine {
  readonly command: Command;
  readonly raw: RawArgs;
}

/** The command that `argv` calls, or undefined when any of it is not understood. */
export function readArguments(argv: readonly string[], commands: readonly Command[]): CommandLine | undefined {
  const line = split(argv, commands);
  if (line === undefined) return undefined;
  const command = find(line.positionals, commands);
  if (command === undefined) return undefined;
  const positionals = line.positionals.slice(command.words.length);
  const right = optionsFit(command, line.options) && positionalsFit(command, positionals);
  return right ? { command, raw: { positionals, options: line.options } } : undefined;
}

/** The command whose words the line begins with; of `peers` and `peers add`, the longer. */
export function find(line: readonly string[], commands: readonly Command[]): Command | undefined {
  return commands
    .filter((command) => command.words.every((word, at) => line[at] === word))
    .sort((a, b) => b.words.length - a.words.length)[0];
}

/** Whether `option`, say `--help`, stands on the line as an option and not as a file's name. */
export function asksFor(argv: readonly string[], option: string): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end < 0 ? argv.length : end).includes(option);
}

/** Options may stand anywhere, so they are told apart before it is known whose they are. */
function split(argv: readonly string[], commands: readonly Command[]): RawArgs | undefined {
  const all: Record<string, Option> = Object.assign({}, GLOBAL_OPTIONS, ...commands.map((command) => command.options));
  const options = Object.fromEntries(
    Object.entries(all).map(([name, { short, parse, many = false }]) => {
      const type = parse === undefined ? ("boolean" as const) : ("string" as const);
      return [name, { type, multiple: many, ...(short !== undefined && { short }) }];
    }),
  );
  try {
    const args = withValues(argv, all);
    const { values, positionals } = parseArgs({ args, options, strict: true, allowPositionals: true });
    return { positionals, options: { ...values } as RawArgs["options"] }; // a switch is no list
  } catch {
    return undefined;
  }
}

/** `--wait` becomes `--wait=`: what stands behind it is something else. */
function withValues(argv: readonly string[], options: Readonly<Record<string, Option>>): string[] {
  const bare = Object.keys(options).filter((name) => options[name]?.bare !== undefined);
  const end = argv.indexOf("--");
  return argv.map((arg, at) => {
    const isBare = (end < 0 || at < end) && bare.some((name) => arg === `--${name}`);
    return isBare ? `${arg}=` : arg;
  });
}

function optionsFit(command: Command, given: RawArgs["options"]): boolean {
  const known: Record<string, Option> = { ...GLOBAL_OPTIONS, ...command.options };
  return Object.keys(given).every((name) => Object.hasOwn(known, name));
}

function positionalsFit(command: Command, given: readonly string[]): boolean {
  const least = command.positionals.filter(({ arity }) => arity !== "optional").length;
  const most = command.positionals.some(({ arity }) => arity === "many") ? Infinity : command.positionals.length;
  if (given.length < least || given.length > most) return false;
  return command.positionals.every(({ choices }, at) => {
    const value = given[at];
    return choices === undefined || value === undefined || choices.includes(value);
  });
}
