/** Transfers to this device: from a link that passed the gate to files in the inbox and a line in the history. */

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { OfferView, Policy } from "../../control/schema.ts";
import type { Clock } from "../../core/clock.ts";
import { LanxferError, toLanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { RateLimit } from "../../core/rate-limit.ts";
import type { Flusher } from "../../transfer/flush.ts";
import type { BlockMemory, Offer, ReceiverEvent } from "../../transfer/incoming.ts";
import type { Link } from "../../transfer/link.ts";
import { type Admission as Admitted, type Landed, serveLink } from "../../transfer/receiver.ts";
import type { SmallFiles } from "../../transfer/small-files.ts";
import { type Kept, removeKept } from "../../transfer/staging.ts";
import type { MessageOf } from "../../transfer/wire.ts";
import type { TransferRecord, TransferStart, Transfers } from "../record/transfers.ts";
import type { Admission, Promised } from "./admission.ts";
import { Claims } from "./claims.ts";
import type { Interrupted } from "./interrupted.ts";
import type { LandedTransfers } from "./landed.ts";
import type { Offers } from "./offers.ts";

export interface IncomingDeps {
  readonly self: DeviceId;
  readonly clock: Clock;
  readonly log: Log;
  readonly umask: number;
  readonly memory: BlockMemory;
  readonly flusher: Flusher;
  readonly files: SmallFiles;
  /** What all transfers to here share. */
  readonly rate: RateLimit;
  readonly transfers: Transfers;
  readonly offers: Offers;
  readonly admission: Admission;
  readonly interrupted: Interrupted;
  readonly landed: LandedTransfers;
  readonly inbox: () => string;
  /** Transfers that may run at the same time. */
  readonly parallel: () => number;
  /** What the local user decided about a device; undefined for a stranger. */
  readonly trusted: (id: DeviceId) => { readonly name: string; readonly policy: Policy } | undefined;
  readonly hello: () => MessageOf<"hello">;
  /** Told where a peer said it listens. */
  readonly met: (link: Link, hello: MessageOf<"hello">) => void;
  readonly refused: (reason: string) => void;
  /** Writes the history line. Never rejects. */
  readonly ended: (record: TransferRecord) => Promise<void>;
}

interface Served {
  readonly link: Link;
  readonly done: Promise<void>;
  record: TransferRecord | undefined;
}

/**
 * Links of one device beyond the transfers that it may have: idle ones, those that
 * only ask who is here, and those that it has lost and we have not missed yet.
 */
const SPARE_LINKS = 16;

/** What the record of a transfer begins with, besides the offer. */
type Start = Pick<TransferStart, "peer" | "state" | "startedAt">;

export class Incoming {
  readonly #deps: IncomingDeps;
  readonly #served = new Set<Served>();
  readonly #claims = new Claims();

  constructor(deps: IncomingDeps) {
    this.#deps = deps;
  }

  /** Takes note of what earlier runs have left in the inbox. */
  async restore(kept: readonly Kept[]): Promise<void> {
    for (const one of kept.toSorted((a, b) => a.since - b.since)) {
      const { peer, offer, bytes } = one;
      const device = this.#device(peer);
      const goesOn = device !== undefined && this.#deps.landed.find(peer, offer.id) === undefined;
      if (goesOn) {
        const start = { peer: { id: peer, name: device.name }, state: "waiting", startedAt: one.since } as const;
        await this.#wait(one, this.#start(offer, start, this.#giveUp(one)), bytes);
      } else {
        await removeKept(this.#deps.inbox(), { self: this.#deps.self, peer, id: offer.id });
      }
    }
  }

  /** Takes over a link. Never throws: what goes wrong is told to the other end and logged. */
  serve(link: Link): void {
    if (this.#device(link.peer) === undefined) {
      // Nothing about us, not even a name, is told to a stranger.
      this.#deps.refused("E_NOT_PAIRED");
      this.#deps.log.debug({ peer: link.peer, address: link.remoteAddress }, "stranger turned away");
      void link.refuse(new LanxferError("E_NOT_PAIRED"));
      return;
    }
    if (!this.#makesRoom(link)) {
      void link.refuse(new LanxferError("E_BUSY", { text: "too many connections" }));
      return;
    }
    link.slowTo({ reading: this.#deps.rate });
    const served: Served = { link, record: undefined, done: this.#serve(link, () => served) };
    this.#served.add(served);
    void served.done.then(() => this.#served.delete(served));
  }

  /** Ends transfers and links, of one device, with what is kept of it, or of all. Resolves when they have ended. */
  async cancelAll(reason: LanxferError, from?: DeviceId): Promise<void> {
    const affected = [...this.#served].filter((served) => from === undefined || served.link.peer === from);
    for (const served of affected) {
      if (served.record !== undefined && !served.record.ended) served.record.cancel(reason);
      else void served.link.refuse(reason);
    }
    await Promise.all(affected.map((served) => served.done));
    if (from !== undefined) await this.#deps.interrupted.forgetAll(from, reason);
  }

  /** Resolves when nothing is being received any more; idle links may still be open. */
  async idle(): Promise<void> {
    const busy = [...this.#served].filter((served) => served.record !== undefined && !served.record.ended);
    await Promise.all(busy.map((served) => served.done));
  }

  async #serve(link: Link, served: () => Served): Promise<void> {
    const { self, hello, umask, clock, memory, flusher, files, met, log } = this.#deps;
    try {
      await serveLink(link, {
        self,
        hello: hello(),
        umask,
        clock,
        memory,
        flusher,
        files,
        greeted: (theirs) => met(link, theirs),
        decide: (offer, ask, gone) => this.#decide(served(), offer, ask, gone),
      });
    } catch (error) {
      const { code, message } = toLanxferError(error);
      if (code === "E_INTERNAL") log.error({ err: error, peer: link.peer }, "link failed");
      else log.debug({ peer: link.peer, code, message }, "link ended");
    }
  }

  async #decide(served: Served, offer: Offer, ask: () => void, gone: AbortSignal): Promise<Admitted | Landed> {
    const { landed, interrupted, log } = this.#deps;
    const { peer } = served.link;
    const device = this.#device(peer);
    if (device === undefined) throw new LanxferError("E_NOT_PAIRED");
    const release = await this.#claims.take(`${peer}:${offer.id}`, (reason) => {
      if (served.record === undefined) served.link.destroy(reason);
      else served.record.cancel(reason);
    });
    try {
      const already = landed.find(peer, offer.id);
      if (already !== undefined) {
        release();
        return { already };
      }
      const waiting = interrupted.take(peer, offer.id);
      try {
        const promised = await this.#reserve(peer, offer, waiting?.kept.bytes ?? 0);
        // Whoever accepted this once is not asked again because a cable was pulled.
        const asked = waiting !== undefined && isDeepStrictEqual(waiting.kept.offer, offer);
        try {
          if (device.policy === "ask" && !asked) await this.#ask(served, offer, device.name, ask, gone);
        } catch (error) {
          this.#deps.admission.release(promised);
          throw error;
        }
        const startedAt = waiting === undefined ? this.#deps.clock.now() : Date.parse(waiting.record.view.startedAt);
        const start = { peer: { id: peer, name: device.name }, state: "running", startedAt } as const;
        return this.#admit(served, offer, start, release, promised);
      } catch (error) {
        if (waiting !== undefined) await interrupted.add(waiting.kept, waiting.record);
        throw error;
      }
    } catch (error) {
      release();
      const { code } = toLanxferError(error);
      log.warn({ peer, transfer: offer.id, bytes: offer.bytes, code }, "offer declined");
      throw error;
    }
  }

  /** What was interrupted longest ago makes room where there is none. */
  async #reserve(peer: DeviceId, offer: Offer, here: number): Promise<Promised> {
    const { admission, interrupted } = this.#deps;
    try {
      return await admission.reserve(peer, offer, here);
    } catch (error) {
      const { code, details } = toLanxferError(error);
      const missing = Number(details["needs"]) - Number(details["has"]);
      if (code !== "E_NO_SPACE" || !(await interrupted.makeRoom(missing))) throw error;
      return admission.reserve(peer, offer, here);
    }
  }

  #ask(served: Served, offer: Offer, name: string, ask: () => void, gone: AbortSignal): Promise<void> {
    return this.#deps.offers.wait(this.#offerView(served, offer, name), ask, gone);
  }

  #admit(served: Served, offer: Offer, start: Start, release: () => void, promised: Promised): Admitted {
    const { admission, landed, log, ended } = this.#deps;
    const inbox = this.#deps.inbox();
    const cancel = new AbortController();
    const { peer } = start;
    const { name } = peer;
    let onCancel = (reason: LanxferError) => cancel.abort(reason);
    const record = this.#start(offer, start, (reason) => onCancel(reason));
    served.record = record;
    const fields = { transfer: offer.id, peer: peer.id, entries: offer.entries, bytes: offer.bytes };
    const close = async (error: LanxferError | undefined): Promise<void> => {
      record.end(error?.with({ peer: name }));
      if (error === undefined) log.info({ ...fields, ms: record.elapsed }, "transfer received");
      else log.warn({ ...fields, code: error.code, ms: record.elapsed }, "transfer not received");
      await ended(record);
    };
    const pause = (error: LanxferError, bytes: number): void => {
      log.info({ ...fields, moved: bytes, code: error.code }, "transfer interrupted");
      const kept = { peer: peer.id, offer, bytes, since: this.#deps.clock.now() };
      onCancel = this.#giveUp(kept);
      record.waits(error.with({ peer: name }));
      void this.#wait(kept, record, bytes);
    };
    return {
      inbox,
      signal: cancel.signal,
      report: (event) => {
        if (event.type === "moved") promised.moved = event.bytes;
        this.#report(record, inbox, event);
      },
      landed: async () => {
        await close(undefined);
        landed.add(record.view);
      },
      ended: (error, kept) => {
        served.record = undefined;
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
        });
        break;
      case "resumed":
        record.patch({ resumed: event.bytes });
        break;
      case "renamed":
        record.renamed(event.path, event.as);
        break;
      case "finishing":
        record.patch({ state: "finishing" });
        break;
    }
  }

  /**
   * Whether the device of a new link may have one more. The idle one that was silent
   * longest makes room: its other end may be gone.
   */
  #makesRoom({ peer }: Link): boolean {
    const links = [...this.#served].filter((served) => served.link.peer === peer);
    if (links.length < this.#deps.parallel() + SPARE_LINKS) return true;
    const idle = links.filter(({ record }) => record === undefined);
    const [quietest] = idle.toSorted((a, b) => b.link.silence - a.link.silence);
    if (quietest !== undefined) this.#hangUp(quietest);
    return quietest !== undefined;
  }

  #hangUp(served: Served): void {
    this.#served.delete(served);
    served.link.destroy(new LanxferError("E_BUSY", { text: "too many connections" }));
  }

  #device(id: DeviceId): { readonly name: string; readonly policy: Policy } | undefined {
    const device = this.#deps.trusted(id);
    return device?.policy === "block" ? undefined : device;
  }

  #offerView(served: Served, offer: Offer, name: string): OfferView {
    return {
      id: offer.id,
      from: { id: served.link.peer, name },
      items: offer.items.map((item) => ({ name: item.name, type: item.type })),
      entries: offer.entries,
      bytes: offer.bytes,
      note: offer.note ?? null,
      since: new Date(this.#deps.clock.now()).toISOString(),
    };
  }
}
