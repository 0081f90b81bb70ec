/**
 * What is inside bonjour-service and has to be reached to cure it: the
 * multicast-dns object and the listeners that the library has set.
 */

import type { OutgoingPacket, OutgoingRecord } from "./outgoing.ts";
import type { Query } from "./question.ts";

export type Done = (error: Error | null | undefined) => void;
export type Respond = (packet: OutgoingPacket | readonly OutgoingRecord[], done?: Done) => void;
type Listener = (...args: never[]) => void;

/** The part of an event emitter that is needed to stand between it and its listeners. */
interface Emitter {
  on(event: string, listener: Listener): unknown;
  listeners(event: string): unknown[];
  removeAllListeners(event: string): unknown;
}

/** The multicast-dns object inside the library: public in JavaScript, `any` in its types. */
export interface InnerMdns extends Emitter {
  respond: Respond;
  query(query: Query, done: Done): void;
}

export function innerMdns(bonjour: object): InnerMdns {
  // `server` is private in the types only. Without it there is no listener for
  // errors, so that a second responder on the port would end the process.
  return (bonjour as { readonly server: { readonly mdns: InnerMdns } }).server.mdns;
}

/** Removes the listeners that the library set on `event` and returns a function that calls them. */
export function takeOver(emitter: Emitter, event: string): (...args: unknown[]) => void {
  const listeners = emitter.listeners(event) as ((...args: unknown[]) => void)[]; // an emitter holds nothing else
  emitter.removeAllListeners(event);
  return (...args) => {
    for (const listener of listeners) Reflect.apply(listener, emitter, args);
  };
}
