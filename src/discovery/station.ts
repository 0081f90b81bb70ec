/**
 * A multicast DNS responder on one interface and family: the library, with its
 * faults cured from outside. The only importer of bonjour-service. When to ask
 * and what to answer is decided by link.ts.
 *
 * The library's browser is not used: it never forgets a device that vanished,
 * keeps any number of instances from anywhere, and misses address changes.
 */

import { createSocket, type Socket, type SocketOptions } from "node:dgram";
import { Bonjour, type Service, type ServiceConfig } from "bonjour-service";
import type { Cancel, Clock } from "../core/clock.ts";
import { systemCode } from "../core/errors.ts";
import { Gate, type Origin } from "./gate.ts";
import { type Done, type InnerMdns, innerMdns, type Respond, takeOver } from "./inner-mdns.ts";
import type { LinkAddress } from "./interfaces.ts";
import { answerAddress, correct, farewell, type OutgoingPacket, type OutgoingRecord } from "./outgoing.ts";
import { ownQuestion, type Query, type Question } from "./question.ts";
import { type OwnRecord, type RawPacket, SERVICE_TYPE } from "./record.ts";
import { Repeats } from "./repeats.ts";

export interface StationListener {
  /** A question of somebody on the link, ourselves included. */
  asked(query: Query, origin: Origin): void;
  /** The same object for the same packet of the same source, when that has said nothing else since. */
  answered(packet: RawPacket, origin: Origin): void;
  /** A packet has left. */
  sent(): void;
  /** It does not work, or no longer. Said once. */
  failed(error: Error): void;
}

const FAREWELL_AFTER = 250; // ms: until everybody has heard the new name, a goodbye of the old one looks like our end
// For packets that wait to be read: everybody answers at once, and what Linux gives by
// default has room for some 150. It also says how much of this we get, and doubles that.
const RECEIVE_BUFFER = 512 * 1024; // bytes
const STEP_OF_CLOSING = 250; // ms, for the goodbye and again for the socket

export class Station {
  readonly #listener: StationListener;
  readonly #clock: Clock;
  readonly #gate: Gate;
  readonly #socket: Socket;
  readonly #bonjour: Bonjour;
  readonly #mdns: InnerMdns;
  readonly #send: Respond;
  readonly #answer: (query: Query) => void;
  #address: LinkAddress;
  #own: OwnRecord;
  #service: Service | null;
  /** Goodbyes of former names that have not been said yet, by instance. */
  readonly #farewells = new Map<string, OutgoingPacket>();
  #sayFarewells: Cancel = () => {};
  #mute = false;
  readonly #repeats = new Repeats<RawPacket>();
  /** What is being decoded. */
  #bytes: Uint8Array = new Uint8Array();
  #failed = false;
  #closed = false;

