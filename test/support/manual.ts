/** The pages of the manual as they are delivered, taken apart. */

import { readFileSync } from "node:fs";

const HEAD = /^\.It /m;

export class Page {
  readonly #text: string;

  /** Of a file's name, such as `lanxferd.8`. */
  constructor(name: string) {
    this.#text = readFileSync(new URL(`../../dist/man/${name}`, import.meta.url), "utf8");
  }

  /** The text below a heading. */
  section(heading: string): string {
    const sections = this.#text.split(/^\.Sh /m).filter((section) => section.startsWith(`${heading}\n`));
    if (sections.length !== 1) throw new Error(`${sections.length} sections are called ${heading}`);
    return sections[0]?.slice(heading.length + 1) ?? "";
  }

  /** The entries of a list that name something by a macro, say `Ic`: its name, and all that is said of it. */
  entries(heading: string, macro: string): { readonly head: string; readonly body: string }[] {
    const parts = this.section(heading)
      .split(new RegExp(`^\\.It ${macro} `, "m"))
      .slice(1);
    return parts.map((part) => ({ head: part.split("\n")[0] ?? "", body: part.slice(part.indexOf("\n") + 1) }));
  }

  /** Everything that a macro names anywhere on the page, the options of `Fl` with their hyphens. */
  named(macro: string): string[] {
    const lines = this.#text.split("\n").filter((line) => line.startsWith("."));
    return lines.flatMap((line) =>
      [...line.matchAll(new RegExp(`(?:^\\.| )${macro} (\\S+)`, "g"))].map(([, name = ""]) => name),
    );
  }

  /** The commands that a reader is told to type. */
  shown(): string[] {
    const lines = [...this.#text.matchAll(/^\.(?:Dl \$|Ql) (.*?)(?: [.,])?$/gm)].map(([, line = ""]) => line);
    return lines.flatMap((line) => line.replaceAll("\\&", "").match(/lanxferctl[^|&)]*/g) ?? []);
  }
}

/** The options in the text of an entry: names of the long ones. */
export function optionsOf(body: string): string[] {
  return body.split(HEAD).flatMap((entry) => /^(?:Fl \w , )?Fl -([\w-]+)/.exec(entry)?.[1] ?? []);
}
