/** An error as it stands on stderr: what went wrong, what led to it, what to do. Pure; every line is safe to print. */

import { type ErrorView, LanxferError } from "../../core/errors.ts";
import { safe } from "../../core/text.ts";
import { identityWarning } from "./identity.ts";

const NAME = "lanxferctl";
const MAX_MESSAGE = 4_096; // a list of candidates is longer than a name
const MAX_CAUSES = 10;

export type Shown = Pick<ErrorView, "code" | "message" | "hint" | "details">;

export interface Reader {
  /** A person, for whom one line may be too little. */
  readonly person: boolean;
  /** Who also wants to know what led to it. */
  readonly verbose: boolean;
}

export function errorLines({ code, message, hint, details }: Shown, cause: unknown, reader: Reader): string[] {
  const warning = reader.person ? identityWarning({ code, details }, reader.verbose) : [];
  // What the hint of the code says in short, a warning says at length.
  const general = new LanxferError(code).kind.hint;
  const advice = hint === undefined || (warning.length > 0 && hint === general) ? [] : [hint];
  return [
    ...warning.map((line) => `${NAME}: warning: ${line}`),
    `${NAME}: error: ${shown(message)}`,
    ...(reader.verbose ? chain(cause) : []).map((text) => `${NAME}: cause: ${shown(text)}`),
    ...advice.map((text) => `${NAME}: hint: ${shown(text)}`),
  ];
}

export function shown(message: string): string {
  return safe(message, MAX_MESSAGE);
}

function chain(cause: unknown): string[] {
  const texts: string[] = [];
  for (let at = cause; at !== undefined && texts.length < MAX_CAUSES; at = at instanceof Error ? at.cause : undefined) {
    texts.push(at instanceof Error ? at.message : String(at));
  }
  return texts;
}
