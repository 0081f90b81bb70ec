/**
 * The invites that are open on this device. Each is good for one pairing and a
 * short time. They live in memory only: a restart ends them all.
 */

import { createSecretKey, type KeyObject } from "node:crypto";
import type { HostPort } from "../core/address.ts";
import { invariant } from "../core/assert.ts";
import type { Clock } from "../core/clock.ts";
import { LanxferError } from "../core/errors.ts";
import type { DeviceId } from "../core/ids.ts";
import { encodeInvite, SECRET_BYTES } from "./invite.ts";

const MINUTE = 60_000;
const DEFAULT_TTL = 10 * MINUTE; // long enough to walk over to the other machine
const MAX_TTL = 24 * 60 * MINUTE;
const MAX_OPEN = 16;

/**
 * Wrong proofs a minute, from all devices together. The secret cannot be
 * guessed anyway: this bounds the work and the noise that guessing makes.
 */
const WRONG_PER_MINUTE = 10;

export interface IssueRequest {
  readonly self: DeviceId;
  /** Milliseconds, at most 24 h. @default 10 minutes */
  readonly ttlMs?: number | undefined;
  readonly address?: HostPort | undefined;
}

export interface InviteBook {
  /** Opens an invite. Throws E_USAGE when it would live too long, when too many are open, or for a bad address. */
  issue(request: IssueRequest): { readonly text: string; readonly expiresAt: number };
  /**
   * Spends the open invite whose secret `proves` accepts and returns the
   * secret; it can never be spent again, whatever follows. Every open secret is
   * tried, so that the time it takes does not tell which one was right. After
   * too many wrong ones it returns undefined without trying, and spends nothing.
   */
  spend(proves: (secret: KeyObject) => boolean): KeyObject | undefined;
}

interface Open {
  readonly secret: KeyObject;
  /** Both count: the wall clock can be set back, the other one stands still while a laptop sleeps. */
  readonly wallEnd: number;
  readonly runningEnd: number;
}

export function createInviteBook(deps: {
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly random: (bytes: number) => Uint8Array;
}): InviteBook {
  const { clock, random } = deps;
  const open = new Set<Open>();
  let allowance = WRONG_PER_MINUTE;
  let allowanceAt = clock.monotonic();

  const dropExpired = () => {
    for (const invite of open) {
      if (clock.now() >= invite.wallEnd || clock.monotonic() >= invite.runningEnd) open.delete(invite);
    }
  };

  const refillAllowance = () => {
    const now = clock.monotonic();
    allowance = Math.min(WRONG_PER_MINUTE, allowance + ((now - allowanceAt) * WRONG_PER_MINUTE) / MINUTE);
    allowanceAt = now;
  };

  return {
    issue({ self, ttlMs = DEFAULT_TTL, address }) {
      if (!(ttlMs > 0 && ttlMs <= MAX_TTL))
        throw new LanxferError("E_USAGE", { text: "an invite lives 24 hours at most" });
      dropExpired();
      if (open.size >= MAX_OPEN) {
        throw new LanxferError("E_USAGE", { text: `${MAX_OPEN} invites are open: use one, or wait until one expires` });
      }
      const bytes = random(SECRET_BYTES);
      invariant(bytes.length === SECRET_BYTES, "as much chance as was asked for");
      const secret = createSecretKey(bytes);
      const expiresAt = clock.now() + ttlMs;
      const text = encodeInvite({ id: self, secret, expiresAt, address });
      open.add({ secret, wallEnd: expiresAt, runningEnd: clock.monotonic() + ttlMs });
      return { text, expiresAt };
    },

    spend(proves) {
      refillAllowance();
      if (allowance < 1) return undefined;
      dropExpired();
      const [right] = [...open].filter(({ secret }) => proves(secret));
      if (right === undefined) allowance -= 1;
      else open.delete(right);
      return right?.secret;
    },
  };
}
