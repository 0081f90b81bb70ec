/** Pairing by invite as it happens between connections: makes invites, redeems those of others, answers who redeems ours. */

import type { InviteView } from "../../control/schema.ts";
import { parseHostPort } from "../../core/address.ts";
import { invariant } from "../../core/assert.ts";
import type { Clock } from "../../core/clock.ts";
import { type DeviceId, shortId } from "../../core/ids.ts";
import { decodeInvite } from "../../identity/invite.ts";
import { createInviteBook, type InviteBook } from "../../identity/invite-book.ts";
import { answerRedeem, type Pin, redeemInvite, refuseOwn } from "../../identity/invite-protocol.ts";
import type { Introduction, Partner } from "../../identity/pairing-message.ts";
import type { Device } from "../../identity/trust-file.ts";
import type { TrustStore } from "../../identity/trust-store.ts";
import type { PairConnection, Visit } from "./connection.ts";

export interface InvitesDeps {
  readonly self: DeviceId;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly trust: TrustStore;
  readonly introduction: () => Introduction;
}

export class Invites {
  readonly #deps: InvitesDeps;
  readonly #book: InviteBook;

  constructor(deps: InvitesDeps) {
    this.#deps = deps;
    this.#book = createInviteBook({ clock: deps.clock, random: deps.random });
  }

  /** Throws E_USAGE when too many invites are open, or for an address that cannot be one. */
  issue(ttl: number | undefined, address: string | undefined): InviteView {
    const place = address === undefined ? undefined : parseHostPort(address, this.#deps.introduction().port);
    const { text, expiresAt } = this.#book.issue({ self: this.#deps.self, ttlMs: ttl, address: place });
    return { text, expiresAt: new Date(expiresAt).toISOString() };
  }

  /** Pairs with the device that made `text`. Rejects with E_INVITE, E_IDENTITY, E_UNREACHABLE, … */
  async redeem(text: string, visit: Visit, met: (connection: PairConnection, other: Partner) => void): Promise<Device> {
    const invite = decodeInvite(text);
    refuseOwn(invite, this.#deps.self);
    const { random, trust, introduction } = this.#deps;
    const to = { id: invite.id, name: shortId(invite.id) };
    const places = invite.address === undefined ? [] : [invite.address];
    return await visit(to, new AbortController().signal, places, async (connection) => {
      const other = await redeemInvite(connection, invite, { ...introduction(), random, pin: this.#pin });
      met(connection, other);
      const device = trust.get(other.id);
      invariant(device !== undefined, "a device that was pinned is in the trust store");
      return device;
    });
  }

  /** Answers a device whose first message was `first`. Rejects with why it is not trusted. */
  answer(connection: PairConnection, first: unknown): Promise<Partner> {
    return answerRedeem(connection, first, this.#book, { ...this.#deps.introduction(), pin: this.#pin });
  }

  readonly #pin: Pin = (device) => this.#deps.trust.pair(device);
}
