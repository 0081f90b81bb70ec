/**
 * One interface and family: announces this device there, asks who else is, and
 * reports what others say. How packets come and go is station.ts.
 *
 * A link never repairs itself: it says that it failed, and links.ts opens a new one.
 */

import { withoutZone } from "../core/address.ts";
import type { Cancel, Clock } from "../core/clock.ts";
import type { Origin } from "./gate.ts";
import type { LinkAddress } from "./interfaces.ts";
import type { Source } from "./medium.ts";
import { decodeResponse, type Heard, type OwnRecord, type RawPacket, SERVICE } from "./record.ts";
import { type Query, type Question, Responder } from "./responder.ts";
import { Station } from "./station.ts";

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
  /** The same link (isSameLink) with other addresses: announces them. */
  readdress(address: LinkAddress): void;
  /** Closes within 500 ms, with a goodbye where that can still arrive. Idempotent, never rejects. */
  close(how: "goodbye" | "silent"): Promise<void>;
}

export interface LinkDeps {
  readonly clock: Clock;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
  /** Asked each round: whether somebody is here whom no other link of this interface hears. */
  readonly isNeeded: () => boolean;
}

/** Opens a link; throws only what the system throws when it has no socket to give. */
export type OpenLink = (address: LinkAddress, own: OwnRecord, listener: LinkListener, deps: LinkDeps) => Link;

// A device is suspect after 6 s of silence: one round of questions and answers,
// with this jitter, has to fit. RFC 6762 5.2 wants queries to become rare; the
// rule that one host's question serves the whole link (7.3) keeps them so.
const ROUND = 5000; // ms
const ROUND_JITTER = 500; // ms
const RARELY = 12; // rounds, of which a link that is not needed asks in one
const SECOND_ANNOUNCEMENT = 1000; // ms after the first (RFC 6762 8.3)

export const openLink: OpenLink = (address, own, listener, deps) => new StationLink(address, own, listener, deps);

class StationLink implements Link {
  readonly #own: OwnRecord;
  readonly #listener: LinkListener;
  readonly #deps: LinkDeps;
  readonly #station: Station;
  readonly #responder: Responder;
  #address: LinkAddress;
  #round: Cancel = () => {};
  #skipped = 0;
  #second: Cancel = () => {};
  #closing: Promise<void> | undefined;

  constructor(address: LinkAddress, own: OwnRecord, listener: LinkListener, deps: LinkDeps) {
    this.#address = address;
    this.#own = own;
    this.#listener = listener;
    this.#deps = deps;
    const events = {
      asked: (query: Query, origin: Origin) => this.#asked(query, origin),
      answered: (packet: RawPacket, origin: Origin) => this.#answered(packet, origin),
      sent: () => listener.up(),
      failed: (error: Error) => listener.failed(error),
    };
    this.#station = new Station(address, own, events, deps.clock);
    this.#responder = new Responder(own, deps, (query) => this.#station.answer(query));
    this.query();
    this.#announceAgain();
  }

  query(): void {
    if (this.#closing) return;
    this.#station.query();
    this.#startRound();
  }

  readdress(address: LinkAddress): void {
    if (this.#closing) return;
    this.#address = address;
    this.#station.readdress(address);
    this.#station.announce();
    this.#announceAgain();
  }

  close(how: "goodbye" | "silent"): Promise<void> {
    if (this.#closing === undefined) {
      this.#round();
      this.#second();
      this.#responder.close();
      this.#closing = this.#station.close(how);
    }
    return this.#closing;
  }

  #asked(query: Query, origin: Origin): void {
    // RFC 6762 7.3: who hears the question that it was about to ask takes the
    // answers as its own. One question a round then serves the whole link.
    if (query.answers.length === 0 && query.questions.some(isOurQuestion)) this.#startRound();
    const address = `${withoutZone(origin.address)}/`;
    const isOurs = this.#address.cidrs.some((cidr) => cidr.startsWith(address));
    this.#responder.take(query, isOurs ? "this machine" : "another");
  }

  #answered(packet: RawPacket, origin: Origin): void {
    const from: Source = { address: origin.address, interface: this.#address.interface };
    for (const heard of decodeResponse(packet, this.#own.id)) {
      this.#responder.noticeCompany();
      if (heard.kind === "goodbye") this.#listener.heard(heard, from);
      else {
        // Only addresses of this link: a record shall not make us connect to anywhere else.
        const addresses = heard.addresses.flatMap((address) => this.#station.reachable(address) ?? []);
        this.#listener.heard({ ...heard, addresses }, from);
      }
    }
  }

  #announceAgain(): void {
    this.#second();
    this.#second = this.#deps.clock.after(SECOND_ANNOUNCEMENT, () => {
      this.#station.announce();
      this.query();
    });
  }

  #startRound(): void {
    this.#round();
    this.#round = this.#deps.clock.after(ROUND + this.#deps.random() * ROUND_JITTER, () => this.#endRound());
  }

  #endRound(): void {
    this.#skipped = this.#deps.isNeeded() || this.#skipped + 1 === RARELY ? 0 : this.#skipped + 1;
    if (this.#skipped === 0) this.query();
    else this.#startRound();
  }
}

function isOurQuestion({ name, type }: Question): boolean {
  return type === "PTR" && name.toLowerCase() === SERVICE;
}
