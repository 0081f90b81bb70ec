/** What becomes of an offer: the decision, and the record of the transfer that follows. */

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../core/clock.ts";
import { type ErrorCode, LanxferError, toLanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { Allowance, type Budget } from "../../transfer/allowance.ts";
import type { Admission as Admitted, Landed } from "../../transfer/decision.ts";
import type { Offer } from "../../transfer/incoming.ts";
import type { ReceiverEvent } from "../../transfer/incoming-reports.ts";
import type { Kept } from "../../transfer/staging.ts";
import type { TransferRecord, TransferStart } from "../record/transfer-record.ts";
import type { Transfers } from "../record/transfers.ts";
import type { Party } from "../views.ts";
import type { Promised } from "./admission.ts";
import { Claims } from "./claims.ts";
import type { LandedTransfers } from "./landed.ts";
import type { Offers } from "./offers.ts";
import { Room, type RoomDeps } from "./room.ts";
import type { Sender } from "./senders.ts";
import { HERE, naming } from "./whose.ts";

export interface ReceptionDeps extends RoomDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly transfers: Transfers;
  readonly offers: Offers;
  readonly landed: LandedTransfers;
  readonly refused: (reason: string) => void;
  /** Writes the history line. Never rejects. */
  readonly ended: (record: TransferRecord) => Promise<void>;
}

/** Lines in the log about offers that were declined; more of them are counted. */
const DECLINED: Budget = { burst: 20, rate: 0.2 };

/** The other end of a link, as far as it concerns its offers. */
export interface Caller {
  readonly id: DeviceId;
  readonly address: string;
  /** How it stands with the user now; undefined when it may not send any more. */
  readonly sender: () => Sender | undefined;
  /** The user wants what it offers: it is to be heard from now on. */
  readonly accepted: () => void;
  /** Hangs up. */
  readonly hangUp: (reason: LanxferError) => void;
  /** Of the transfer that is being received from it. */
  record: TransferRecord | undefined;
}

/** A user, of either end, does not want it any more: nothing is kept of it. */
const GIVEN_UP: ReadonlySet<ErrorCode> = new Set(["E_CANCELLED_BY_PEER", "E_CANCELLED", "E_DECLINED"]);

/** What the record of a transfer begins with, besides the offer. */
type Start = Pick<TransferStart, "peer" | "state" | "startedAt">;

export class Reception {
  readonly #deps: ReceptionDeps;
  readonly #claims = new Claims();
  readonly #room: Room;
  readonly #lines: Allowance;

  constructor(deps: ReceptionDeps) {
    this.#deps = deps;
    this.#room = new Room(deps);
    this.#lines = new Allowance(deps.clock, DECLINED);
  }

  /** Shows one that an earlier run has left in the inbox and that may go on. */
  async restore(kept: Kept, peer: Party): Promise<void> {
    const start = { peer, state: "waiting", startedAt: kept.since } as const;
    await this.#wait(kept, this.#start(kept.offer, start, this.#giveUp(kept)), kept.bytes);
  }

