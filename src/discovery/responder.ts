/**
 * Which questions of a link the library's responder gets to see, and when: the
 * manners of RFC 6762 that it lacks. Without them a flood of questions is
 * answered by a flood, and every host of a link answers in the same instant.
 */

import type { Cancel, Clock } from "../core/clock.ts";
import type { Query, Question } from "./question.ts";
import { ALL_SERVICES, type OwnRecord, SERVICE } from "./record.ts";

const ANSWER_PAUSE = 1000; // ms until a record is multicast again (RFC 6762 6)
const MIN_DELAY = 20; // ms, and
const MAX_DELAY = 120; // ms: answers that several hosts may give are spread (RFC 6762 6)
const KNOWN_TTL = 2250; // s: half of the pointer's, above which a known answer is not repeated (RFC 6762 7.1)
const TYPES = new Set(["PTR", "SRV", "TXT", "A", "AAAA", "ANY"]);

export class Responder {
  readonly #instance: string;
  readonly #names: ReadonlySet<string>;
  readonly #deps: { readonly clock: Clock; readonly random: () => number };
  readonly #respond: (query: Query) => void;
  /** When each question was last answered. Its keys are our names times TYPES. */
  readonly #answered = new Map<string, number>();
  readonly #pending = new Set<Cancel>();

  constructor(
    own: OwnRecord,
    deps: { readonly clock: Clock; readonly random: () => number },
    respond: (query: Query) => void,
  ) {
    this.#instance = own.instance.toLowerCase();
    this.#names = new Set([SERVICE, ALL_SERVICES, own.host, this.#instance]);
    this.#deps = deps;
    this.#respond = respond;
  }

  take(query: Query): void {
    const now = this.#deps.clock.monotonic();
    const questions = query.questions.filter((question) => this.#isDue(question, query, now));
    if (questions.length === 0) return;
    for (const question of questions) this.#answered.set(keyOf(question), now);

    const shared = questions.some(({ name }) => name.toLowerCase() === SERVICE);
    if (!shared) this.#respond({ ...query, questions });
    else this.#later(() => this.#respond({ ...query, questions }));
  }

  close(): void {
    for (const cancel of this.#pending) cancel();
    this.#pending.clear();
  }

  #isDue(question: Question, query: Query, now: number): boolean {
    if (!TYPES.has(question.type) || !this.#names.has(question.name.toLowerCase())) return false;
    if (now - (this.#answered.get(keyOf(question)) ?? Number.NEGATIVE_INFINITY) < ANSWER_PAUSE) return false;
    return question.name.toLowerCase() !== SERVICE || !query.answers.some((answer) => this.#isKnown(answer));
  }

  // Our own question comes back to us as well; it names us as known (record.ts).
  #isKnown({ type, ttl, data }: Query["answers"][number]): boolean {
    return (
      type === "PTR" && typeof ttl === "number" && ttl >= KNOWN_TTL && String(data).toLowerCase() === this.#instance
    );
  }

  #later(run: () => void): void {
    const cancel = this.#deps.clock.after(MIN_DELAY + this.#deps.random() * (MAX_DELAY - MIN_DELAY), () => {
      this.#pending.delete(cancel);
      run();
    });
    this.#pending.add(cancel);
  }
}

function keyOf({ name, type }: Question): string {
  return `${type} ${name.toLowerCase()}`;
}
