/**
 * One transfer at the sender: what was promised in the offer, what has been sent,
 * and what the receiver has said of it. It neither reads from nor writes to the
 * link.
 */

import { fromWire, LanxferError } from "../core/errors.ts";
import type { TransferId } from "../core/ids.ts";
import { Resumption } from "./resumption.ts";
import type { SentLog } from "./sent-log.ts";
import type { SharedReader } from "./shared-reads.ts";
import type { SmallFiles } from "./small-files.ts";
import type { SourceEntry, Sources, SourceTotals } from "./source.ts";
import { MAX_LISTED_ITEMS, type Message } from "./wire.ts";

export interface OutgoingTransfer extends Sources {
  readonly id: TransferId;
  /** What the user says about it (core/text.ts, isNote). */
  readonly note: string | null;
  /** What the receiver has from earlier transfers need not be sent again. @default false */
  readonly there?: boolean;
  readonly files: SmallFiles;
  /** What a first walk over them found; the second one has to find the same. */
  readonly totals: SourceTotals;
  /** Where several transfers read the same sources. */
  readonly shared?: SharedReader | undefined;
  /** What earlier attempts at this transfer have sent, and where this one is remembered; nowhere when left out. */
  readonly log?: SentLog;
  /** Aborted to cancel; the other end is told. */
  readonly signal: AbortSignal;
  readonly report: (event: SenderEvent) => void;
}

export type SenderEvent =
  | { readonly type: "asked" }
  | { readonly type: "accepted" }
  /** This many bytes need not be sent again. Told before `accepted` and, when it turns out to be less, once more. */
  | { readonly type: "resumed"; readonly bytes: number }
  /** The receiver had so many files and bytes of what was come to so far from earlier transfers. */
  | { readonly type: "already"; readonly entries: number; readonly bytes: number }
  /** The receiver has verified and written this many bytes in all. */
  | { readonly type: "moved"; readonly bytes: number }
  /**
   * A top-level item is under its final name; `item` counts from 0 in the order of
   * `totals.items`. `root` is that of a file, where this attempt has come to it.
   * `there`: it stood there already.
   */
  | {
      readonly type: "saved";
      readonly item: number;
      readonly as: string;
      readonly root: string | undefined;
      readonly there: boolean;
    }
  /** An inner name had to be changed. */
  | { readonly type: "renamed"; readonly path: string; readonly as: string }
  /** Everything is sent; the receiver flushes and publishes. */
  | { readonly type: "finishing" };

interface Unsaved {
  readonly path: readonly string[];
  readonly type: "file" | "folder";
  /** Which top-level item it is; -1 for an inner entry. */
  readonly item: number;
  /** Set when a file's content has been sent. */
  root: string | undefined;
}

/** What is known of the transfer that is being sent. */
export class Outgoing {
  readonly transfer: OutgoingTransfer;
  readonly resumption: Resumption;
  /** Resolves when the receiver accepts, or says that all of it landed earlier; rejects when it never will. */
  readonly answer: Promise<"accept" | "landed">;
  /** What the receiver said of why it ends: it explains a broken connection, never the reverse. */
  #refusal: LanxferError | undefined;
  #declined = false;
  readonly #stop = new AbortController();
  #answer: (answer: "accept" | "landed") => void = () => {};
  #entries = 0;
  #bytes = 0;
  #items = 0;
  /** Entries that are not yet reported as saved. */
  readonly #unsaved = new Map<number, Unsaved>();
  /** Top-level items of which the receiver said that they had landed earlier, and their names. */
  readonly #landed = new Map<number, { readonly as: string; readonly there: boolean }>();
  #resumed = 0;
  #already = 0;

