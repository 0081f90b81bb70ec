/**
 * A receiver and a sender without daemons around them: real TLS, sessions and
 * files, and a receiver that takes whatever comes into one inbox.
 */

import { type Clock, systemClock } from "../../src/core/clock.ts";
import { type LanxferError, toLanxferError } from "../../src/core/errors.ts";
import { transferIdFrom } from "../../src/core/ids.ts";
import { createBlockPool } from "../../src/transfer/block-memory.ts";
import { dial } from "../../src/transfer/dial.ts";
import { Flusher } from "../../src/transfer/flush.ts";
import type { ReceiverEvent } from "../../src/transfer/incoming-reports.ts";
import { type Listener, listen } from "../../src/transfer/listen.ts";
import type { SenderEvent } from "../../src/transfer/outgoing.ts";
import { serveLink } from "../../src/transfer/receiver.ts";
import { SenderSession } from "../../src/transfer/sender.ts";
import { SmallFiles } from "../../src/transfer/small-files.ts";
import { measure } from "../../src/transfer/source.ts";
import { ALPN_TRANSFER, type MessageOf } from "../../src/transfer/wire.ts";
import { newCredentials } from "./credentials.ts";

export const HELLO = { t: "hello", v: 1, name: "test", features: [], port: 1 } satisfies MessageOf<"hello">;

let transfers = 0;

/** Used by both ends: its threads end with the last transfer. */
const files = new SmallFiles();

/** An id that no other transfer of this process has. */
export function newTransferId() {
  const bytes = Buffer.alloc(10);
  bytes.writeUInt32BE(++transfers);
  return transferIdFrom(bytes);
}

export class OpenReceiver implements AsyncDisposable {
  readonly credentials = newCredentials();
  readonly inbox: string;
  readonly events: ReceiverEvent[] = [];
  /** How each transfer ended, in the order in which they did; undefined for one that landed. */
  readonly outcomes: (LanxferError | undefined)[] = [];
  readonly #serving = new Set<Promise<void>>();
  #listener: Listener | undefined;

  private constructor(inbox: string) {
    this.inbox = inbox;
  }

  static async open(inbox: string, clock: Clock = systemClock): Promise<OpenReceiver> {
    const receiver = new OpenReceiver(inbox);
    const memory = createBlockPool();
    receiver.#listener = await listen({
      port: 0,
      credentials: receiver.credentials,
      aes: true,
      clock,
      places: 256,
      allocate: memory.allocate,
      onRefused: () => {},
      onLink: (link) => {
        const serving = serveLink(link, {
          self: receiver.credentials.id,
          hello: HELLO,
          umask: 0o022,
          clock,
          memory,
          flusher: new Flusher(clock),
          files,
          guest: false,
          greeted: () => {},
          decide: async () => ({
            inbox,
            arrivals: [],
            room: async () => {},
            report: (event) => void receiver.events.push(event),
            signal: new AbortController().signal,
            landed: async () => void receiver.outcomes.push(undefined),
            ended: (error) => {
              if (error !== undefined) receiver.outcomes.push(error);
            },
          }),
        }).catch(() => {}); // told by `outcomes`, or by the other end
        receiver.#serving.add(serving);
        void serving.then(() => receiver.#serving.delete(serving));
        return true;
      },
    });
    return receiver;
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.close();
    await Promise.all(this.#serving);
  }
}

/** Sends `paths` over a connection of its own. Resolves to what was reported, rejects as the session does. */
export async function sendTo(receiver: OpenReceiver, paths: readonly string[]): Promise<SenderEvent[]> {
  const signal = new AbortController().signal;
  const events: SenderEvent[] = [];
  const { port, credentials } = receiver;
  const options = { host: "127.0.0.1", port, alpn: ALPN_TRANSFER, expect: credentials.id, peer: "receiver" };
  const link = await dial(options, { credentials: newCredentials(), aes: true, clock: systemClock }, signal);
  try {
    const { session } = await SenderSession.open(link, HELLO, signal);
    const report = (event: SenderEvent) => void events.push(event);
    await files.during(async () => {
      const sources = { paths, exclude: [] };
      const totals = await measure(sources, files, signal, () => {});
      await session.send({ id: newTransferId(), note: null, ...sources, files, totals, signal, report });
    });
    return events;
  } finally {
    await link.close();
  }
}

/** What went wrong with `work`, as one of our errors. */
export async function failureOf(work: Promise<unknown>): Promise<LanxferError> {
  try {
    await work;
  } catch (error) {
    return toLanxferError(error);
  }
  throw new Error("nothing went wrong");
}
