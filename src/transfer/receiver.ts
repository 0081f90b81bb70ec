/**
 * The receiving end of a conversation (PROTOCOL 4): reads frames, keeps their
 * order, answers. It does not decide what is taken; `decide` does.
 */

import { statfs } from "node:fs/promises";
import { fromWire, LanxferError, toLanxferError, toWire } from "../core/errors.ts";
import { checkName } from "../core/names.ts";
import type { Admission, ReceiverContext } from "./decision.ts";
import { findEarlier, thereItems } from "./earlier.ts";
import { EarlierReader } from "./earlier-reader.ts";
import type { Frame } from "./frames.ts";
import type { EarlierItems } from "./gathering.ts";
import { type HaveItem, type Held, haveItems } from "./held.ts";
import { IncomingTransfer, type Offer } from "./incoming.ts";
import { JOURNAL } from "./journal.ts";
import type { Link } from "./link.ts";
import { Conversation } from "./machine.ts";
import { openStaging, type Staging } from "./staging.ts";
import { batches, type Message, type MessageOf, MORE_THERE, OPENING_MS, parseMessage, RESUME } from "./wire.ts";

/** How often the sender hears of progress and of what was saved (milliseconds). */
const REPORT_MS = 200;
/** What was declined will not be taken a moment later: how long nothing more is heard on that connection (milliseconds). */
const AFTER_DECLINE_MS = 100;
/** How long a sender may stay without an offer (milliseconds): a new connection costs it less than this one costs us. */
const IDLE_MS = 60_000;

/** An offer that is taken, and everything that it needs. */
interface Admitted {
  readonly admission: Admission;
  readonly staging: Staging;
  /** Aborted when the sender gives up before our `accept`. */
  readonly gone: AbortSignal;
}

type Received =
  | { readonly is: "message"; readonly message: Message }
  | { readonly is: "block"; readonly block: Extract<Frame, { type: "block" }> }
  | { readonly is: "end-of-stream" };

/** Serves a link until the sender closes it. Rejects with the reason when it ends otherwise; the link is closed in any case. */
export async function serveLink(link: Link, context: ReceiverContext): Promise<void> {
  try {
    await new ReceiverSession(link, context).run();
    await link.close();
  } catch (error) {
    await link.refuse(toLanxferError(error));
    throw error;
  }
}

class ReceiverSession {
  readonly #link: Link;
  readonly #context: ReceiverContext;
  readonly #frames: AsyncGenerator<Frame, void>;
  readonly #conversation = new Conversation();
  /** The sender understands `have` and `landed`. */
  #resumes = false;
  /** Read while an offer was being judged, not yet handled. */
  #ahead: Promise<Received> | undefined;

  constructor(link: Link, context: ReceiverContext) {
    this.#link = link;
    this.#context = context;
    this.#frames = link.frames();
  }

