/**
 * One address of one interface: announces this device there and reports what
 * others say. The only importer of bonjour-service.
 *
 * The library is used for its responder. Its browser is not: it never forgets
 * a device that vanished, keeps any number of instances from anywhere, and
 * misses address changes; raw responses go to record.ts instead. A link never
 * repairs itself: it says that it failed, and links.ts opens a new one.
 */

import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
import { Bonjour, type Service, type ServiceConfig } from "bonjour-service";
import type { Cancel, Clock } from "../core/clock.ts";
import { systemCode } from "../core/errors.ts";
import { Gate, type Origin } from "./gate.ts";
import type { LinkAddress } from "./interfaces.ts";
import type { Source } from "./medium.ts";
import { correct, type OutgoingPacket, type OutgoingRecord } from "./outgoing.ts";
import { decodeResponse, type Heard, type OwnRecord, type RawPacket, SERVICE, SERVICE_TYPE } from "./record.ts";
import { type Query, Responder } from "./responder.ts";

export interface LinkListener {
  heard(heard: Heard, from: Source): void;
  /** A packet has left: the link works. */
  up(): void;
  /** It does not work, or no longer. Said once. */
  failed(error: Error): void;
}

export interface Link {
  /** Asks who is there. */
  query(): void;
  /** Closes within 500 ms, with a goodbye where that can still arrive. Idempotent, never rejects. */
  close(how: "goodbye" | "silent"): Promise<void>;
}

export interface LinkDeps {
  readonly clock: Clock;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
}

/** Opens a link; throws only what the system throws when it has no socket to give. */
export type OpenLink = (address: LinkAddress, own: OwnRecord, listener: LinkListener, deps: LinkDeps) => Link;

// A device is suspect after 6 s of silence: one round of questions and answers,
// with this jitter, has to fit. RFC 6762 5.2 wants queries to become rare; the
// rule that one host's question serves the whole link (7.3) keeps them so.
const ROUND = 5000; // ms
const ROUND_JITTER = 500; // ms
const SECOND_ANNOUNCEMENT = 1000; // ms after the first (RFC 6762 8.3)
const STEP_OF_CLOSING = 250; // ms, for the goodbye and again for the socket

export const openLink: OpenLink = (address, own, listener, deps) => new BonjourLink(address, own, listener, deps);

class BonjourLink implements Link {
  readonly #address: LinkAddress;
  readonly #own: OwnRecord;
  readonly #listener: LinkListener;
  readonly #deps: LinkDeps;
  readonly #gate: Gate;
  readonly #socket: Socket;
  readonly #bonjour: Bonjour;
  readonly #mdns: InnerMdns;
  readonly #responder: Responder;
  readonly #service: Service | null;
  #round: Cancel = () => {};
  #second: Cancel = () => {};
  #failed = false;
  #closing: Promise<void> | undefined;

