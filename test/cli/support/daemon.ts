/**
 * The control API on a socket of its own, with handlers that a test decides:
 * names and failures that a real daemon would have to be brought to show.
 */

import { createServer, type Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { type ControlHandlers, createControlApi } from "../../../src/control/api.ts";
import type { ControlEvent } from "../../../src/control/schema.ts";
import { VERSION } from "../../../src/core/version.ts";

type WithoutSeq<E> = E extends unknown ? Omit<E, "seq"> : never;
export type Event = WithoutSeq<ControlEvent>;

export class StagedDaemon {
  readonly #server: Server;
  readonly #streams: Set<Stream>;

  /** Listens on `socket`. A handler that is not given must not be called. */
  static async listen(socket: string, handlers: Partial<ControlHandlers>): Promise<StagedDaemon> {
    const streams = new Set<Stream>();
    const events = (signal: AbortSignal) => eventsOf(new Stream(snapshot), streams, signal);
    const snapshot: Event = { type: "snapshot", peers: [], transfers: [], offers: [] };
    const all = new Proxy({ events, ...handlers } as ControlHandlers, {
      get(target, name: keyof ControlHandlers) {
        if (target[name] === undefined) throw new Error(`the test did not expect ${name}()`);
        return target[name];
      },
    });
    const api = createControlApi(all, { version: VERSION, onInternalError: () => {} });
    const server = createAdaptorServer({ fetch: api.fetch, createServer }) as Server; // made by node:http just above
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    return new StagedDaemon(server, streams);
  }

  private constructor(server: Server, streams: Set<Stream>) {
    this.#server = server;
    this.#streams = streams;
  }

  /** Sends an event to all who watch; they get a snapshot of nothing first. */
  emit(event: Event): void {
    for (const stream of this.#streams) stream.push(event);
  }

  /** Whether anybody follows the events. */
  get watched(): boolean {
    return this.#streams.size > 0;
  }

  /** Goes away as a daemon that is killed: every connection ends at once. Idempotent. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    for (const stream of this.#streams) stream.end();
    await closed;
  }
}

class Stream {
  readonly #waiting: Event[];
  #ended = false;
  #wake: () => void = () => {};

  constructor(first: Event) {
    this.#waiting = [first];
  }

  push(event: Event): void {
    this.#waiting.push(event);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async next(): Promise<Event | undefined> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#waiting.shift();
  }
}

async function* eventsOf(stream: Stream, streams: Set<Stream>, signal: AbortSignal): AsyncGenerator<ControlEvent> {
  const end = () => stream.end();
  signal.addEventListener("abort", end, { once: true });
  streams.add(stream);
  try {
    for (let seq = 0; ; seq++) {
      const event = await stream.next();
      if (event === undefined) return;
      yield { ...event, seq } as ControlEvent; // the very type it was taken from
      if (event.type === "overrun") return;
    }
  } finally {
    streams.delete(stream);
    signal.removeEventListener("abort", end);
  }
}
