/**
 * Pairing by code (docs/PROTOCOL.md section 6.2), one end of it, as a pure state
 * machine: what comes in goes to `advance`, which says what to do and what the
 * state is then. It opens no connection, sets no timer and asks nobody: all of
 * that is daemon/pairing/. Chance comes in by a parameter.
 *
 *     dialler   pair-hello { sid, name, port }
 *     listener                 pair-commit { name, port, commit }, or pair-refuse {}
 *     dialler   pair-nonce { nonce }
 *     listener                 pair-reveal { nonce }
 *     both      pair-confirm { mac }      when the user typed the other device's code
 *     both      pair-done {}              when the other device is trusted, durably
 *
 * Every input is defined in every state. What is not expected of the other end
 * ends the pairing; nothing is pinned before both users have agreed.
 */

import { timingSafeEqual } from "node:crypto";
import { assertNever } from "../core/assert.ts";
import { LanxferError } from "../core/errors.ts";
import { base32Encode, shortId } from "../core/ids.ts";
import type { PairChannel } from "./channel.ts";
import { bytesIn, fieldsOf, type Introduction, introductionIn, unexpected } from "./pairing-message.ts";
import {
  codeShownBy,
  commitmentTo,
  confirmationBy,
  NONCE_BYTES,
  otherRole,
  PAIR_EXPORTER_BYTES,
  PAIR_EXPORTER_LABEL,
  PAIR_SID_BYTES,
  type PairingSession,
  PROOF_BYTES,
  type Role,
  transcriptOf,
} from "./pairing-proof.ts";
import {
  type Comparing,
  type Effect,
  type Input,
  judge,
  type Opened,
  type Opening,
  type Outcome,
  type PairingState,
} from "./pairing-state.ts";

/** Which end this is, and of what connection. */
export interface Ends extends Pick<PairChannel, "self" | "peer" | "exportKey"> {
  readonly role: Role;
  readonly own: Introduction;
  readonly random: (bytes: number) => Uint8Array;
}

export interface Step {
  readonly state: PairingState;
  /** To be done in this order. */
  readonly effects: readonly Effect[];
}

export function begin({ role, own, random }: Ends): Step {
  if (role === "listener") return { state: { phase: "listening" }, effects: [] };
  const sid = random(PAIR_SID_BYTES);
  return say({ phase: "greeting", sid }, { t: "pair-hello", sid: base32Encode(sid), ...own });
}

export function advance(ends: Ends, state: PairingState, input: Input): Step {
  switch (state.phase) {
    case "listening":
    case "greeting":
    case "committed":
    case "revealing":
      return input.kind === "message" ? open(ends, state, input.message) : interrupt(ends, state, input);
    case "comparing":
      return compare(ends, state, input);
    case "pinning":
      return pin(state, input);
    case "closing":
      return finish(state, input);
    case "ended":
      return stay(state);
    default:
      return assertNever(state);
  }
}

/** A message of the first half, which no user has a part in. */
function open(ends: Ends, state: Opened, message: unknown): Step {
  const fields = fieldsOf(message);
  switch (state.phase) {
    case "listening": {
      const sid = bytesIn(fields.sid, PAIR_SID_BYTES);
      const theirs = introductionIn(fields);
      if (fields.t !== "pair-hello" || sid === undefined || theirs === undefined) break;
      const session = sessionOf(ends, sid);
      const nonce = ends.random(NONCE_BYTES);
      const commitment = commitmentTo(nonce, session);
      const introductions = { dialler: theirs, listener: ends.own };
      const committed: PairingState = { phase: "committed", opening: { session, introductions, commitment, nonce } };
      return say(committed, { t: "pair-commit", ...ends.own, commit: base32Encode(commitment) });
    }
    case "greeting": {
      if (fields.t === "pair-refuse") return end({ kind: "refused" });
      const commitment = bytesIn(fields.commit, PROOF_BYTES);
      const theirs = introductionIn(fields);
      if (fields.t !== "pair-commit" || commitment === undefined || theirs === undefined) break;
      const session = sessionOf(ends, state.sid);
      const nonce = ends.random(NONCE_BYTES); // only now: what the listener committed to must not depend on it
      const introductions = { dialler: ends.own, listener: theirs };
      const revealing: PairingState = { phase: "revealing", opening: { session, introductions, commitment, nonce } };
      return say(revealing, { t: "pair-nonce", nonce: base32Encode(nonce) });
    }
    case "committed": {
      const nonce = bytesIn(fields.nonce, NONCE_BYTES);
      if (fields.t !== "pair-nonce" || nonce === undefined) break;
      const reveal = { t: "pair-reveal", nonce: base32Encode(state.opening.nonce) };
      return say(comparing(ends, state.opening, nonce), reveal);
    }
    case "revealing": {
      const nonce = bytesIn(fields.nonce, NONCE_BYTES);
      if (fields.t !== "pair-reveal" || nonce === undefined) break;
      const { session, commitment } = state.opening;
      if (!timingSafeEqual(commitmentTo(nonce, session), commitment)) return fail(state, forged(ends, state));
      return stay(comparing(ends, state.opening, nonce));
    }
    default:
      return assertNever(state);
  }
  return fail(state, unexpected());
}

