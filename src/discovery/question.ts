/**
 * The question who is here, as we ask it and as we read it (RFC 6762 7.1;
 * docs/PROTOCOL.md section 7). Pure.
 */

import { type OwnRecord, POINTER_TTL, SERVICE } from "./record.ts";

export interface Question {
  readonly name: string;
  readonly type: string;
}

/** A decoded query; `answers` is what the asker knows already, and as little to be believed as any packet. */
export interface Query {
  readonly questions: readonly Question[];
  readonly answers: readonly {
    readonly name?: unknown;
    readonly type?: unknown;
    readonly ttl?: unknown;
    readonly data?: unknown;
  }[];
}

/**
 * Our question who is here. It names ourselves as known already (RFC 6762 7.1),
 * so that nobody need tell us, and so that it is a sign of life to the others.
 */
export function ownQuestion({ instance }: OwnRecord): Query {
  return {
    questions: [{ name: SERVICE, type: "PTR" }],
    answers: [{ name: SERVICE, type: "PTR", ttl: POINTER_TTL, data: instance }],
  };
}

/** Whether it asks who is here. */
export function isOurQuestion({ name, type }: Question): boolean {
  return type === "PTR" && name.toLowerCase() === SERVICE;
}

/** Who asks such a question, in lower case. Others that ask for our service name nobody, or everybody they know. */
export function askerOf({ questions, answers }: Query): string | undefined {
  const [question, answer] = [questions[0], answers[0]];
  if (questions.length !== 1 || answers.length !== 1 || !question || !isOurQuestion(question)) return undefined;
  if (answer?.type !== "PTR" || answer.ttl !== POINTER_TTL || typeof answer.data !== "string") return undefined;
  const instance = answer.data.toLowerCase();
  return String(answer.name).toLowerCase() === SERVICE && instance.endsWith(`.${SERVICE}`) ? instance : undefined;
}