  /** Opens and announces; throws only what the system throws when it has no socket to give. */
  constructor(address: LinkAddress, own: OwnRecord, listener: StationListener, clock: Clock) {
    this.#address = address;
    this.#own = own;
    this.#listener = listener;
    this.#clock = clock;
    this.#gate = new Gate(address, clock);
    this.#socket = createSocket(socketOptions(address));
    // The library hands its options on to multicast-dns, whose options its type leaves out.
    const options = { ...multicastOptions(address), socket: this.#socket } as Partial<ServiceConfig>;
    this.#bonjour = new Bonjour(options, () => {
      // Without a callback it would throw from a timer; #transmit has seen the error already.
    });
    this.#mdns = innerMdns(this.#bonjour);
    this.#send = this.#mdns.respond;
    this.#answer = takeOver(this.#mdns, "query");
    this.#interpose();
    this.#service = this.#guard(() => this.#publish());
  }

  query(): void {
    this.#mdns.query(ownQuestion(this.#own), (error) => this.#sent(error));
  }

  announce(): void {
    this.#guard(() => this.#mdns.respond({ answers: this.#service?.records() ?? [], additionals: [] }));
  }

  /** Answers with all that we have. */
  answer(query: Query): void {
    // The library knows the addresses that the machine had at the start, of all interfaces.
    const isAddress = ({ name }: Question) => name.toLowerCase() === this.#own.host;
    for (const { type } of query.questions.filter(isAddress)) {
      const packet = answerAddress(this.#own.host, type, this.#told());
      if (packet) this.#send(packet, (error) => this.#sent(error));
    }
    this.#answer({ ...query, questions: query.questions.filter((question) => !isAddress(question)) });
  }

  /** Goes on with other addresses of the same interface. */
  readdress(address: LinkAddress): void {
    this.#address = address;
    this.#gate.readdress(address);
  }

  /** Announces `own` instead of what was announced, and then takes that back unless it never was ours alone. */
  rename(own: OwnRecord, former: "goodbye" | "silent"): void {
    const old = this.#own.instance;
    if (former === "goodbye") this.#farewells.set(old, farewell(this.#guard(() => this.#service?.records()) ?? []));
    // Stopping says goodbye at once, and for the host too. It also removes every pointer from the library's list.
    this.#mute = true;
    this.#guard(() => this.#service?.stop());
    this.#mute = false;
    this.#own = own;
    this.#service = this.#guard(() => this.#publish());
    this.#sayFarewells();
    this.#sayFarewells = this.#clock.after(FAREWELL_AFTER, () => this.#bidFarewell());
  }

  /** `address` as it is to be dialled, when it is on this link. */
  reachable(address: string): string | undefined {
    return this.#gate.reachable(address);
  }

  /** Closes within 500 ms, with a goodbye where that can still arrive. Never rejects. */
  async close(how: "goodbye" | "silent"): Promise<void> {
    this.#sayFarewells();
    if (how === "goodbye") this.#bidFarewell();
    this.#closed = true;
    // First deaf, then goodbye: an answer to a late question would take it back.
    this.#socket.removeAllListeners("message");
    if (how === "goodbye" && !this.#failed) await this.#within((done) => this.#service?.stop(done));
    await this.#within((done) => this.#bonjour.destroy(done));
  }

  #bidFarewell(): void {
    this.#farewells.delete(this.#own.instance); // it is ours again
    for (const packet of this.#farewells.values()) this.#send(packet, (error) => this.#sent(error));
    this.#farewells.clear();
  }

  #publish(): Service {
    return this.#bonjour.publish({
      name: this.#own.label,
      type: SERVICE_TYPE,
      port: this.#own.port,
      host: this.#own.host, // the default is the bare host name, which no resolver finds
      txt: this.#own.txt,
      disableIPv6: true, // addresses are ours to tell: outgoing.ts
      // The loser of its probing says goodbye in the winner's name. Our name is
      // unique by construction, so there is nothing to probe for.
      probe: false,
    });
  }

  /** Puts our own layer between the socket, the decoder and the library's responder. */
  #interpose(): void {
    const listen = takeOver(this.#socket, "listening");
    this.#socket.on("listening", () => {
      this.#makeRoom();
      this.#guard(listen);
    });

    const decode = takeOver(this.#socket, "message");
    this.#socket.on("message", (bytes: Buffer, origin: Origin) => {
      if (!this.#gate.admits(bytes, origin)) return;
      const known = this.#repeats.get(origin.address, bytes);
      if (known !== undefined) return this.#listener.answered(known, origin);
      this.#bytes = bytes;
      decode(bytes, origin); // tells "response" before it returns
      return undefined;
    });

    this.#mdns.on("query", (query: Query, origin: Origin) => this.#listener.asked(query, origin));
    this.#mdns.on("response", (packet: RawPacket, origin: Origin) => {
      this.#repeats.set(origin.address, this.#bytes, packet);
      this.#listener.answered(packet, origin);
    });
    this.#mdns.respond = (packet, done) => this.#transmit(packet, done);

    this.#mdns.on("error", (error: Error) => this.#fail(error));
    // A warning is a packet that cannot be decoded, or an error of the socket.
    this.#mdns.on("warning", (error: Error) => {
      if (systemCode(error) !== undefined && "syscall" in error) this.#fail(error);
    });
  }

  #makeRoom(): void {
    try {
      this.#socket.setRecvBufferSize(RECEIVE_BUFFER);
    } catch {
      // It works with less.
    }
  }

  /** Our addresses on this link. */
  #told(): string[] {
    return this.#address.cidrs.map((cidr) => cidr.replace(/\/.*$/, ""));
  }

  #transmit(packet: OutgoingPacket | readonly OutgoingRecord[], done?: Done): void {
    const whole = isList(packet) ? { answers: packet, additionals: [] } : packet;
    const corrected = correct(whole, this.#told());
    if (corrected === undefined || this.#mute) done?.(null);
    else {
      this.#send(corrected, (error) => {
        this.#sent(error);
        done?.(error);
      });
    }
  }

  #sent(error: Error | null | undefined): void {
    if (error) this.#fail(error);
    else if (!this.#failed && !this.#closed) this.#listener.sent();
  }

  #fail(error: Error): void {
    if (this.#failed || this.#closed) return;
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

  /** Runs one step of closing; what does not call back in time, or throws, is left behind. */
  #within(step: (done: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#clock.after(STEP_OF_CLOSING, resolve);
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

function socketOptions({ family }: LinkAddress): SocketOptions {
  // A socket of both families would take IPv4 away from the sockets beside it.
  return family === 4 ? { type: "udp4", reuseAddr: true } : { type: "udp6", reuseAddr: true, ipv6Only: true };
}

/** Bound to one address alone, the socket would hear no multicast on Linux. */
function multicastOptions({ family, address, interface: name }: LinkAddress): object {
  return family === 4
    ? { interface: address, bind: "0.0.0.0" }
    : { type: "udp6", ip: "ff02::fb", interface: `::%${name}`, bind: "::" };
}

function isList(packet: OutgoingPacket | readonly OutgoingRecord[]): packet is readonly OutgoingRecord[] {
  return Array.isArray(packet);
}
