/** Pairing as it happens between connections: hands links to the invite protocol and remembers the outcome. */

import type { InviteView } from "../control/schema.ts";
import { parseHostPort } from "../core/address.ts";
import { invariant } from "../core/assert.ts";
import type { Clock } from "../core/clock.ts";
import { LanxferError, toLanxferError } from "../core/errors.ts";
import { type DeviceId, shortId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { PairChannel } from "../identity/channel.ts";
import { decodeInvite } from "../identity/invite.ts";
import { createInviteBook, type InviteBook } from "../identity/invite-book.ts";
import { answerRedeem, type Pin, redeemInvite } from "../identity/invite-protocol.ts";
import type { Device } from "../identity/trust-file.ts";
import type { TrustStore } from "../identity/trust-store.ts";
import type { Link } from "../transfer/link.ts";
import { ALPN_PAIR, MAX_PAIR_MESSAGES } from "../transfer/wire.ts";
import type { Reach } from "./reach.ts";

/** A message that takes longer than this was never coming (milliseconds). */
const MESSAGE_MS = 10_000;

export interface PairingDeps {
  readonly self: DeviceId;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: (bytes: number) => Uint8Array;
  readonly trust: TrustStore;
  readonly reach: Reach;
  readonly refused: (reason: string) => void;
  /** How this device introduces itself. */
  readonly introduction: () => { readonly name: string; readonly port: number };
}

export class Pairing {
  readonly #deps: PairingDeps;
  readonly #invites: InviteBook;
  readonly #links = new Set<Link>();

  constructor(deps: PairingDeps) {
    this.#deps = deps;
    this.#invites = createInviteBook({ clock: deps.clock, random: deps.random });
  }

  /** Throws E_USAGE when too many invites are open, or for an address that cannot be one. */
  invite(ttl: number | undefined, address: string | undefined): InviteView {
    const place = address === undefined ? undefined : parseHostPort(address, this.#deps.introduction().port);
    const { text, expiresAt } = this.#invites.issue({ self: this.#deps.self, ttlMs: ttl, address: place });
    return { text, expiresAt: new Date(expiresAt).toISOString() };
  }

  /** Answers a device that wants to pair. Never throws: what goes wrong is told there and counted. */
  serve(link: Link): void {
    this.#links.add(link);
    void this.#answer(link)
      .catch((error) => {
        this.#deps.refused("pairing");
        this.#deps.log.debug({ code: toLanxferError(error).code, address: link.remoteAddress }, "pairing refused");
      })
      .finally(async () => {
        await link.close();
        this.#links.delete(link);
      });
  }

  /** Pairs with the device that made `text`. Rejects with E_INVITE, E_IDENTITY, E_UNREACHABLE, … */
  async redeem(text: string): Promise<Device> {
    const invite = decodeInvite(text);
    const { self, clock, random, reach, introduction } = this.#deps;
    const to = { id: invite.id, name: shortId(invite.id) };
    const places = invite.address === undefined ? [] : [invite.address];
    const link = await reach.link(to, ALPN_PAIR, new AbortController().signal, places);
    this.#links.add(link);
    try {
      const other = await redeemInvite(pairChannel(link, self, clock), invite, {
        ...introduction(),
        random,
        pin: this.#pin,
      });
      reach.met(link, other);
      const device = this.#deps.trust.get(other.id);
      invariant(device !== undefined, "a device that was pinned is in the trust store");
      return device;
    } finally {
      await link.close();
      this.#links.delete(link);
    }
  }

  /** Hangs up on whoever is pairing. */
  async close(): Promise<void> {
    await Promise.all([...this.#links].map((link) => link.close()));
  }

  async #answer(link: Link): Promise<void> {
    const { self, clock, reach, introduction } = this.#deps;
    const channel = pairChannel(link, self, clock);
    const first = await channel.receive();
    const other = await answerRedeem(channel, first, this.#invites, { ...introduction(), pin: this.#pin });
    reach.met(link, other);
  }

  readonly #pin: Pin = (device) => this.#deps.trust.pair(device);
}

function pairChannel(link: Link, self: DeviceId, clock: Clock): PairChannel {
  const frames = link.frames();
  let received = 0;
  return {
    self,
    peer: link.peer,
    exportKey: (label, context, length) => link.exportKey(label, context, length),
    async send(message) {
      link.send(message);
      await link.flushed();
    },
    async receive() {
      if (++received > MAX_PAIR_MESSAGES) throw new LanxferError("E_PROTO", { text: "too many messages" });
      const cancel = clock.after(MESSAGE_MS, () => link.destroy(new LanxferError("E_TIMEOUT", { text: "pairing" })));
      const { value: frame } = await frames.next().finally(cancel);
      if (frame === undefined) throw new LanxferError("E_LOST", { text: "closed by the other end" });
      return frame.type === "control" ? frame.payload : undefined; // a pairing link decodes no blocks
    },
  };
}
