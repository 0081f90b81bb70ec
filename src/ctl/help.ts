/**
 * Help, and the explanation of a wrong command line: what yargs does with our
 * table of commands. It is the only importer of yargs, and is itself loaded only
 * when one of these is needed (see arguments.ts).
 */

import yargs, { type Argv } from "yargs";
import { LanxferError } from "../core/errors.ts";
import { GLOBAL_OPTIONS } from "./arguments.ts";
import type { Command, Option, Positional } from "./grammar.ts";

const NAME = "lanxferctl";

// In place of a list on several lines.
const WORDS = {
  "Invalid values:": " ",
  "Argument: %s, Given: %s, Choices: %s": "%s cannot be %s, only %s",
};

export interface Program {
  readonly commands: readonly Command[];
  /** What groups of commands are about: `config` for `config list` and the others. */
  readonly groups: Readonly<Record<string, string>>;
}

/** What --help prints: for the command that `argv` names, else for the program. */
export async function helpText(argv: readonly string[], program: Program): Promise<string> {
  let text = "";
  const parser = describe(program).fail(() => {}); // asked for help, nobody minds what is missing
  await parser.parseAsync([...argv, "--help"], {}, (_error: unknown, _args: unknown, output: string) => {
    text = output;
  });
  return text;
}

/** E_USAGE for a command line that arguments.ts could not read, saying what is wrong with it. */
export async function explainMistake(argv: readonly string[], program: Program): Promise<LanxferError> {
  const complaints: string[] = [];
  const parser = describe(program).fail((message: string | undefined) => {
    if (message) complaints.push(sentenceOf(message));
  });
  await parser.parseAsync([...argv], {}, () => {}); // with a callback, yargs neither prints nor exits
  // What it would have meant comes first from yargs; what is wrong reads better first.
  const text = [...new Set(complaints)].sort((a, b) => Number(isAdvice(a)) - Number(isAdvice(b))).join("; ");
  return new LanxferError("E_USAGE", { text: text || "the arguments do not fit the command" });
}

/** What yargs says, in the form of our errors. */
function sentenceOf(message: string): string {
  const line = message.replace(/\s+/g, " ").replace("non-option arguments", "arguments").trim();
  return line.charAt(0).toLowerCase() + line.slice(1);
}

function isAdvice(complaint: string): boolean {
  return complaint.startsWith("did you mean");
}

function describe({ commands, groups }: Program): Argv {
  const root = yargs([])
    .scriptName(NAME)
    .usage("$0 COMMAND\n\nSends files between the machines of one local network, by name.")
    .locale("en")
    .updateStrings(WORDS)
    .strict()
    .recommendCommands()
    .help("help", "show help, also for one command")
    .alias("help", "h")
    .version(false)
    .option("version", { type: "boolean", describe: "show the version" });
  addOptions(root, GLOBAL_OPTIONS, true);
  for (const group of new Set(commands.map(({ words }) => words[0] ?? ""))) {
    const itself = commands.find(({ words }) => words.length === 1 && words[0] === group);
    const below = commands.filter(({ words }) => words.length > 1 && words[0] === group);
    root.command(usage(group, itself), itself?.summary ?? groups[group] ?? "", (y) => {
      if (itself !== undefined) addArguments(y, itself);
      for (const command of below) {
        y.command(usage(command.words.at(-1) ?? "", command), command.summary, (inner) => addArguments(inner, command));
      }
      const names = below.map(({ words }) => words.at(-1)).join(", ");
      return itself === undefined ? y.demandCommand(1, 1, `${group} needs one of ${names}`) : y;
    });
  }
  return root;
}

function usage(word: string, command: Command | undefined): string {
  const shapes = {
    one: (name: string) => `<${name}>`,
    optional: (name: string) => `[${name}]`,
    many: (name: string) => `<${name}..>`,
  };
  return [word, ...(command?.positionals ?? []).map(({ name, arity }) => shapes[arity](name))].join(" ");
}

function addArguments(y: Argv, command: Command): Argv {
  for (const { name, summary, choices } of command.positionals as readonly Positional[]) {
    y.positional(name, { type: "string", describe: summary, default: undefined, ...(choices && { choices }) });
  }
  return addOptions(y, command.options, false);
}

/** `global` are those of the commands below, too: `peers add` does not take what `peers` takes. */
function addOptions(y: Argv, options: Readonly<Record<string, Option>>, global: boolean): Argv {
  for (const [name, { summary, short, parse, many, bare }] of Object.entries(options)) {
    const type = parse === undefined ? ("boolean" as const) : ("string" as const);
    y.option(name, {
      type,
      describe: summary,
      global,
      ...(short && { alias: short }),
      ...(parse && bare === undefined && { requiresArg: true }),
      ...(many && { array: true, nargs: 1 }),
    });
  }
  return y;
}
