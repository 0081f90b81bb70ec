/**
 * The states of a pairing by code, what comes in and what goes out, as data.
 * pairing.ts says what follows what.
 */

import { assertNever } from "../core/assert.ts";
import type { LanxferError } from "../core/errors.ts";
import type { Introduction, Partner } from "./pairing-message.ts";
import type { PairingSession, Role } from "./pairing-proof.ts";

/** How long a message may take (milliseconds). */
const MESSAGE_MS = 10_000;
/** How long both users together have to type the codes (milliseconds). */
const TYPING_MS = 120_000;

/** What is known once both have introduced themselves. */
export interface Opening {
  readonly session: PairingSession;
  readonly introductions: Readonly<Record<Role, Introduction>>;
  readonly commitment: Uint8Array;
  /** This end's. */
  readonly nonce: Uint8Array;
}

export interface Comparing {
  readonly phase: "comparing";
  readonly partner: Partner;
  /** Six digits each: shown here, and to be typed here. */
  readonly codes: { readonly shown: string; readonly wanted: string };
  readonly confirmations: { readonly own: Uint8Array; readonly theirs: Uint8Array };
  readonly agreedHere: boolean;
  readonly agreedThere: boolean;
}

export type PairingState =
  | { readonly phase: "listening" }
  | { readonly phase: "greeting"; readonly sid: Uint8Array }
  | { readonly phase: "committed"; readonly opening: Opening }
  | { readonly phase: "revealing"; readonly opening: Opening }
  | Comparing
  /** Both agreed: the other device is being added to the trusted ones. */
  | { readonly phase: "pinning"; readonly partner: Partner; readonly there: "awaited" | "done" | "gone" }
  | { readonly phase: "closing"; readonly partner: Partner }
  | { readonly phase: "ended"; readonly outcome: Outcome };

export type Outcome =
  /** `mutual`: the other end said that it trusts this device, too. */
  | { readonly kind: "paired"; readonly partner: Partner; readonly mutual: boolean }
  /** Nobody there is waiting for this device. */
  | { readonly kind: "refused" }
  /** `counts`: it came after the commitment, so somebody may have had a chance at the code. */
  | { readonly kind: "failed"; readonly error: LanxferError; readonly counts: boolean };

export type Input =
  | { readonly kind: "message"; readonly message: unknown }
  /** What the user typed. */
  | { readonly kind: "code"; readonly code: string }
  /** The time that `patience` gives has passed. */
  | { readonly kind: "timeout" }
  /** The other end has closed. */
  | { readonly kind: "hangup" }
  /** This end gives up. */
  | { readonly kind: "cancel"; readonly error: LanxferError }
  /** How the `pin` that was asked for ended. */
  | { readonly kind: "pinned" }
  | { readonly kind: "unpinned"; readonly error: LanxferError };

export type Effect =
  | { readonly kind: "send"; readonly message: Readonly<Record<string, unknown>> }
  /** Trust this device, durably, and come back with `pinned` or `unpinned`. */
  | { readonly kind: "pin"; readonly partner: Partner };

/** Before anybody is shown a code. */
export type Opened = Extract<PairingState, { phase: "listening" | "greeting" | "committed" | "revealing" }>;

/** How long this state may last (milliseconds); undefined where nobody is waited for. */
export function patience({ phase }: PairingState): number | undefined {
  switch (phase) {
    case "listening":
    case "greeting":
    case "committed":
    case "revealing":
    case "closing":
      return MESSAGE_MS;
    case "comparing":
      return TYPING_MS;
    case "pinning":
    case "ended":
      return undefined;
    default:
      return assertNever(phase);
  }
}

/**
 * What `advance` makes of a typed code: `own` is the code of this very device,
 * which is a slip and no try, since it was never going to be right.
 */
export function judge({ codes: { shown, wanted } }: Comparing, typed: string): "right" | "own" | "wrong" {
  const code = typed.replace(/[\s-]/g, "");
  if (code === wanted) return "right";
  return code === shown ? "own" : "wrong";
}
