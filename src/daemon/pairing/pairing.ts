/** Pairing as the daemon knows it: one window for codes at a time, the invites, and the connections of both. */

import type { InviteView, PairingView } from "../../control/schema.ts";
import type { Clock } from "../../core/clock.ts";
import { LanxferError, toLanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { PairingLock } from "../../identity/pairing-lock.ts";
import { fieldsOf, type Introduction } from "../../identity/pairing-message.ts";
import type { Device } from "../../identity/trust-file.ts";
import type { TrustStore } from "../../identity/trust-store.ts";
import type { Link } from "../../transfer/link.ts";
import { ALPN_PAIR } from "../../transfer/wire.ts";
import type { Recipient } from "../outgoing/attempt.ts";
import type { Reach } from "../reach.ts";
import type { Verdict } from "./attempt.ts";
import { type PairConnection, pairConnection, type Visit } from "./connection.ts";
import { Invites } from "./invites.ts";
import { PairingWindow } from "./window.ts";

export interface PairingDeps {
  readonly self: DeviceId;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: (bytes: number) => Uint8Array;
  readonly trust: TrustStore;
  readonly lock: PairingLock;
  readonly reach: Reach;
  readonly refused: (reason: string) => void;
  /** Why this device should be paired with nobody now; undefined when there is no reason. */
  readonly obstacle: () => LanxferError | undefined;
  /** How this device introduces itself. */
  readonly introduction: () => Introduction;
}

export class Pairing {
  readonly #deps: PairingDeps;
  readonly #invites: Invites;
  readonly #links = new Set<Link>();
  /** The window that is open, or the last one that was. */
  #window: PairingWindow | undefined;
  readonly #running = new Set<Promise<void>>();

  constructor(deps: PairingDeps) {
    this.#deps = deps;
    this.#invites = new Invites(deps);
  }

  /** By code. */
  get state(): "closed" | "open" | "locked" {
    if (this.#window?.isOpen) return "open";
    return this.#deps.lock.locked ? "locked" : "closed";
  }

  /** Throws E_CLONE, E_USAGE when too many invites are open, or for an address that cannot be one. */
  invite(ttl: number | undefined, address: string | undefined): InviteView {
    this.#refuseObstacle();
    return this.#invites.issue(ttl, address);
  }

  /** Pairs with the device that made `text`. Rejects with E_CLONE, E_INVITE, E_IDENTITY, E_UNREACHABLE, … */
  async redeem(text: string): Promise<Device> {
    this.#refuseObstacle();
    return await this.#invites.redeem(text, this.#visit, ({ link }, other) => this.#deps.reach.met(link, other));
  }

  /**
   * Opens a window, for this device only if one is named, until `holder` aborts
   * or it is over. Throws E_CLONE, E_PAIR_LOCKED, or E_BUSY when one is open.
   */
  open(target: Recipient | undefined, holder: AbortSignal): AsyncGenerator<PairingView> {
    const { lock, reach } = this.#deps;
    this.#refuseObstacle();
    if (lock.locked) throw new LanxferError("E_PAIR_LOCKED");
    if (this.#window?.isOpen) throw new LanxferError("E_BUSY", { peer: "this device", text: "it is pairing already" });
    const window = new PairingWindow(
      {
        ...this.#deps,
        visit: this.#visit,
        met: (link, other) => reach.met(link, other),
      },
      target,
    );
    this.#window = window;
    const running = window.run(holder).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return window.views();
  }

  /** What the user typed. Throws E_NOT_FOUND when no code is waited for. */
  type(code: string): Exclude<Verdict, "unasked"> {
    const verdict = this.#window?.type(code) ?? "unasked";
    if (verdict === "unasked")
      throw new LanxferError("E_NOT_FOUND", { kind: "pairing that waits for a code", name: code });
    return verdict;
  }

  unlock(): Promise<void> {
    return this.#deps.lock.unlock();
  }

  /**
   * Answers a device that wants to pair. `keep` is called when that is somebody for
   * whom the user waits. Never throws: what goes wrong is told there and counted.
   */
  serve(link: Link, keep: () => void): void {
    this.#links.add(link);
    void this.#answer(link, keep)
      .catch((error) => {
        this.#deps.refused("pairing");
        this.#deps.log.debug({ code: toLanxferError(error).code, address: link.remoteAddress }, "pairing refused");
      })
      .finally(async () => {
        await link.close();
        this.#links.delete(link);
      });
  }

  /** Hangs up on whoever is pairing. */
  async close(): Promise<void> {
    this.#window?.cancel(new LanxferError("E_STOPPING", { peer: "this device" }));
    await Promise.all([...[...this.#links].map((link) => link.close()), ...this.#running]);
  }

  #refuseObstacle(): void {
    const obstacle = this.#deps.obstacle();
    if (obstacle !== undefined) throw obstacle;
  }

  async #answer(link: Link, keep: () => void): Promise<void> {
    const { self, clock, reach } = this.#deps;
    const connection = pairConnection(link, self, clock);
    const first = await connection.receive();
    if (fieldsOf(first).t === "pair-hello") return await this.#receive(connection, first, keep);
    const other = await this.#invites.answer(connection, first);
    reach.met(link, other);
  }

  async #receive(connection: PairConnection, hello: unknown, keep: () => void): Promise<void> {
    const conducted = this.#window?.receive(connection, hello);
    if (conducted !== undefined) {
      keep();
      return await conducted;
    }
    await connection.send({ t: "pair-refuse" });
    throw new LanxferError("E_NOT_PAIRED"); // and nobody was asked
  }

  readonly #visit: Visit = async (to, signal, places, use) => {
    const { self, clock, reach } = this.#deps;
    const link = await reach.link(to, ALPN_PAIR, signal, places);
    this.#links.add(link);
    try {
      return await use(pairConnection(link, self, clock));
    } finally {
      await link.close();
      this.#links.delete(link);
    }
  };
}