  constructor(address: LinkAddress, own: OwnRecord, listener: LinkListener, deps: LinkDeps) {
    this.#address = address;
    this.#own = own;
    this.#listener = listener;
    this.#deps = deps;
    this.#gate = new Gate(address.cidr, deps.clock);
    this.#socket = createSocket({ type: "udp4", reuseAddr: true });
    // Bound to `interface` alone the socket would hear no multicast on Linux.
    const options = { socket: this.#socket, interface: address.address, bind: "0.0.0.0" };
    // The library hands its options on to multicast-dns, whose options its type leaves out.
    this.#bonjour = new Bonjour(options as Partial<ServiceConfig>, () => {
      // Without a callback it would throw from a timer; #transmit has seen the error already.
    });
    this.#mdns = innerMdns(this.#bonjour);
    this.#responder = this.#interpose();
    this.#service = this.#guard(() => this.#publish());
    this.query();
    this.#second = deps.clock.after(SECOND_ANNOUNCEMENT, () => {
      this.#guard(() => this.#mdns.respond({ answers: this.#service?.records() ?? [], additionals: [] }));
      this.query();
    });
  }

  query(): void {
    if (this.#closing) return;
    this.#mdns.query([{ name: SERVICE, type: "PTR" }], (error) => this.#sent(error));
    this.#startRound();
  }

  close(how: "goodbye" | "silent"): Promise<void> {
    this.#closing ??= this.#close(how);
    return this.#closing;
  }

  #publish(): Service {
    return this.#bonjour.publish({
      name: this.#own.label,
      type: SERVICE_TYPE,
      port: this.#own.port,
      host: this.#own.host, // the default is the bare host name, which no resolver finds
      txt: this.#own.txt,
      disableIPv6: true,
      // The loser of its probing says goodbye in the winner's name. Our name is
      // unique by construction, so there is nothing to probe for.
      probe: false,
    });
  }

  /** Puts our own layer between the socket, the decoder and the library's responder. */
  #interpose(): Responder {
    const listen = takeOver(this.#socket, "listening");
    this.#socket.on("listening", () => this.#guard(listen));

    const decode = takeOver(this.#socket, "message");
    this.#socket.on("message", (packet: Buffer, origin: Origin) => {
      if (this.#gate.admits(packet, origin)) decode(packet, origin);
    });

    const respond = takeOver(this.#mdns, "query");
    const responder = new Responder(this.#own, this.#deps, (query) => respond(query));
    this.#mdns.on("query", (query: Query, origin: Origin) => this.#asked(query, origin, responder));
    this.#mdns.on("response", (packet: RawPacket, origin: Origin) => this.#answered(packet, origin, responder));

    const send = this.#mdns.respond;
    this.#mdns.respond = (packet, done) => this.#transmit(send, packet, done);

    this.#mdns.on("error", (error: Error) => this.#fail(error));
    // A warning is a packet that cannot be decoded, or an error of the socket.
    this.#mdns.on("warning", (error: Error) => {
      if (systemCode(error) !== undefined && "syscall" in error) this.#fail(error);
    });
    return responder;
  }

  #asked(query: Query, origin: Origin, responder: Responder): void {
    // RFC 6762 7.3: who hears the question that it was about to ask takes the
    // answers as its own. One question a round then serves the whole link.
    if (query.answers.length === 0 && query.questions.some(isOurQuestion)) this.#startRound();
    responder.take(query, origin.address === this.#address.address ? "this machine" : "another");
  }

  #answered(packet: RawPacket, origin: Origin, responder: Responder): void {
    const from: Source = { address: origin.address, interface: this.#address.interface };
    for (const heard of decodeResponse(packet, this.#own.id)) {
      responder.noticeCompany();
      this.#listener.heard(
        heard.kind === "sighting" ? { ...heard, addresses: this.#reachable(heard.addresses) } : heard,
        from,
      );
    }
  }

  /** Only addresses of this link: a record shall not make us connect to anywhere else. */
  #reachable(addresses: readonly string[]): string[] {
    return addresses.flatMap((address) => {
      if (isIP(address) === 6) return /^fe[89ab]/i.test(address) ? [`${address}%${this.#address.interface}`] : [];
      return this.#gate.isOnLink(address) ? [address] : [];
    });
  }

  #transmit(send: Respond, packet: OutgoingPacket | readonly OutgoingRecord[], done?: Done): void {
    const whole = isList(packet) ? { answers: packet, additionals: [] } : packet;
    const corrected = correct(whole, this.#address.address);
    if (corrected === undefined) done?.(null);
    else {
      send(corrected, (error) => {
        this.#sent(error);
        done?.(error);
      });
    }
  }

  #sent(error: Error | null | undefined): void {
    if (error) this.#fail(error);
    else if (!this.#failed && !this.#closing) this.#listener.up();
  }

  #fail(error: Error): void {
    if (this.#failed || this.#closing) return;
    this.#failed = true;
    this.#listener.failed(error);
  }

  /** The library lets pass what the system throws at it: for lack of netlink, say, or of a device. */
  #guard<Result>(run: () => Result): Result | null {
    try {
      return run();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return null;
    }
  }

  #startRound(): void {
    this.#round();
    this.#round = this.#deps.clock.after(ROUND + this.#deps.random() * ROUND_JITTER, () => this.query());
  }

  async #close(how: "goodbye" | "silent"): Promise<void> {
    this.#round();
    this.#second();
    this.#responder.close();
    // First deaf, then goodbye: an answer to a late question would take it back.
    this.#socket.removeAllListeners("message");
    if (how === "goodbye" && !this.#failed) await this.#within((done) => this.#service?.stop(done));
    await this.#within((done) => this.#bonjour.destroy(done));
  }

  /** Runs one step of closing; what does not call back in time, or throws, is left behind. */
  #within(step: (done: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#deps.clock.after(STEP_OF_CLOSING, resolve);
      try {
        step(() => {
          stop();
          resolve();
        });
      } catch {
        stop();
        resolve(); // a socket that never opened cannot be closed either
      }
    });
  }
}

function isOurQuestion({ name, type }: { readonly name: string; readonly type: string }): boolean {
  return type === "PTR" && name.toLowerCase() === SERVICE;
}

function isList(packet: OutgoingPacket | readonly OutgoingRecord[]): packet is readonly OutgoingRecord[] {
  return Array.isArray(packet);
}

type Done = (error: Error | null | undefined) => void;
type Respond = (packet: OutgoingPacket | readonly OutgoingRecord[], done?: Done) => void;
type Listener = (...args: never[]) => void;

/** The part of an event emitter that is needed to stand between it and its listeners. */
interface Emitter {
  on(event: string, listener: Listener): unknown;
  listeners(event: string): unknown[];
  removeAllListeners(event: string): unknown;
}

/** The multicast-dns object inside the library: public in JavaScript, `any` in its types. */
interface InnerMdns extends Emitter {
  respond: Respond;
  query(questions: readonly { name: string; type: "PTR" }[], done: Done): void;
}

function innerMdns(bonjour: Bonjour): InnerMdns {
  // `server` is private in the types only. Without it there is no listener for
  // errors, so that a second responder on the port would end the process.
  return (bonjour as unknown as { readonly server: { readonly mdns: InnerMdns } }).server.mdns;
}

/** Removes the listeners that the library set on `event` and returns a function that calls them. */
function takeOver(emitter: Emitter, event: string): (...args: unknown[]) => void {
  const listeners = emitter.listeners(event) as ((...args: unknown[]) => void)[]; // an emitter holds nothing else
  emitter.removeAllListeners(event);
  return (...args) => {
    for (const listener of listeners) Reflect.apply(listener, emitter, args);
  };
}
