/**
 * Connections for sending. One that has delivered may carry the next transfer to
 * the same device (PROTOCOL 4): five hundred queued ones need one handshake.
 */

import type { Cancel, Clock } from "../../core/clock.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { RateLimit } from "../../core/rate-limit.ts";
import type { Link } from "../../transfer/link.ts";
import { SenderSession } from "../../transfer/sender.ts";
import type { MessageOf } from "../../transfer/wire.ts";
import type { Recipient } from "./attempt.ts";
import { insist } from "./insist.ts";

export interface SessionsDeps {
  readonly clock: Clock;
  /** Resolves to a link to this very device, or rejects with why there is none. */
  readonly reach: (recipient: Recipient, signal: AbortSignal) => Promise<Link>;
  readonly hello: () => MessageOf<"hello">;
  /** Ends a link whose device has moved, until the returned function is called. */
  readonly follow: (link: Link) => Cancel;
  /** Told where a peer said it listens. */
  readonly met: (link: Link, hello: MessageOf<"hello">) => void;
}

export interface Session {
  readonly link: Link;
  readonly sender: SenderSession;
  readonly unfollow: Cancel;
}

export class Sessions {
  readonly #deps: SessionsDeps;
  /** Kept for the next transfer: for moments only, as nobody reads what comes in on them. */
  readonly #kept = new Map<DeviceId, Session>();

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /** A session with that device on which nothing is going on, no faster than `limits`. Rejects with why there is none. */
  async open(recipient: Recipient, limits: readonly RateLimit[], signal: AbortSignal): Promise<Session> {
    const session = this.#take(recipient.id) ?? (await this.#dial(recipient, signal));
    session.link.slowTo({ sending: limits });
    return session;
  }

  /** Rejects like `open` when that device does not answer now. */
  async probe(recipient: Recipient, signal: AbortSignal): Promise<void> {
    const link = await this.#deps.reach(recipient, signal);
    link.destroy();
  }

  /** Ends the use of a session; with `keep` it waits for the next one, until `drop`. Never rejects. */
  async close(device: DeviceId, session: Session, keep: boolean): Promise<void> {
    if (!keep || this.#kept.has(device)) await this.#end(session);
    else this.#kept.set(device, session);
  }

  /** Nothing more is to go to that device for now. Never rejects. */
  async drop(device: DeviceId): Promise<void> {
    const kept = this.#take(device);
    if (kept !== undefined) await this.#end(kept);
  }

  async #end({ sender, unfollow }: Session): Promise<void> {
    unfollow();
    await sender.close();
  }

  #take(device: DeviceId): Session | undefined {
    const kept = this.#kept.get(device);
    this.#kept.delete(device);
    return kept;
  }

  #dial(recipient: Recipient, signal: AbortSignal): Promise<Session> {
    const { clock, reach, hello, follow, met } = this.#deps;
    const attempt = async (): Promise<Session> => {
      const link = await reach(recipient, signal);
      const { session: sender, peer } = await SenderSession.open(link, hello(), signal);
      met(link, peer);
      return { link, sender, unfollow: follow(link) };
    };
    return insist(attempt, clock, signal);
  }
}
