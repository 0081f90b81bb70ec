/**
 * The sending end of a conversation (PROTOCOL 4): offers, then sends entries one
 * after another without waiting for answers, while the receiver's reports come
 * in. Progress is what the receiver has confirmed, never what left our buffers.
 */

import { mapAhead } from "../core/ahead.ts";
import { fromWire, LanxferError, toLanxferError } from "../core/errors.ts";
import type { TransferId } from "../core/ids.ts";
import { DigestList, digestBlock } from "./blocks.ts";
import { FramePool, type Prepared, prepare } from "./content.ts";
import type { Link } from "./link.ts";
import { Conversation } from "./machine.ts";
import { type SourceEntry, type SourceTotals, walk } from "./source.ts";
import { BLOCK_PREFIX, type Frame, MAX_LISTED_ITEMS, type Message, type MessageOf, parseMessage } from "./wire.ts";

/** Small files read ahead of the wire. */
const PREPARE_AHEAD = 16;
/** Blocks in memory for one transfer: being read, hashed, encrypted. */
const FRAMES = 4;

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

/** Sends the transfers of one connection, one after another. */
export class SenderSession {
  readonly #link: Link;
  readonly #frames: AsyncGenerator<Frame, void>;
  readonly #conversation = new Conversation();

  private constructor(link: Link) {
    this.#link = link;
    this.#frames = link.frames();
  }

  /** Exchanges hellos. Rejects like a transfer does; the link is then closed. */
  static async open(
    link: Link,
    hello: MessageOf<"hello">,
  ): Promise<{ session: SenderSession; peer: MessageOf<"hello"> }> {
    const session = new SenderSession(link);
    link.send(hello);
    try {
      for (;;) {
        const message = await session.#next();
        if (message.t === "hello") return { session, peer: message };
        if (message.t === "abort") throw fromWire(message, "the peer");
      }
    } catch (error) {
      await session.#giveUp(toLanxferError(error));
      throw error;
    }
  }

