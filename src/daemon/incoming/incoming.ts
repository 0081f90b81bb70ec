/**
 * Connections on which others send to this device: which are heard, how far
 * those are trusted that are not paired, and how all of it ends. What becomes of
 * an offer is reception.ts.
 */

import type { Clock } from "../../core/clock.ts";
import { LanxferError, toLanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { RateLimit } from "../../core/rate-limit.ts";
import type { Flusher } from "../../transfer/flush.ts";
import type { BlockMemory } from "../../transfer/incoming.ts";
import type { Link } from "../../transfer/link.ts";
import { serveLink } from "../../transfer/receiver.ts";
import type { SmallFiles } from "../../transfer/small-files.ts";
import { type Kept, removeKept } from "../../transfer/staging.ts";
import { MAX_UNACCEPTED, type MessageOf } from "../../transfer/wire.ts";
import { type Caller, Reception, type ReceptionDeps } from "./reception.ts";
import { senderOf, type Trust } from "./senders.ts";

export interface IncomingDeps extends ReceptionDeps {
  readonly self: DeviceId;
  readonly clock: Clock;
  readonly log: Log;
  readonly umask: number;
  readonly memory: BlockMemory;
  readonly flusher: Flusher;
  readonly files: SmallFiles;
  /** What all transfers to here share. */
  readonly rate: RateLimit;
  /** Transfers that may run at the same time. */
  readonly parallel: () => number;
  readonly trust: Trust;
  readonly hello: () => MessageOf<"hello">;
  /** Told where a peer said it listens. */
  readonly met: (link: Link, hello: MessageOf<"hello">) => void;
}

/**
 * Links of one device beyond the transfers that it may have: idle ones, those that
 * only ask who is here, and those that it has lost and we have not missed yet.
 */
const SPARE_LINKS = 16;

interface Served {
  readonly link: Link;
  readonly caller: Caller;
  readonly done: Promise<void>;
}

export class Incoming {
  readonly #deps: IncomingDeps;
  readonly #reception: Reception;
  readonly #served = new Set<Served>();

  constructor(deps: IncomingDeps) {
    this.#deps = deps;
    this.#reception = new Reception(deps);
  }

  /** Takes note of what earlier runs have left in the inbox. What devices that are not paired have begun ends with a run. */
  async restore(kept: readonly Kept[]): Promise<void> {
    const { self, inbox, landed, trust } = this.#deps;
    for (const one of kept.toSorted((a, b) => a.since - b.since)) {
      const { peer, offer } = one;
      const party = senderOf(peer, "", trust)?.party;
      const goesOn = party !== undefined && party.unpaired === undefined && landed.find(peer, offer.id) === undefined;
      if (goesOn) await this.#reception.restore(one, party);
      else await removeKept(inbox(), { self, peer, id: offer.id });
    }
  }

  /**
   * Takes over a link. Never throws: what goes wrong is told to the other end and
   * logged. `keep` is called once it is not to be closed any more when others crowd in.
   */
  serve(link: Link, keep: () => void): void {
    const { trust, refused, log } = this.#deps;
    const party = senderOf(link.peer, "", trust)?.party;
    if (party === undefined) {
      // Nothing about us, not even a name, is told to a stranger.
      refused("E_NOT_PAIRED");
      log.debug({ peer: link.peer, address: link.remoteAddress }, "stranger turned away");
      void link.refuse(new LanxferError("E_NOT_PAIRED"));
    } else if (!this.#makesRoom(link)) {
      void link.refuse(new LanxferError("E_BUSY", { text: "too many connections" }));
    } else {
      this.#take(link, party.unpaired !== undefined, keep);
    }
  }

  /** Ends all transfers and links. Resolves when they have ended. */
  async cancelAll(reason: LanxferError): Promise<void> {
    await this.#end([...this.#served], reason);
  }

  /** Ends transfers and links of these devices, and forgets what is kept of them. Resolves when that is done. */
  async letGo(reason: LanxferError, whom: (device: DeviceId) => boolean): Promise<void> {
    await this.#end(
      [...this.#served].filter(({ link }) => whom(link.peer)),
      reason,
    );
    await this.#deps.interrupted.forgetAll(reason, whom);
  }

  /** Resolves when nothing is being received any more; idle links may still be open. */
  async idle(): Promise<void> {
    await Promise.all([...this.#served].filter(isBusy).map((served) => served.done));
  }

  async #end(affected: readonly Served[], reason: LanxferError): Promise<void> {
    for (const { link, caller } of affected) {
      if (caller.record !== undefined && !caller.record.ended) {
        caller.record.cancel(reason);
      } else {
        void link.refuse(reason);
        this.#deps.offers.withdraw(link.peer, reason);
      }
    }
    await Promise.all(affected.map((served) => served.done));
  }

  /**
   * Whether the device of a new link may have one more. The idle one that was silent
   * longest makes room: its other end may be gone.
   */
  #makesRoom({ peer }: Link): boolean {
    const links = [...this.#served].filter((served) => served.link.peer === peer);
    if (links.length < this.#deps.parallel() + SPARE_LINKS) return true;
    const idle = links.filter(({ caller }) => caller.record === undefined);
    const [quietest] = idle.toSorted((a, b) => b.link.silence - a.link.silence);
    if (quietest !== undefined) this.#hangUp(quietest);
    return quietest !== undefined;
  }

  #hangUp(served: Served): void {
    this.#served.delete(served);
    served.link.destroy(new LanxferError("E_BUSY", { text: "too many connections" }));
  }

  #take(link: Link, guest: boolean, keep: () => void): void {
    const { trust, rate, met } = this.#deps;
    let hello: MessageOf<"hello"> | undefined;
    const admit = () => {
      keep();
      link.free();
      link.slowTo({ reading: rate });
    };
    if (guest) link.confine(MAX_UNACCEPTED);
    else admit();
    const caller: Caller = {
      id: link.peer,
      address: link.remoteAddress,
      sender: () => senderOf(link.peer, hello?.name ?? "", trust),
      accepted() {
        admit();
        if (hello !== undefined) met(link, hello); // it may have been paired since
      },
      hangUp: (reason) => link.destroy(reason),
      record: undefined,
    };
    const greeted = (theirs: MessageOf<"hello">) => {
      hello = theirs;
      met(link, theirs);
    };
    const served: Served = { link, caller, done: this.#serve(link, caller, guest, greeted) };
    this.#served.add(served);
    void served.done.then(() => this.#served.delete(served));
  }

  async #serve(
    link: Link,
    caller: Caller,
    guest: boolean,
    greeted: (hello: MessageOf<"hello">) => void,
  ): Promise<void> {
    const { self, hello, umask, clock, memory, flusher, files, log } = this.#deps;
    const decide = this.#reception.decide.bind(this.#reception, caller);
    try {
      await serveLink(link, { self, hello: hello(), umask, clock, memory, flusher, files, guest, greeted, decide });
    } catch (error) {
      const { code, message } = toLanxferError(error);
      if (code === "E_INTERNAL") log.error({ err: error, peer: link.peer }, "link failed");
      else log.debug({ peer: link.peer, code, message }, "link ended");
    }
  }
}

function isBusy({ caller: { record } }: Served): boolean {
  return record !== undefined && !record.ended;
}
