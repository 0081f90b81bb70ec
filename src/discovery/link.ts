/**
 * One interface and family: announces this device there, asks who else is, and
 * reports what others say. How packets come and go is station.ts.
 *
 * A link never repairs itself: it says that it failed, and links.ts opens a new one.
 */

import type { Cancel, Clock } from "../core/clock.ts";
import { Company } from "./company.ts";
import type { Origin } from "./gate.ts";
import type { LinkAddress } from "./interfaces.ts";
import type { Source } from "./medium.ts";
import { askerOf, isOurQuestion, type Query } from "./question.ts";
import { type Answered, contradicts, decodeResponse, type Heard, type OwnRecord, type RawPacket } from "./record.ts";
import { Responder } from "./responder.ts";
import { Station } from "./station.ts";

export interface LinkListener {
  heard(heard: Heard, from: Source): void;
  /** A packet has left: the link works. */
  up(): void;
  /** It does not work, or no longer. Said once. */
  failed(error: Error): void;
  /** Somebody else has our instance name. */
  conflict(): void;
}

export interface Link {
  /** Instances heard here lately. */
  readonly company: Company;
  /** Asks who is there. */
  query(): void;
  /** The same link (isSameLink) with other addresses: announces them. */
  readdress(address: LinkAddress): void;
  /** Announces `own`, with other names for the same device, instead of what was announced. */
  rename(own: OwnRecord, former: "goodbye" | "silent"): void;
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

// Silence makes suspect (peer-table.ts): one round of questions and answers, with
// this jitter, has to fit before. RFC 6762 5.2 wants queries to become rare; the
// rule that one host's question serves the whole link (7.3) keeps them so. Whoever
// asks need not answer: in a round each host sends one packet.
const ROUND = 5000; // ms
const ROUND_JITTER = 250; // ms
// Who has answered a question does not answer another one for a second (RFC 6762 6),
// so one that follows so soon brings no signs of life and ends no round.
const FUTILE_FOR = 1200; // ms
const RARELY = 12; // rounds, of which a link that is not needed asks in one
const SECOND_ANNOUNCEMENT = 1000; // ms after the first (RFC 6762 8.3)

export const openLink: OpenLink = (address, own, listener, deps) => new StationLink(address, own, listener, deps);

interface Reading {
  readonly heard: readonly Answered[];
  /** It gives our instance name to somebody else. */
  readonly conflict: boolean;
}

class StationLink implements Link {
  readonly company: Company;
  readonly #interface: string;
  readonly #listener: LinkListener;
  readonly #deps: LinkDeps;
  readonly #station: Station;
  #own: OwnRecord;
  #responder: Responder;
  /** What packets say, as long as our names and addresses are the same. */
  #readings = new WeakMap<RawPacket, Reading>();
  #round: Cancel = () => {};
  #askedAt = Number.NEGATIVE_INFINITY;
  #skipped = 0;
  #second: Cancel = () => {};
  #closing: Promise<void> | undefined;

  constructor(address: LinkAddress, own: OwnRecord, listener: LinkListener, deps: LinkDeps) {
    this.company = new Company(deps.clock);
    this.#interface = address.interface;
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
    this.#responder = this.#responderFor(own);
    this.query();
    this.#announceAgain();
  }

  query(): void {
    if (this.#closing) return;
    this.#station.query();
    this.#noteQuestion();
  }

  readdress(address: LinkAddress): void {
    if (this.#closing) return;
    this.#readings = new WeakMap();
    this.#station.readdress(address);
    this.#station.announce();
    this.#announceAgain();
  }

  rename(own: OwnRecord, former: "goodbye" | "silent"): void {
    if (this.#closing) return;
    this.#own = own;
    this.#readings = new WeakMap();
    this.#responder.close();
    this.#responder = this.#responderFor(own);
    this.#station.rename(own, former);
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
    const asker = askerOf(query);
    const isOurs = asker === this.#own.instance.toLowerCase();
    if (asker !== undefined && !isOurs) this.#listener.heard({ kind: "question", instance: asker }, this.#from(origin));
    // RFC 6762 7.3: who hears the question that it was about to ask takes the
    // answers as its own. One question a round then serves the whole link. The
    // asker itself is not answered for, so it has to be somebody we know, or
    // ourselves by another card in the same network.
    const isNeighbour = asker !== undefined && this.company.has(asker);
    if (isNeighbour) this.company.hear(asker);
    const isAskedForUs = query.answers.length === 0 || isNeighbour || isOurs;
    if (isAskedForUs && query.questions.some(isOurQuestion)) this.#noteQuestion();
    this.#responder.take(query);
  }

  #answered(packet: RawPacket, origin: Origin): void {
    const from = this.#from(origin);
    const reading = this.#readings.get(packet) ?? this.#read(packet);
    this.#readings.set(packet, reading);
    if (reading.conflict) this.#listener.conflict();
    for (const heard of reading.heard) {
      if (heard.kind === "sighting" && heard.id !== this.#own.id) this.company.hear(heard.instance);
      this.#listener.heard(heard, from);
    }
  }

  #read(packet: RawPacket): Reading {
    // Only addresses of this link: a record shall not make us connect to anywhere else.
    const reachable = (addresses: readonly string[]) =>
      addresses.flatMap((address) => this.#station.reachable(address) ?? []);
    const heard = decodeResponse(packet, this.#own).map((one) =>
      one.kind === "sighting" ? { ...one, addresses: reachable(one.addresses) } : one,
    );
    return { heard, conflict: contradicts(packet, this.#own) };
  }

  #responderFor(own: OwnRecord): Responder {
    return new Responder(own, this.#deps, (query) => this.#station.answer(query));
  }

  #from({ address }: Origin): Source {
    return { address, interface: this.#interface };
  }

  #announceAgain(): void {
    this.#second();
    this.#second = this.#deps.clock.after(SECOND_ANNOUNCEMENT, () => {
      this.#station.announce();
      this.query();
    });
  }

  /** Everybody was asked, by us or somebody else. */
  #noteQuestion(): void {
    const now = this.#deps.clock.monotonic();
    if (now - this.#askedAt < FUTILE_FOR) return;
    this.#askedAt = now;
    this.#startRound();
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
