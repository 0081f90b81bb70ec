/** What has to be done to install or remove a service: decided elsewhere, shown here, carried out in carry-out.ts. Pure. */

import { assertNever } from "../../core/assert.ts";

export interface Owner {
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
}

export type Step =
  | { readonly do: "write"; readonly path: string; readonly text: string }
  | { readonly do: "remove"; readonly path: string }
  | {
      readonly do: "run";
      readonly command: readonly string[];
      /** @default whoever runs us */
      readonly as?: Owner;
      /** Nothing is lost when it fails: there was nothing to do. */
      readonly mayFail?: boolean;
    };

/** The lines that --dry-run prints for a step. */
export function show(step: Step): readonly string[] {
  switch (step.do) {
    case "write":
      return [`# write ${step.path}`, ...step.text.trimEnd().split("\n"), ""];
    case "remove":
      return [`# remove ${step.path}`];
    case "run":
      return [`${step.as === undefined ? "" : `# as ${step.as.user}: `}${step.command.map(shellWord).join(" ")}`];
    default:
      return assertNever(step);
  }
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
