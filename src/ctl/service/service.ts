/** What services of systemd and of launchd have in common: whom they are for, and files that are to be as we want them. Pure. */

import { LanxferError } from "../../core/errors.ts";
import type { Places } from "../../core/places.ts";
import type { Program } from "./program.ts";
import type { Owner, Step } from "./steps.ts";

/** Whose files a service receives and sends. */
export interface Person extends Owner {
  readonly home: string;
  readonly places: Places;
  readonly inbox: string;
  /** Variables of our own that make those places others than usual: the service has to have them, too. */
  readonly variables: Readonly<Record<string, string>>;
}

export interface Facts {
  readonly version: string;
  readonly program: Program;
  readonly person: Person;
  /** The text of a file as it is now; undefined when there is none. */
  readonly file: (path: string) => string | undefined;
  readonly exists: (path: string) => boolean;
  /** A file that comes with the program, from systemd/ or launchd/. */
  readonly template: (name: string) => string;
}

/** How the service manager sees the service now. */
export interface Condition {
  /** It starts by itself. */
  readonly enabled: boolean;
  readonly running: boolean;
  /** In the manager's own words: `active (running)`, and why, where it says so. */
  readonly words: string;
}

/** A service as its manager knows it. The commands are the same for all of them. */
export interface Service {
  readonly facts: Facts;
  /** When it starts by itself, in words. */
  readonly starts: string;
  /** The file that defines it, of those that are there. */
  definition(): { readonly path: string; readonly text: string } | undefined;
  /** The command in the text of such a file. */
  commandIn(text: string): readonly string[];
  /** What to run to learn its condition, and what the answer means. */
  readonly ask: readonly string[];
  condition(answer: string): Condition;
  /** None when everything is as it should be. Throws E_SERVICE. */
  installSteps(now: Condition): readonly Step[];
  /** None when there is no service. Throws E_SERVICE. */
  uninstallSteps(now: Condition): readonly Step[];
  /** What to run to read its log, and a line of that for people. */
  log(lines: number, follow: boolean): readonly string[];
  logLine(line: string): string;
}

/** Files as they have to be; undefined is for one that must not be there. */
export type Files = ReadonlyMap<string, string | undefined>;

/** A file of ours as it is written: its first line names the version that wrote it. */
export function signed(text: string, version: string): string {
  return text.replace("# lanxfer:", `# lanxfer ${version}:`);
}

function isSigned(text: string): boolean {
  return /^(?:<[?!][^\n]*\n)*(?:<!-- )?# lanxfer[ :]/.test(text); // the first line, or after what XML begins with
}

/** What makes the files so. Throws E_SERVICE for one that somebody else wrote. */
export function fileSteps(files: Files, facts: Facts): Step[] {
  const steps: Step[] = [];
  for (const [path, wanted] of files) {
    const there = facts.file(path);
    if (there === wanted) continue;
    if (there !== undefined && !isSigned(there)) {
      throw new LanxferError("E_SERVICE", { text: `${path} was not written by lanxfer: move it away, then try again` });
    }
    steps.push(wanted === undefined ? { do: "remove", path } : { do: "write", path, text: wanted });
  }
  return steps;
}
