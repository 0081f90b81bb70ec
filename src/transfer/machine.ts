/**
 * The order of a conversation (PROTOCOL 4.6), as a table. Both ends run the same
 * table over what they send and what they receive; what is not listed is a
 * protocol error, whoever does it.
 */

import { LanxferError } from "../core/errors.ts";

export type Role = "sender" | "receiver";

export type Phase =
  | "opening" // hello not yet received
  | "ready" // between transfers
  | "offered"
  | "asked" // a person has been asked
  | "landed" // all of it had landed before
  | "sending" // accepted; between two entries
  | "content" // inside a file
  | "finishing" // all is sent; being flushed and published
  | "closed";

/** What the table distinguishes; an entry of a folder has no content. */
export type Input =
  | "hello"
  | "heartbeat"
  | "offer"
  | "accept"
  | "ask"
  | "decline"
  | "have"
  | "landed"
  | "entry-file"
  | "entry-folder"
  | "block"
  | "end"
  | "done"
  | "saved"
  | "progress"
  | "complete"
  | "abort";

type Row = Readonly<Partial<Record<Input, Phase>>>;

const FROM_SENDER: Readonly<Record<Phase, Row>> = {
  opening: { hello: "ready", abort: "closed" },
  ready: { offer: "offered", heartbeat: "ready", abort: "closed" },
  offered: { heartbeat: "offered", abort: "closed" },
  asked: { heartbeat: "asked", abort: "closed" },
  landed: { heartbeat: "landed", abort: "closed" },
  sending: {
    "entry-file": "content",
    "entry-folder": "sending",
    done: "finishing",
    heartbeat: "sending",
    abort: "closed",
  },
  content: { block: "content", end: "sending", heartbeat: "content", abort: "closed" },
  finishing: { heartbeat: "finishing", abort: "closed" },
  closed: {},
};

const FROM_RECEIVER: Readonly<Record<Phase, Row>> = {
  // A stranger is turned away without a hello.
  opening: { hello: "ready", abort: "closed" },
  ready: { heartbeat: "ready", abort: "closed" },
  offered: {
    accept: "sending",
    ask: "asked",
    decline: "ready",
    have: "offered",
    landed: "landed",
    heartbeat: "offered",
    abort: "closed",
  },
  asked: { accept: "sending", decline: "ready", have: "asked", heartbeat: "asked", abort: "closed" },
  landed: { landed: "landed", complete: "ready", heartbeat: "landed", abort: "closed" },
  sending: { saved: "sending", progress: "sending", heartbeat: "sending", abort: "closed" },
  content: { saved: "content", progress: "content", heartbeat: "content", abort: "closed" },
  finishing: {
    saved: "finishing",
    progress: "finishing",
    complete: "ready",
    heartbeat: "finishing",
    abort: "closed",
  },
  closed: {},
};

/** The phase after `from` said `input`; undefined when it may not. */
export function next(phase: Phase, from: Role, input: Input): Phase | undefined {
  return (from === "sender" ? FROM_SENDER : FROM_RECEIVER)[phase][input];
}

/** A conversation's phase, kept by one end. */
export class Conversation {
  #phase: Phase = "opening";

  get phase(): Phase {
    return this.#phase;
  }

  /** Throws E_PROTO and stays closed when `from` may not say `input` now. */
  step(from: Role, input: Input): void {
    const after = next(this.#phase, from, input);
    if (after === undefined) {
      const text = `${input} from the ${from} while ${this.#phase}`;
      this.#phase = "closed";
      throw new LanxferError("E_PROTO", { text });
    }
    this.#phase = after;
  }
}