  /**
   * Resolves when the receiver has confirmed that everything is durable under its
   * final name. Rejects with the receiver's reason, with what went wrong here, or
   * with the signal's reason. After any rejection but a decline the link is closed.
   */
  async send(transfer: OutgoingTransfer): Promise<void> {
    const outgoing = new Outgoing(transfer);
    const cancelled = () => void this.#link.refuse(toLanxferError(transfer.signal.reason));
    transfer.signal.throwIfAborted();
    transfer.signal.addEventListener("abort", cancelled, { once: true });
    try {
      this.#say({
        t: "offer",
        id: transfer.id,
        entries: transfer.totals.entries,
        bytes: transfer.totals.bytes,
        count: transfer.totals.items.length,
        items: transfer.totals.items.slice(0, MAX_LISTED_ITEMS).map(({ name, type }) => ({ name, type })),
      });
      await Promise.allSettled([
        this.#listen(outgoing).catch((error) => outgoing.stop(toLanxferError(error))),
        this.#pump(outgoing).catch(async (error) => {
          if (outgoing.stopped.aborted) return;
          outgoing.stop(toLanxferError(error));
          await this.#link.refuse(toLanxferError(error)); // ends the other half
        }),
      ]);
      outgoing.throwIfFailed();
    } catch (error) {
      if (this.#conversation.phase !== "ready") await this.#giveUp(toLanxferError(error));
      throw error;
    } finally {
      transfer.signal.removeEventListener("abort", cancelled);
    }
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  /** The receiver's side of the conversation, until `complete`. */
  async #listen(outgoing: Outgoing): Promise<void> {
    for (;;) {
      const message = await this.#next();
      if (message.t === "complete") return;
      outgoing.heard(message);
    }
  }

  /** Our side: waits for the decision, then sends everything. */
  async #pump(outgoing: Outgoing): Promise<void> {
    await outgoing.accepted;
    const { paths, signal } = outgoing.transfer;
    const pool = new FramePool(FRAMES);
    const entries = mapAhead(walk(paths, signal), PREPARE_AHEAD, async (walked) =>
      walked.kind === "entry" ? await prepare(walked.entry, pool) : undefined,
    );
    for await (const prepared of entries) {
      outgoing.stopped.throwIfAborted();
      if (prepared !== undefined) await this.#sendEntry(outgoing, outgoing.begin(prepared.entry), prepared);
    }
    outgoing.assertAllSent();
    this.#say({ t: "done" });
    outgoing.transfer.report({ type: "finishing" });
  }

  async #sendEntry(outgoing: Outgoing, index: number, prepared: Prepared): Promise<void> {
    const { path, type, size, mtime, executable } = prepared.entry;
    this.#conversation.step("sender", type === "file" ? "entry-file" : "entry-folder");
    this.#link.send({ t: "entry", index, path: [...path], type, size, mtime, ...(executable && { executable }) });
    if (type === "file") {
      const digests = new DigestList();
      for await (const { frame, release } of prepared.blocks()) {
        outgoing.stopped.throwIfAborted();
        const digest = digestBlock(frame.subarray(BLOCK_PREFIX));
        digests.push(digest);
        this.#conversation.step("sender", "block");
        this.#link.sendBlock(index, digest, frame, release);
        await this.#link.flushed();
      }
      const root = digests.root();
      outgoing.ended(index, root);
      this.#say({ t: "end", index, root });
    }
    await this.#link.flushed();
  }

  #say(message: MessageOf<"offer" | "end" | "done">): void {
    this.#conversation.step("sender", message.t);
    this.#link.send(message);
  }

  /** The next message of the receiver; its refusals are thrown. */
  async #next(): Promise<Message> {
    const { value: frame } = await this.#frames.next();
    if (frame === undefined) throw new LanxferError("E_LOST", { text: "closed by the other end" });
    if (frame.type === "block") throw new LanxferError("E_PROTO", { text: "block from the receiver" });
    const message = parseMessage(frame.payload);
    if (message.t === "entry") throw new LanxferError("E_PROTO", { text: "entry from the receiver" });
    this.#conversation.step("receiver", message.t);
    if (message.t === "abort") void this.#link.close(); // nothing is said to an abort (PROTOCOL 4.7)
    return message;
  }

  async #giveUp(error: LanxferError): Promise<void> {
    await this.#link.refuse(error);
  }
}

interface Unsaved {
  readonly path: readonly string[];
  /** Which top-level item it is; -1 for an inner entry. */
  readonly item: number;
  /** Set when a file's content has been sent. */
  root: string | undefined;
}

/** What is known of the transfer that is being sent. */
class Outgoing {
  readonly transfer: OutgoingTransfer;
  /** Resolves when the receiver accepts; rejects when it never will. */
  readonly accepted: Promise<void>;
  /** What the receiver said of why it ends: it explains a broken connection, never the reverse. */
  #refusal: LanxferError | undefined;
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
    this.#unsaved.set(index, { path: entry.path, item: top ? this.#items++ : -1, root: undefined });
    return index;
  }

  assertAllSent(): void {
    const { totals, paths } = this.transfer;
    if (this.#entries !== totals.entries || this.#bytes !== totals.bytes) {
      throw new LanxferError("E_SOURCE_CHANGED", { path: paths[0] ?? "" });
    }
  }

  /** The content of a file has been sent. */
  ended(index: number, root: string): void {
    const sent = this.#unsaved.get(index);
    if (sent !== undefined) sent.root = root;
  }

  #saved(index: number, root: string | undefined, as: string | undefined): void {
    const sent = this.#unsaved.get(index);
    if (sent === undefined) throw new LanxferError("E_PROTO", { text: "saved what was not sent" });
    if (sent.root !== root) throw new LanxferError("E_INTEGRITY");
    this.#unsaved.delete(index);
    const name = sent.path.at(-1) ?? "";
    if (sent.item >= 0) this.transfer.report({ type: "saved", item: sent.item, as: as ?? name });
    else if (as !== undefined) this.transfer.report({ type: "renamed", path: sent.path.join("/"), as });
  }
}
