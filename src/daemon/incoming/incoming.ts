/** Transfers to this device: from a link that passed the gate to files in the inbox and a line in the history. */

import { join } from "node:path";
import type { OfferView, Policy } from "../../control/schema.ts";
import type { Clock } from "../../core/clock.ts";
import { LanxferError, toLanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { Flusher } from "../../transfer/flush.ts";
import type { BlockMemory, Offer, ReceiverEvent } from "../../transfer/incoming.ts";
import type { Link } from "../../transfer/link.ts";
import { type Admission as Admitted, serveLink } from "../../transfer/receiver.ts";
import type { MessageOf } from "../../transfer/wire.ts";
import type { TransferRecord, Transfers } from "../record/transfers.ts";
import type { Admission } from "./admission.ts";
import type { Offers } from "./offers.ts";

export interface IncomingDeps {
  readonly self: DeviceId;
  readonly clock: Clock;
  readonly log: Log;
  readonly umask: number;
  readonly memory: BlockMemory;
  readonly flusher: Flusher;
  readonly transfers: Transfers;
  readonly offers: Offers;
  readonly admission: Admission;
  readonly inbox: () => string;
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

export class Incoming {
  readonly #deps: IncomingDeps;
  readonly #served = new Set<Served>();
  /** Transfers under way, by device and id: of two connections with the same one, the first wins. */
  readonly #claimed = new Set<string>();

  constructor(deps: IncomingDeps) {
    this.#deps = deps;
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
    const served: Served = { link, record: undefined, done: this.#serve(link, () => served) };
    this.#served.add(served);
    void served.done.then(() => this.#served.delete(served));
  }

  /** Ends transfers and links, of one device or of all. Resolves when they have ended. */
  async cancelAll(reason: LanxferError, from?: DeviceId): Promise<void> {
    const affected = [...this.#served].filter((served) => from === undefined || served.link.peer === from);
    for (const served of affected) {
      if (served.record !== undefined && !served.record.ended) served.record.cancel(reason);
      else void served.link.refuse(reason);
    }
    await Promise.all(affected.map((served) => served.done));
  }

  /** Resolves when nothing is being received any more; idle links may still be open. */
  async idle(): Promise<void> {
    const busy = [...this.#served].filter((served) => served.record !== undefined && !served.record.ended);
    await Promise.all(busy.map((served) => served.done));
  }

  async #serve(link: Link, served: () => Served): Promise<void> {
    const { self, hello, umask, clock, memory, flusher, met, log } = this.#deps;
    try {
      await serveLink(link, {
        self,
        hello: hello(),
        umask,
        clock,
        memory,
        flusher,
        greeted: (theirs) => met(link, theirs),
        decide: (offer, ask, gone) => this.#decide(served(), offer, ask, gone),
      });
    } catch (error) {
      const { code, message } = toLanxferError(error);
      if (code === "E_INTERNAL") log.error({ err: error, peer: link.peer }, "link failed");
      else log.debug({ peer: link.peer, code, message }, "link ended");
    }
  }

  async #decide(served: Served, offer: Offer, ask: () => void, gone: AbortSignal): Promise<Admitted> {
    const { admission, offers, log } = this.#deps;
    const device = this.#device(served.link.peer);
    if (device === undefined) throw new LanxferError("E_NOT_PAIRED");
    const key = `${served.link.peer}:${offer.id}`;
    if (this.#claimed.has(key)) throw new LanxferError("E_BUSY", { text: "this transfer is already under way" });
    this.#claimed.add(key);
    try {
      const promised = await admission.reserve(offer);
      try {
        if (device.policy === "ask") await offers.wait(this.#offerView(served, offer, device.name), ask, gone);
      } catch (error) {
        admission.release(promised);
        throw error;
      }
      return this.#admit(served, offer, device.name, () => this.#claimed.delete(key), promised);
    } catch (error) {
      this.#claimed.delete(key);
      const { code } = toLanxferError(error);
      log.warn({ peer: served.link.peer, transfer: offer.id, bytes: offer.bytes, code }, "offer declined");
      throw error;
    }
  }

  #admit(
    served: Served,
    offer: Offer,
    name: string,
    unclaim: () => void,
    promised: Parameters<Admission["release"]>[0],
  ): Admitted {
    const { transfers, admission, log, ended } = this.#deps;
    const inbox = this.#deps.inbox();
    const cancel = new AbortController();
    const peer = { id: served.link.peer, name };
    const { id, items, entries, bytes } = offer;
    const record = transfers.start({ id, direction: "in", peer, items, entries, bytes, state: "running" }, (reason) =>
      cancel.abort(reason),
    );
    served.record = record;
    const fields = { transfer: id, peer: peer.id, entries, bytes };
    const close = async (error: LanxferError | undefined): Promise<void> => {
      record.end(error?.with({ peer: name }));
      if (error === undefined) log.info({ ...fields, ms: record.elapsed }, "transfer received");
      else log.warn({ ...fields, code: error.code, ms: record.elapsed }, "transfer not received");
      await ended(record);
    };
    return {
      inbox,
      signal: cancel.signal,
      report: (event) => {
        if (event.type === "moved") promised.moved = event.bytes;
        this.#report(record, inbox, event);
      },
      landed: () => close(undefined),
      ended: (error) => {
        admission.release(promised);
        unclaim();
        if (!record.ended) void close(error ?? new LanxferError("E_LOST"));
      },
    };
  }

  #report(record: TransferRecord, inbox: string, event: ReceiverEvent): void {
    switch (event.type) {
      case "moved":
        record.patch({ moved: event.bytes });
        break;
      case "published":
        record.published(event.item, event.as, join(inbox, event.as));
        break;
      case "renamed":
        record.renamed(event.path, event.as);
        break;
      case "finishing":
        record.patch({ state: "finishing" });
        break;
    }
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
      since: new Date(this.#deps.clock.now()).toISOString(),
    };
  }
}
