/**
 * One transfer at the sender: what was promised in the offer, what has been sent,
 * and what the receiver has said of it. It neither reads from nor writes to the
 * link.
 */

import { fromWire, LanxferError } from "../core/errors.ts";
import type { TransferId } from "../core/ids.ts";
import type { SourceEntry, SourceTotals } from "./source.ts";
import type { Message } from "./wire.ts";

export interface OutgoingTransfer {
  readonly id: TransferId;
  /** Absolute paths. */
  readonly paths: readonly string[];
  /** What a first walk over them found; the second one has to find the same. */
  readonly totals: SourceTotals;
  /** Aborted to cancel; the other end is told. */
  readonly signal: AbortSignal;
  readonly report: (event: SenderEvent) => void;
}

export type SenderEvent =
  | { readonly type: "asked" }
  | { readonly type: "accepted" }
  /** The receiver has verified and written this many bytes in all. */
  | { readonly type: "moved"; readonly bytes: number }
  /** A top-level item is under its final name; `item` counts from 0 in the order of `totals.items`. */
  | { readonly type: "saved"; readonly item: number; readonly as: string }
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
  /** Resolves when the receiver accepts; rejects when it never will. */
  readonly accepted: Promise<void>;
  /** What the receiver said of why it ends: it explains a broken connection, never the reverse. */
  #refusal: LanxferError | undefined;
  #declined = false;
  readonly #stop = new AbortController();
  #accept: () => void = () => {};
  #entries = 0;
  #bytes = 0;
  #items = 0;
  /** Entries that are not yet reported as saved. */
  readonly #unsaved = new Map<number, Unsaved>();

  constructor(transfer: OutgoingTransfer) {
    this.transfer = transfer;
    this.accepted = new Promise((resolve, reject) => {
      this.#accept = resolve;
      for (const signal of [this.#stop.signal, transfer.signal]) {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }
    });
    this.accepted.catch(() => {}); // the pump meets it
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
      case "accept":
        this.transfer.report({ type: "accepted" });
        this.#accept();
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
        for (const { index, root, as } of message.items) this.#saved(index, root, as);
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

  assertAllSent(): void {
    const { totals, paths } = this.transfer;
    if (this.#entries !== totals.entries || this.#bytes !== totals.bytes) {
      throw new LanxferError("E_SOURCE_CHANGED", { path: paths[0] ?? "" });
    }
  }

  /** The receiver says that it has everything. */
  assertAllSaved(): void {
    if (this.#unsaved.size > 0) throw new LanxferError("E_PROTO", { text: "complete before everything was saved" });
  }

  /** The content of a file has been sent. */
  ended(index: number, root: string): void {
    const sent = this.#unsaved.get(index);
    if (sent !== undefined) sent.root = root;
  }

  #saved(index: number, root: string | undefined, as: string | undefined): void {
    const sent = this.#unsaved.get(index);
    const isSent = sent?.type === "folder" || sent?.root !== undefined;
    if (sent === undefined || !isSent) throw new LanxferError("E_PROTO", { text: "saved what was not sent" });
    if (sent.root !== root) throw new LanxferError("E_INTEGRITY");
    this.#unsaved.delete(index);
    const name = sent.path.at(-1) ?? "";
    if (sent.item >= 0) this.transfer.report({ type: "saved", item: sent.item, as: as ?? name });
    else if (as !== undefined) this.transfer.report({ type: "renamed", path: sent.path.join("/"), as });
  }
}