function compare(ends: Ends, state: Comparing, input: Input): Step {
  if (input.kind === "code") {
    if (state.agreedHere) return stay(state);
    const verdict = judge(state, input.code);
    if (verdict === "own") return stay(state);
    if (verdict === "wrong") return fail(state, new LanxferError("E_PAIR_CODE", { peer: nameOf(ends, state) }));
    const confirm = say(state, { t: "pair-confirm", mac: base32Encode(state.confirmations.own) });
    return agreed({ ...state, agreedHere: true }, confirm.effects);
  }
  if (input.kind !== "message") return interrupt(ends, state, input);
  const { t, mac: text } = fieldsOf(input.message);
  const mac = bytesIn(text, PROOF_BYTES);
  if (t !== "pair-confirm" || mac === undefined || state.agreedThere) return fail(state, unexpected());
  if (!timingSafeEqual(mac, state.confirmations.theirs)) return fail(state, forged(ends, state));
  return agreed({ ...state, agreedThere: true }, []);
}

function agreed(state: Comparing, effects: readonly Effect[]): Step {
  if (!state.agreedHere || !state.agreedThere) return { state, effects };
  const { partner } = state;
  return { state: { phase: "pinning", partner, there: "awaited" }, effects: [...effects, { kind: "pin", partner }] };
}

/** Both agreed and the disk is at work: whatever the other end does now, this end will trust it. */
function pin(state: Extract<PairingState, { phase: "pinning" }>, input: Input): Step {
  const { partner, there } = state;
  switch (input.kind) {
    case "pinned":
      if (there === "gone") return end({ kind: "paired", partner, mutual: false });
      if (there === "awaited") return say({ phase: "closing", partner }, { t: "pair-done" });
      return say({ phase: "ended", outcome: { kind: "paired", partner, mutual: true } }, { t: "pair-done" });
    case "unpinned":
      return end({ kind: "failed", error: input.error, counts: false });
    case "message":
      return there === "awaited" ? stay({ ...state, there: isDone(input.message) ? "done" : "gone" }) : stay(state);
    case "hangup":
      return there === "awaited" ? stay({ ...state, there: "gone" }) : stay(state);
    case "code":
    case "timeout":
    case "cancel":
      return stay(state);
    default:
      return assertNever(input);
  }
}

function finish(state: Extract<PairingState, { phase: "closing" }>, input: Input): Step {
  const { partner } = state;
  switch (input.kind) {
    case "message":
      return end({ kind: "paired", partner, mutual: isDone(input.message) });
    case "hangup":
    case "timeout":
    case "cancel":
      return end({ kind: "paired", partner, mutual: false });
    case "code":
    case "pinned":
    case "unpinned":
      return stay(state);
    default:
      return assertNever(input);
  }
}

function isDone(message: unknown): boolean {
  return fieldsOf(message).t === "pair-done";
}

/** What ends a pairing that has not been agreed on, other than a message. */
function interrupt(ends: Ends, state: Opened | Comparing, input: Exclude<Input, { kind: "message" }>): Step {
  const peer = nameOf(ends, state);
  switch (input.kind) {
    case "cancel":
      return fail(state, input.error);
    case "hangup":
      return fail(state, new LanxferError(counts(state) ? "E_PAIR_ENDED" : "E_LOST", { peer }));
    case "timeout": {
      const here = state.phase === "comparing" && !state.agreedHere;
      const text = here ? "no code was typed here" : "pairing";
      return fail(state, new LanxferError("E_TIMEOUT", { peer: here ? "this device" : peer, text }));
    }
    case "code": // nobody was asked for one
    case "pinned":
    case "unpinned":
      return stay(state);
    default:
      return assertNever(input);
  }
}

function comparing(
  ends: Ends,
  { session, introductions, commitment, nonce }: Opening,
  theirNonce: Uint8Array,
): Comparing {
  const { role, peer } = ends;
  const nonces =
    role === "dialler" ? { dialler: nonce, listener: theirNonce } : { dialler: theirNonce, listener: nonce };
  const transcript = transcriptOf(session, { commitment, nonces, introductions });
  const other = otherRole(role);
  return {
    phase: "comparing",
    partner: { id: peer, ...introductions[other] },
    codes: { shown: codeShownBy(role, session, transcript), wanted: codeShownBy(other, session, transcript) },
    confirmations: {
      own: confirmationBy(role, session, nonces, transcript),
      theirs: confirmationBy(other, session, nonces, transcript),
    },
    agreedHere: false,
    agreedThere: false,
  };
}

function sessionOf({ role, self, peer, exportKey }: Ends, sid: Uint8Array): PairingSession {
  const exported = exportKey(PAIR_EXPORTER_LABEL, sid, PAIR_EXPORTER_BYTES);
  return role === "dialler"
    ? { dialler: self, listener: peer, sid, exported }
    : { dialler: peer, listener: self, sid, exported };
}

/** Whether the commitment was made: from then on every attempt that fails is counted. */
function counts({ phase }: Opened | Comparing): boolean {
  return phase === "committed" || phase === "revealing" || phase === "comparing";
}

function nameOf({ role, peer }: Ends, state: Opened | Comparing): string {
  if (state.phase === "comparing") return state.partner.name;
  return "opening" in state ? state.opening.introductions[otherRole(role)].name : shortId(peer);
}

function forged(ends: Ends, state: Opened | Comparing): LanxferError {
  return new LanxferError("E_PAIR_FORGED", { peer: nameOf(ends, state) });
}

function fail(state: Opened | Comparing, error: LanxferError): Step {
  return end({ kind: "failed", error, counts: counts(state) });
}

function end(outcome: Outcome): Step {
  return stay({ phase: "ended", outcome });
}

function stay(state: PairingState): Step {
  return { state, effects: [] };
}

function say(state: PairingState, message: Readonly<Record<string, unknown>>): Step {
  return { state, effects: [{ kind: "send", message }] };
}
