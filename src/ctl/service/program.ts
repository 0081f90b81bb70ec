/** The programs that a service starts, and whether their paths will last. Pure. */

import { LanxferError } from "../../core/errors.ts";

export interface Program {
  /** Absolute path of Node. */
  readonly node: string;
  /** Absolute path of what Node runs. */
  readonly main: string;
  /** What Node has to be told for it. */
  readonly flags: readonly string[];
}

/** Those who keep several Nodes side by side, and remove some when they feel like it. */
const KEEPERS: readonly (readonly [keeper: string, path: RegExp])[] = [
  ["nvm", /\/\.?nvm\//],
  ["fnm", /\/\.?fnm(?:\/|_)/],
  ["volta", /\/\.?volta\//],
  ["asdf", /\/\.?asdf\//],
  ["mise", /\/mise\/installs\//],
  ["nodenv", /\/\.?nodenv\//],
  ["npx", /\/_npx\//],
];

/** Who may take the file at `path` away with the next update; undefined when nobody is known to. */
export function keeperOf(path: string): string | undefined {
  return KEEPERS.find(([, pattern]) => pattern.test(path))?.[0];
}

/** The path that stays: Homebrew keeps each version in the Cellar, and a link to the newest in opt. */
export function lastingPath(path: string): string {
  return path.replace(/\/Cellar\/([^/]+)\/[^/]+\//, "/opt/$1/");
}

/**
 * The flags that a program wants of Node, from its first line, which is the one
 * place that has them. Throws E_SERVICE when it is not such a program.
 */
export function flagsOf(path: string, text: string): string[] {
  const line = /^#!(?:\/usr\/bin\/env (?:-S )?)?(?:\/[\w./-]+\/)?node((?: --?[\w=-]+)*)\n/.exec(text);
  if (line === null) throw new LanxferError("E_SERVICE", { text: `${path} is not lanxferd: install lanxfer again` });
  return (line[1] ?? "").split(" ").filter((flag) => flag !== "");
}

export function commandOf({ node, flags, main }: Program): string[] {
  return [node, ...flags, main];
}
