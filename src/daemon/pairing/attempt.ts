/**
 * One attempt to pair by code, on one connection: feeds the state machine with
 * messages, time and what the user does, and carries out what it says. It does
 * not close the connection.
 */

import type { Cancel, Clock } from "../../core/clock.ts";
import { type LanxferError, toLanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { Pin } from "../../identity/invite-protocol.ts";
import { advance, begin, type Ends, type Step } from "../../identity/pairing.ts";
import type { Role } from "../../identity/pairing-proof.ts";
import { type Input, judge, type Outcome, type PairingState, patience } from "../../identity/pairing-state.ts";
import type { PairConnection } from "./connection.ts";

/** `unasked`: at this moment no code is waited for. */
export type Verdict = ReturnType<typeof judge> | "unasked";

export interface AttemptDeps extends Pick<Ends, "role" | "own" | "random"> {
  readonly connection: PairConnection;
  readonly clock: Clock;
  readonly pin: Pin;
  /** Called after each change but the last, of which `run` tells. */
  readonly changed: () => void;
}

export class Attempt {
  readonly #deps: AttemptDeps;
  readonly #ends: Ends;
  readonly #ended: Promise<Outcome>;
  #end: (outcome: Outcome) => void = () => {};
  #state: PairingState;
  #stopTimer: Cancel = () => {};
  #deadline = 0;

  constructor(deps: AttemptDeps) {
    const { role, own, random, connection } = deps;
    this.#deps = deps;
    this.#ends = { role, own, random, ...connection };
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#state = { phase: "listening" };
  }

  get role(): Role {
    return this.#ends.role;
  }

  get peer(): DeviceId {
    return this.#ends.peer;
  }

  get state(): PairingState {
    return this.#state;
  }

  /** Until when the state that it is in may last; by the monotonic clock. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Runs it to its end. `first` is a message that was received already. Never rejects. */
  async run(first?: unknown): Promise<Outcome> {
    this.#do(begin(this.#ends));
    this.#waitFor(this.#state);
    if (first !== undefined) this.#feed({ kind: "message", message: first });
    void this.#listen();
    return await this.#ended;
  }

  /** What the user typed. */
  type(code: string): Verdict {
    if (this.#state.phase !== "comparing" || this.#state.agreedHere) return "unasked";
    const verdict = judge(this.#state, code);
    this.#feed({ kind: "code", code });
    return verdict;
  }

  cancel(error: LanxferError): void {
    this.#feed({ kind: "cancel", error });
  }

  async #listen(): Promise<void> {
    try {
      while (this.#state.phase !== "ended") {
        this.#feed({ kind: "message", message: await this.#deps.connection.next() });
      }
    } catch {
      this.#feed({ kind: "hangup" }); // or what comes makes no sense any more, which is no better
    }
  }

  #feed(input: Input): void {
    const before = this.#state;
    this.#do(advance(this.#ends, before, input));
    if (this.#state.phase !== before.phase) this.#waitFor(this.#state);
    if (this.#state !== before && this.#state.phase !== "ended") this.#deps.changed();
  }

  #do({ state, effects }: Step): void {
    this.#state = state;
    for (const effect of effects) {
      // Whether it arrives shows in what comes back.
      if (effect.kind === "send") this.#deps.connection.send(effect.message).catch(() => undefined);
      else {
        this.#deps.pin(effect.partner).then(
          () => this.#feed({ kind: "pinned" }),
          (error) => this.#feed({ kind: "unpinned", error: toLanxferError(error) }),
        );
      }
    }
  }

  #waitFor(state: PairingState): void {
    this.#stopTimer();
    const ms = patience(state);
    this.#stopTimer = ms === undefined ? () => {} : this.#deps.clock.after(ms, () => this.#feed({ kind: "timeout" }));
    this.#deadline = this.#deps.clock.monotonic() + (ms ?? 0);
    if (state.phase === "ended") this.#end(state.outcome);
  }
}
