/** What the doctor found: how grave it is, a sentence, and what to do. */

import type { FindingView } from "../../control/schema.ts";

export type Finding = FindingView;

/** Looks at one thing. Aborting `signal` ends it. */
export interface Check {
  /** One or two words, the same in every run. */
  readonly name: string;
  readonly look: (signal: AbortSignal) => Promise<readonly Judged[]>;
}

/** A finding without the name of its check. */
export type Judged = Omit<Finding, "check">;

export function ok(text: string): Judged {
  return { state: "ok", text, advice: null };
}

export function warning(text: string, advice: string): Judged {
  return { state: "warning", text, advice };
}

export function problem(text: string, advice: string): Judged {
  return { state: "problem", text, advice };
}

/** It could not be looked at. */
export function unchecked(text: string, advice: string | null = null): Judged {
  return { state: "unchecked", text, advice };
}