  constructor(transfer: OutgoingTransfer) {
    this.transfer = transfer;
    this.resumption = new Resumption(transfer.totals, transfer.log, transfer.there);
    this.answer = new Promise((resolve, reject) => {
      this.#answer = resolve;
      for (const signal of [this.#stop.signal, transfer.signal]) {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }
    });
    this.answer.catch(() => {}); // the pump meets it
  }

  /** Aborted when one half has failed: there is no use in going on with the other. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  get declined(): boolean {
    return this.#declined;
  }

  /** The first reason stays. */
  stop(reason: LanxferError): void {
    this.#stop.abort(reason);
  }

  throwIfFailed(): void {
    this.transfer.signal.throwIfAborted();
    if (this.#refusal !== undefined) throw this.#refusal;
    this.stopped.throwIfAborted();
  }

  /** Takes note of a message that does not end the transfer; throws the receiver's refusal. */
  heard(message: Message): void {
    switch (message.t) {
      case "ask":
        this.transfer.report({ type: "asked" });
        break;
      case "have":
        this.resumption.heard(message.items);
        break;
      case "landed":
        for (const { item, as, there = false } of message.items) this.#hasLanded(item, as, there);
        this.#answer("landed");
        break;
      case "accept":
        this.resumption.complete();
        this.tellResumed();
        this.transfer.report({ type: "accepted" });
        this.#answer("accept");
        break;
      case "decline":
      case "abort":
        this.#declined = message.t === "decline";
        this.#refusal = fromWire(message, "the peer");
        throw this.#refusal;
      case "progress":
        this.transfer.report({ type: "moved", bytes: Math.min(message.bytes, this.transfer.totals.bytes) });
        break;
      case "saved":
        for (const { index, root, as, there = false } of message.items) this.#saved(index, root, as, there);
        break;
      default: // a heartbeat; the conversation lets nothing else through
        break;
    }
  }

  /** Counts an entry that is about to be sent and gives it its index. */
  begin(entry: SourceEntry): number {
    const index = this.#entries++;
    this.#bytes += entry.size;
    const { totals } = this.transfer;
    if (this.#entries > totals.entries || this.#bytes > totals.bytes) {
      throw new LanxferError("E_SOURCE_CHANGED", { path: entry.source });
    }
    const top = entry.path.length === 1;
    this.#unsaved.set(index, { path: entry.path, type: entry.type, item: top ? this.#items++ : -1, root: undefined });
    return index;
  }

  /** Says how much was taken up, if that is news. */
  tellResumed(): void {
    const { bytes, already } = this.resumption;
    if (already.entries !== this.#already) {
      this.#already = already.entries;
      this.transfer.report({ type: "already", ...already });
    }
    if (bytes === this.#resumed) return;
    this.#resumed = bytes;
    this.transfer.report({ type: "resumed", bytes });
  }

  assertAllSent(): void {
    const { totals, paths } = this.transfer;
    this.resumption.end();
    this.tellResumed();
    if (this.#entries !== totals.entries || this.#bytes !== totals.bytes) {
      throw new LanxferError("E_SOURCE_CHANGED", { path: paths[0] ?? "" });
    }
  }

  /** The receiver says that it has everything. */
  assertComplete(): void {
    const { totals, report } = this.transfer;
    if (this.#landed.size > 0) {
      for (let item = 0; item < Math.min(totals.items.length, MAX_LISTED_ITEMS); item++) {
        if (!this.#landed.has(item)) throw new LanxferError("E_PROTO", { text: "landed: not all listed items" });
      }
      report({ type: "resumed", bytes: totals.bytes });
      for (const [item, saved] of this.#landed) report({ type: "saved", item, ...saved, root: undefined });
      return;
    }
    if (this.#unsaved.size > 0) throw new LanxferError("E_PROTO", { text: "complete before everything was saved" });
  }

  /** The content of a file has been sent. */
  ended(index: number, root: string): void {
    const sent = this.#unsaved.get(index);
    if (sent !== undefined) sent.root = root;
  }

  #hasLanded(item: number, as: string, there: boolean): void {
    const known = item < this.transfer.totals.items.length && !this.#landed.has(item);
    if (!known) throw new LanxferError("E_PROTO", { text: "landed: an item twice, or one that was not offered" });
    this.#landed.set(item, { as, there });
  }

  #saved(index: number, root: string | undefined, as: string | undefined, there: boolean): void {
    const sent = this.#unsaved.get(index);
    const isSent = sent?.type === "folder" || sent?.root !== undefined;
    if (sent === undefined || !isSent) throw new LanxferError("E_PROTO", { text: "saved what was not sent" });
    if (sent.root !== root) throw new LanxferError("E_INTEGRITY");
    this.#unsaved.delete(index);
    const name = sent.path.at(-1) ?? "";
    if (sent.item >= 0) this.transfer.report({ type: "saved", item: sent.item, as: as ?? name, root, there });
    else if (as !== undefined) this.transfer.report({ type: "renamed", path: sent.path.join("/"), as });
  }
}