  /** Resolves to the yes, or to where it is already. Rejects to decline. `gone` is aborted when the sender gives up. */
  async decide(caller: Caller, offer: Offer, ask: () => void, gone: AbortSignal): Promise<Admitted | Landed> {
    const { landed, interrupted, clock } = this.#deps;
    const { id } = caller;
    const sender = caller.sender();
    if (sender === undefined) throw new LanxferError("E_NOT_PAIRED");
    const release = await this.#claims.take(`${id}:${offer.id}`, (reason) => {
      if (caller.record === undefined) caller.hangUp(reason);
      else caller.record.cancel(reason);
    });
    try {
      const already = landed.find(id, offer.id);
      if (already !== undefined) {
        release();
        return { already };
      }
      const waiting = interrupted.take(id, offer.id);
      try {
        // Whoever accepted this once is not asked again because a cable was pulled.
        const accepted = waiting !== undefined && isSame(waiting.kept.offer, offer);
        const answer = sender.asks && !accepted ? () => this.#ask(caller, sender, offer, ask, gone) : undefined;
        const here = waiting?.kept.bytes ?? 0;
        const promised = isPaired(sender)
          ? await this.#reserveForPaired(answer, sender, offer, here)
          : await this.#reserveForStranger(answer, sender, offer, here);
        const peer = caller.sender()?.party; // it may have been paired since, or turned away
        if (peer === undefined) {
          this.#deps.admission.release(promised);
          throw new LanxferError("E_NOT_PAIRED");
        }
        caller.accepted();
        const startedAt = waiting === undefined ? clock.now() : Date.parse(waiting.record.view.startedAt);
        const start = { peer, state: "running", startedAt } as const;
        return this.#admit(caller, offer, start, release, promised);
      } catch (error) {
        if (waiting !== undefined) {
          await interrupted.add(waiting.kept, waiting.record);
          const reason = toLanxferError(error);
          if (GIVEN_UP.has(reason.code)) await interrupted.forget(id, offer.id, reason);
        }
        throw error;
      }
    } catch (error) {
      release();
      this.#tellDeclined(sender, offer, toLanxferError(error));
      throw error;
    }
  }

  /** What does not fit is refused before a person is asked about it. */
  async #reserveForPaired(answer: Answer | undefined, sender: Sender, offer: Offer, here: number): Promise<Promised> {
    const promised = await this.#room.reserve(sender.party, offer, here);
    try {
      await answer?.();
      return promised;
    } catch (error) {
      this.#deps.admission.release(promised);
      throw error;
    }
  }

  /**
   * Before somebody wants it, nothing is set aside for a stranger, nothing makes
   * room for it, and it does not learn how much room there is.
   */
  async #reserveForStranger(answer: Answer | undefined, sender: Sender, offer: Offer, here: number): Promise<Promised> {
    this.#deps.admission.check(offer);
    await answer?.();
    try {
      return await this.#room.reserve(sender.party, offer, here);
    } catch (error) {
      if (answer !== undefined) await this.#failed(sender.party, offer, toLanxferError(error));
      throw error;
    }
  }

  /** A user who has just said yes is told why nothing comes of it. */
  async #failed(peer: Party, offer: Offer, error: LanxferError): Promise<void> {
    const start = { peer, state: "connecting", startedAt: this.#deps.clock.now() } as const;
    const record = this.#start(offer, start, () => {});
    record.end(error.with({ peer: HERE }));
    await this.#deps.ended(record);
  }

  async #ask(caller: Caller, sender: Sender, offer: Offer, ask: () => void, gone: AbortSignal): Promise<void> {
    const { id, address } = caller;
    const view = {
      id: offer.id,
      from: sender.party,
      items: offer.items.map((item) => ({ name: item.name, type: item.type })),
      entries: offer.entries,
      bytes: offer.bytes,
      note: offer.note ?? null,
      since: new Date(this.#deps.clock.now()).toISOString(),
    };
    await this.#deps.offers.wait({ view, from: id, address }, ask, gone);
  }

  #admit(caller: Caller, offer: Offer, start: Start, release: () => void, promised: Promised): Admitted {
    const { admission, landed, arrivals, log, ended } = this.#deps;
    const inbox = this.#deps.inbox();
    const cancel = new AbortController();
    const { peer } = start;
    const { name } = peer;
    let onCancel = (reason: LanxferError) => cancel.abort(reason);
    const record = this.#start(offer, start, (reason) => onCancel(reason));
    caller.record = record;
    const fields = { transfer: offer.id, peer: peer.id, entries: offer.entries, bytes: offer.bytes };
    const close = async (error: LanxferError | undefined): Promise<void> => {
      record.end(error && naming(error, name));
      if (error === undefined) log.info({ ...fields, ms: record.elapsed }, "transfer received");
      else log.warn({ ...fields, code: error.code, ms: record.elapsed }, "transfer not received");
      await ended(record);
    };
    const pause = (error: LanxferError, bytes: number): void => {
      log.info({ ...fields, moved: bytes, code: error.code }, "transfer interrupted");
      const kept = { peer: peer.id, offer, bytes, since: this.#deps.clock.now() };
      onCancel = this.#giveUp(kept);
      record.waits(naming(error, name));
      void this.#wait(kept, record, bytes);
    };
    return {
      inbox,
      arrivals: this.#room.arrivals(peer, offer),
      room: (bytes) => this.#room.write(promised, bytes),
      signal: cancel.signal,
      report: (event) => {
        if (event.type === "moved") promised.moved = event.bytes;
        this.#report(record, inbox, event);
      },
      landed: async (journal) => {
        await close(undefined);
        landed.add(record.view);
        await arrivals.add(record.view, journal);
      },
      ended: (error, kept) => {
        caller.record = undefined;
        admission.release(promised);
        if (error !== undefined && kept !== undefined && !record.ended) pause(error, kept);
        else if (!record.ended) void close(error ?? new LanxferError("E_LOST"));
        release();
      },
    };
  }

  #start(offer: Offer, start: Start, cancel: (reason: LanxferError) => void): TransferRecord {
    const { id, items, count, entries, bytes, note = null } = offer;
    return this.#deps.transfers.start({ id, direction: "in", items, count, entries, bytes, note, ...start }, cancel);
  }

  async #wait(kept: Kept, record: TransferRecord, moved: number): Promise<void> {
    record.patch({ moved });
    await this.#deps.interrupted.add(kept, record);
  }

  /** What a cancel does while a transfer is interrupted. */
  #giveUp({ peer, offer }: Kept): (reason: LanxferError) => void {
    return (reason) => void this.#deps.interrupted.forget(peer, offer.id, reason);
  }

  #report(record: TransferRecord, inbox: string, event: ReceiverEvent): void {
    switch (event.type) {
      case "moved":
        record.patch({ moved: event.bytes });
        break;
      case "published":
        record.published(event.item, {
          name: event.name,
          as: event.as,
          path: join(inbox, event.as),
          root: event.root ?? null,
          there: event.there,
          ...(event.facts !== undefined && { facts: event.facts }),
        });
        break;
      case "resumed":
        record.patch({ resumed: event.bytes });
        break;
      case "already":
        record.patch({ already: { entries: event.entries, bytes: event.bytes } });
        break;
      case "renamed":
        record.renamed(event.path, event.as);
        break;
      case "finishing":
        record.patch({ state: "finishing" });
        break;
    }
  }

  #tellDeclined(sender: Sender, offer: Offer, { code }: LanxferError): void {
    const { log, refused } = this.#deps;
    const fields = { peer: sender.party.id, transfer: offer.id, bytes: offer.bytes, code };
    if (isPaired(sender) && this.#lines.wait > 0) refused("offers");
    else if (isPaired(sender)) {
      this.#lines.take();
      log.warn(fields, "offer declined");
    } else log.debug(fields, "offer of an unpaired device declined"); // it decides how many lines that are
    if (!isPaired(sender) && code === "E_BUSY") refused("unpaired offers");
  }
}

type Answer = () => Promise<void>;

/** What is offered again is what was offered before. A note decides nothing, and is not kept across runs. */
function isSame(before: Offer, offer: Offer): boolean {
  return isDeepStrictEqual(withoutNote(before), withoutNote(offer));
}

function withoutNote({ note: _, ...offer }: Offer): Omit<Offer, "note"> {
  return offer;
}

function isPaired({ party }: Sender): boolean {
  return party.unpaired === undefined;
}