  async run(): Promise<void> {
    const { clock, hello, greeted, guest } = this.#context;
    this.#link.send(hello);
    const late = new LanxferError("E_TIMEOUT", { text: "waiting for hello" });
    const cancel = clock.after(OPENING_MS, () => this.#link.destroy(late));
    const first = await this.#next().finally(cancel);
    if (first.is !== "message" || first.message.t !== "hello") return;
    this.#resumes = first.message.features.includes(RESUME);
    greeted(first.message);
    do {
      const next = await this.#nextOffer(guest ? OPENING_MS : IDLE_MS);
      if (next === undefined) return;
      await this.#serve(next);
    } while (!guest);
  }

  /** Undefined when there is none: the sender has closed, or stayed without one for too long. */
  async #nextOffer(patience: number): Promise<Offer | undefined> {
    const idle = new AbortController();
    const cancel = this.#context.clock.after(patience, () => {
      idle.abort();
      void this.#link.close();
    });
    try {
      const next = await this.#next();
      return next.is === "message" && next.message.t === "offer" ? next.message : undefined;
    } catch (error) {
      if (idle.signal.aborted) return undefined;
      throw error;
    } finally {
      cancel();
    }
  }

  async #serve(offer: Offer): Promise<void> {
    const admitted = await this.#admit(offer);
    if (admitted === undefined) return;
    const { admission, staging } = admitted;
    const cancelled = () => void this.#link.refuse(toLanxferError(admission.signal.reason));
    admission.signal.addEventListener("abort", cancelled, { once: true });
    let outcome: LanxferError | undefined;
    const { umask, memory, flusher, files } = this.#context;
    const { report, signal, room } = admission;
    const earlier = { items: new Map(), reader: new EarlierReader(staging.inbox, memory.allocate, signal) };
    const incoming = new IncomingTransfer(offer, staging, umask, memory, flusher, files, earlier, room, report);
    let kept: number | undefined;
    try {
      admission.signal.throwIfAborted();
      await files.during(() => this.#receive(offer, admitted, incoming, earlier));
    } catch (error) {
      outcome = toLanxferError(admission.signal.aborted ? admission.signal.reason : error);
      await incoming.settled(); // what was complete may still be published
      if (this.#resumes && mayGoOn(outcome, incoming.hasPublished))
        kept = await incoming.keep(outcome.code !== "E_INTEGRITY");
      throw outcome;
    } finally {
      await incoming.dispose();
      admission.signal.removeEventListener("abort", cancelled);
      await staging.dispose(kept !== undefined);
      admission.ended(outcome, kept);
    }
  }

  /** Undefined when nothing is to come: the offer was declined, or has landed before. */
  async #admit(offer: Offer): Promise<Admitted | undefined> {
    const gone = this.#watchForHangUp();
    try {
      for (const { name } of offer.items) checkName(name);
      const decision = await this.#context.decide(offer, () => this.#say({ t: "ask" }), gone);
      if ("already" in decision) {
        gone.throwIfAborted();
        for (const items of batches(decision.already)) this.#say({ t: "landed", items });
        this.#say({ t: "complete" });
        return undefined;
      }
      const admission = decision;
      try {
        gone.throwIfAborted();
        const key = { self: this.#context.self, peer: this.#link.peer, id: offer.id };
        return { admission, gone, staging: await openStaging(admission.inbox, key, offer, this.#resumes) };
      } catch (error) {
        admission.ended(toLanxferError(error), undefined);
        throw error;
      }
    } catch (error) {
      // Nobody is there any more who would hear a no, or it has said something that ends it all.
      gone.throwIfAborted();
      this.#say({ t: "decline", ...toWire(toLanxferError(error)) });
      await this.#context.clock.sleep(AFTER_DECLINE_MS);
      return undefined;
    }
  }

  async #receive(
    offer: Offer,
    { admission, staging, gone }: Admitted,
    incoming: IncomingTransfer,
    earlier: EarlierItems,
  ): Promise<void> {
    // What the sender said last counts, and not that it is too late for our answer.
    const answer = (message: MessageOf<"have" | "accept">) => {
      gone.throwIfAborted();
      this.#say(message);
    };
    const stopReporting = this.#context.clock.every(REPORT_MS, () => this.#tell(incoming));
    try {
      if (this.#resumes && offer.there === true) {
        await findEarlier(staging.inbox, admission.arrivals, offer.items, this.#context.files, earlier.items);
      }
      for (const items of batches(haveOf(offer, staging.held, earlier.items))) {
        answer({ t: "have", items });
        await this.#link.flushed();
      }
      answer({ t: "accept" });
      await this.#readEntries(incoming);
      await incoming.finish();
      await staging.journal.write().catch(() => {}); // what is published needs it no more
      await admission.landed(staging.dir.path(JOURNAL));
      this.#tell(incoming);
      this.#say({ t: "complete" });
    } catch (error) {
      this.#tell(incoming); // what is durable stays so, and the sender may know
      throw await withFreeSpace(toLanxferError(error), offer.bytes - incoming.moved, admission.inbox);
    } finally {
      stopReporting();
    }
  }

  async #readEntries(incoming: IncomingTransfer): Promise<void> {
    for (;;) {
      const received = await this.#next();
      switch (received.is) {
        case "end-of-stream":
          throw new LanxferError("E_LOST", { text: "closed by the sender" });
        case "block":
          await incoming.block(received.block);
          break;
        case "message": {
          const { message } = received;
          if (message.t === "done") return;
          if (message.t === "entry") await incoming.entry(message);
          else if (message.t === "end") await incoming.end(message);
          break; // nothing else passes the conversation here
        }
      }
    }
  }

  #tell(incoming: IncomingTransfer): void {
    if (this.#conversation.phase === "closed") return;
    for (const message of incoming.takeReports()) this.#say(message);
  }

  /**
   * Reads on while an offer is judged: all that may come is the news that the
   * sender has given up, or, right after our `accept`, the first entry.
   */
  #watchForHangUp(): AbortSignal {
    const gone = new AbortController();
    this.#ahead = this.#read();
    this.#ahead.then(
      (received) => {
        if (received.is === "end-of-stream") gone.abort(new LanxferError("E_LOST", { text: "closed by the sender" }));
      },
      (error) => gone.abort(error),
    );
    return gone.signal;
  }

  #next(): Promise<Received> {
    const ahead = this.#ahead ?? this.#read();
    this.#ahead = undefined;
    return ahead;
  }

  /** The next frame that means something here, already checked against the order of the conversation. */
  async #read(): Promise<Received> {
    for (;;) {
      const { value: frame } = await this.#frames.next();
      if (frame === undefined) return { is: "end-of-stream" };
      if (frame.type === "block") {
        this.#conversation.step("sender", "block");
        return { is: "block", block: frame };
      }
      const message = parseMessage(frame.payload);
      this.#conversation.step("sender", message.t === "entry" ? `entry-${message.type}` : message.t);
      if (message.t === "abort") {
        void this.#link.close(); // nothing is said to an abort (PROTOCOL 4.7)
        throw fromWire(message, "the peer");
      }
      if (message.t !== "heartbeat") return { is: "message", message };
    }
  }

  #say(message: Exclude<Message, { t: "hello" | "entry" }>): void {
    this.#conversation.step("receiver", message.t);
    this.#link.send(message);
  }
}

/** All that is here, as far as a sender hears of it. */
function* haveOf({ entries }: Offer, held: Held, earlier: EarlierItems["items"]): Generator<HaveItem, void> {
  yield* haveItems(held, entries);
  yield* thereItems(earlier, held, entries + MORE_THERE);
}

/**
 * Whether the same transfer may be offered again after this: what has come so
 * far is then worth its room. A source that failed may be mended, but until then
 * only what is published is remembered, so that it is not delivered twice.
 */
function mayGoOn({ code, kind }: LanxferError, published: boolean): boolean {
  return code.startsWith("E_SOURCE_") ? published : kind.retryable;
}

/** Tells the sender of a full disk how much is missing. */
async function withFreeSpace(error: LanxferError, needs: number, inbox: string): Promise<LanxferError> {
  if (error.code !== "E_NO_SPACE" || error.details["needs"] !== undefined) return error;
  const { bavail, bsize } = await statfs(inbox).catch(() => ({ bavail: 0, bsize: 0 }));
  return error.with({ needs, has: bavail * bsize });
}
