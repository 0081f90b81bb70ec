/**
 * How a command is described: its words, what follows them, and the function
 * that carries it out. One description serves reading the command line
 * (arguments.ts), help (help.ts) and completion (complete.ts).
 */

import type { ControlClient } from "../control/client.ts";
import type { ExitCode } from "../core/errors.ts";
import type { Ui } from "./ui.ts";

/** Carries out one command. Throws LanxferErrors. Aborted by `signal`, it may throw or return anything. */
export type Run<Args> = (client: ControlClient, args: Args, ui: Ui, signal: AbortSignal) => Promise<ExitCode>;

/**
 * What the daemon has to be asked for: peers that are here (`peers` with commas
 * between), paired devices; the transfers that a command can do something about;
 * offers; settings, and the values of the one named before.
 */
export type AskedKind =
  | "peer"
  | "peers"
  | "device"
  | "cancellable"
  | "retryable"
  | "pausable"
  | "paused"
  | "offer"
  | "setting"
  | "value";

/** What a value is, so that a shell can complete it. */
export type Kind = AskedKind | "path" | "text";

export interface Positional {
  readonly name: string;
  readonly summary: string;
  readonly arity: "one" | "optional" | "many";
  readonly kind: Kind;
  /** The only values there are. */
  readonly choices?: readonly string[];
  /** Turns the text into what the command takes. Throws E_USAGE. */
  readonly parse?: (text: string) => unknown;
}

export interface Option {
  readonly summary: string;
  /** One letter. */
  readonly short?: string;
  /** The option takes a value, which is parsed so. Throws E_USAGE. Without this it is a switch. */
  readonly parse?: (text: string) => unknown;
  /** What its value is called in the manual; a `device` and a `file` are completed. @default the name of the option */
  readonly takes?: string;
  /** May be given more than once; what it takes is a list. */
  readonly many?: true;
  /** What it means without a value; with one, that stands behind `=`. Not for lists. */
  readonly bare?: string | number;
}

export interface Description {
  /** `["peers", "add"]`. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly positionals: readonly Positional[];
  readonly options: Readonly<Record<string, Option>>;
  /** Works without lanxferd; `perhaps` for what asks it when it runs. */
  readonly offline?: true | "perhaps";
}

type Parsed<T> = T extends { readonly parse: (text: string) => infer Value }
  ? Value
  : T extends { readonly choices: readonly (infer Choice)[] }
    ? Choice
    : string;
type PositionalArg<P extends Positional> = {
  readonly one: Parsed<P>;
  readonly optional: Parsed<P> | undefined;
  readonly many: readonly Parsed<P>[];
}[P["arity"]];
type OptionArg<O extends Option> = O extends { readonly many: true }
  ? readonly Parsed<O>[]
  : O extends { readonly parse: unknown }
    ? Parsed<O> | BareOf<O> | undefined
    : boolean;
type BareOf<O> = O extends { readonly bare: infer Bare } ? Bare : never;

/** What the command described by `D` takes. */
export type ArgsOf<D extends Description> = {
  readonly [P in D["positionals"][number] as P["name"]]: PositionalArg<P>;
} & { readonly [Name in keyof D["options"]]: OptionArg<D["options"][Name]> };

/** The words of a command line, sorted but not yet understood. */
export interface RawArgs {
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

export interface Command extends Description {
  /** Understands the arguments; throws E_USAGE. What it returns loads the command and runs it. */
  prepare(raw: RawArgs): (client: ControlClient, ui: Ui, signal: AbortSignal) => Promise<ExitCode>;
}

/** A command. `load` imports it only when it is to run: a start that loads everything is a slow one. */
export function command<const D extends Description>(description: D, load: () => Promise<Run<ArgsOf<D>>>): Command {
  return {
    ...description,
    prepare(raw) {
      const args = understand(description, raw) as ArgsOf<D>; // built from the same description, key by key
      return async (client, ui, signal) => (await load())(client, args, ui, signal);
    },
  };
}

function understand(description: Description, raw: RawArgs): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  description.positionals.forEach((positional, at) => {
    const parse = positional.parse ?? ((text: string) => text);
    const text = raw.positionals[at];
    if (positional.arity === "many") args[positional.name] = raw.positionals.slice(at).map(parse);
    else args[positional.name] = text === undefined ? undefined : parse(text);
  });
  for (const [name, option] of Object.entries(description.options)) {
    const given = raw.options[name];
    if (option.parse === undefined) args[name] = given === true;
    else if (option.many) args[name] = (Array.isArray(given) ? given : []).map(option.parse);
    else if (given === "" && option.bare !== undefined) args[name] = option.bare;
    else args[name] = typeof given === "string" ? option.parse(given) : undefined;
  }
  return args;
}
