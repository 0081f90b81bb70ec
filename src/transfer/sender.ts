/**
 * The sending end of a conversation (PROTOCOL 4): offers, then sends entries one
 * after another without waiting for answers, while the receiver's reports come
 * in. Progress is what the receiver has confirmed, never what left our buffers.
 */

import { fromWire, LanxferError, toLanxferError } from "../core/errors.ts";
import { DigestList, digestBlock } from "./blocks.ts";
import { FramePool, type Prepared } from "./content.ts";
import { BLOCK_PREFIX, type Frame } from "./frames.ts";
import type { Link } from "./link.ts";
import { Conversation } from "./machine.ts";
import { Outgoing, type OutgoingTransfer } from "./outgoing.ts";
import { readAhead } from "./read-ahead.ts";
import { RECORD_EVERY } from "./sent-log.ts";
import { type SourceEntry, walk } from "./source.ts";
import { MAX_LISTED_ITEMS, type Message, type MessageOf, parseMessage } from "./wire.ts";

/** Blocks in memory for one transfer: being read, hashed, encrypted. */
const FRAMES = 4;

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
    signal: AbortSignal,
  ): Promise<{ session: SenderSession; peer: MessageOf<"hello"> }> {
    const session = new SenderSession(link);
    const cancelled = () => void link.refuse(toLanxferError(signal.reason));
    signal.addEventListener("abort", cancelled, { once: true });
    try {
      signal.throwIfAborted();
      link.send(hello);
      for (;;) {
        const message = await session.#next();
        if (message.t === "hello") return { session, peer: message };
        if (message.t === "abort") throw fromWire(message, "the peer");
      }
    } catch (error) {
      await link.refuse(toLanxferError(signal.aborted ? signal.reason : error));
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", cancelled);
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
    transfer.signal.addEventListener("abort", cancelled, { once: true });
    try {
      transfer.signal.throwIfAborted();
      this.#say({
        t: "offer",
        id: transfer.id,
        entries: transfer.totals.entries,
        bytes: transfer.totals.bytes,
        count: transfer.totals.items.length,
        items: transfer.totals.items.slice(0, MAX_LISTED_ITEMS).map(({ name, type }) => ({ name, type })),
        ...(transfer.note !== null && { note: transfer.note }),
        ...(transfer.there === true && { there: true }),
      });
      // Whichever half fails first ends the other one: the pump may be waiting for the receiver to read.
      const end = async (error: unknown) => {
        if (outgoing.stopped.aborted) return;
        outgoing.stop(toLanxferError(error));
        await this.#giveUp(outgoing, error);
      };
      await Promise.all([this.#listen(outgoing).catch(end), this.#pump(outgoing).catch(end)]);
      outgoing.throwIfFailed();
    } catch (error) {
      await this.#giveUp(outgoing, error);
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
      if (message.t === "complete") {
        outgoing.assertComplete();
        return;
      }
      outgoing.heard(message);
    }
  }

  /** Our side: waits for the decision, then sends everything that is not there yet. */
  async #pump(outgoing: Outgoing): Promise<void> {
    if ((await outgoing.answer) === "landed") return;
    const { resumption, transfer } = outgoing;
    await resumption.begin();
    const pool = new FramePool(FRAMES);
    const { files, shared, signal } = transfer;
    const wanted = (entry: SourceEntry) => !resumption.isWhole(entry);
    for await (const prepared of readAhead(walk(transfer, files, signal), { files, pool, shared, wanted })) {
      outgoing.stopped.throwIfAborted();
      await this.#sendEntry(outgoing, outgoing.begin(prepared.entry), prepared);
    }
    outgoing.assertAllSent();
    this.#say({ t: "done" });
    await this.#link.flushed(0); // under a limit, what was sent may still be here
    outgoing.transfer.report({ type: "finishing" });
  }

  async #sendEntry(outgoing: Outgoing, index: number, prepared: Prepared): Promise<void> {
    const { path, type, size, mtime, executable } = prepared.entry;
    const taken = await outgoing.resumption.takeUp(prepared, outgoing.stopped);
    outgoing.tellResumed();
    this.#conversation.step("sender", type === "file" ? "entry-file" : "entry-folder");
    const optional = { ...(executable && { executable }), ...(taken && { held: taken.count }) };
    this.#link.send({ t: "entry", index, path: [...path], type, size, mtime, ...optional });
    if (type === "file") {
      const digests = taken ?? new DigestList();
      await this.#sendContent(outgoing, index, prepared, digests);
      const root = digests.root();
      outgoing.ended(index, root);
      this.#say({ t: "end", index, root });
    }
    await this.#link.flushed();
  }

  /** Sends the blocks behind those whose digests are in `digests`, and adds theirs. */
  async #sendContent(outgoing: Outgoing, index: number, prepared: Prepared, digests: DigestList): Promise<void> {
    let remembered = digests.count;
    const remember = () => {
      outgoing.transfer.log?.add(prepared.entry, remembered, digests.slice(remembered));
      remembered = digests.count;
    };
    try {
      for await (const { frame, release } of prepared.blocks(digests.count)) {
        outgoing.stopped.throwIfAborted();
        const digest = digestBlock(frame.subarray(BLOCK_PREFIX));
        digests.push(digest);
        if (digests.count - remembered === RECORD_EVERY) remember();
        this.#conversation.step("sender", "block");
        this.#link.sendBlock(index, digest, frame, release);
        await this.#link.flushed();
      }
    } finally {
      remember();
    }
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

  /** Closes the link, except after a decline: that leaves it ready for the next offer. */
  async #giveUp(outgoing: Outgoing, error: unknown): Promise<void> {
    if (!outgoing.declined) await this.#link.refuse(toLanxferError(error));
  }
}
