/**
 * Who may stand before the gate, and whose handshake is next. Nobody has proved
 * who he is here: all that is known is an address, which several may share, and
 * a handshake costs us a millisecond or two, whoever it is.
 *
 * Places: whoever has come no further for longest goes when there are too many,
 * first from where most of them come. An honest connection takes milliseconds
 * from step to step, so crowds lose their own places. Those whose handshake has
 * begun lose theirs only to each other, as long as they have no more than half.
 *
 * Turns: a handshake begins when its source has a turn left. Those of devices
 * that we know are given back, so only strangers use them up; then their
 * connections wait, and sources take turns. Addresses at which we know somebody
 * have turns of their own: what strangers do elsewhere is nothing to them.
 *
 * A source is an address at which we know somebody, or else a subnet: a host
 * takes as many addresses of its IPv6 subnet as it likes.
 */

import { subnetOf, unmapped } from "../core/address.ts";
import type { Cancel, Clock } from "../core/clock.ts";
import { Allowance, type Budget } from "./allowance.ts";

/** Places of one source, as a share of all: it may be a whole household. */
const SHARE_OF_SOURCE = 1 / 4;
/** Handshakes of a source at which we know nobody. */
const STRANGER: Budget = { burst: 60, rate: 10 };
/** Of all those sources together: about a seventh of a core. */
const STRANGERS: Budget = { burst: 200, rate: 100 };
/** Of an address at which we know somebody, who may share it with a stranger. */
const KNOWN: Budget = { burst: 60, rate: 100 };
/** Sources that are remembered, and known addresses; the one that was quiet longest is forgotten first. */
const MAX_SOURCES = 1_024;

export interface Doors<T> {
  /** The handshake of `who` may begin. */
  readonly begin: (who: T) => void;
  /** `who` has to go. */
  readonly evict: (who: T) => void;
}

interface Source<T> {
  known: boolean;
  turns: Allowance;
  /** Who has had no turn; who made no step for longest comes first. */
  readonly outside: Set<T>;
  /** Those of them that have spoken and wait for their turn, the first to come first. */
  readonly waiting: Set<T>;
  /** Whose handshake has begun, the first to begin first. */
  readonly begun: Set<T>;
}

export class Doorkeeper<T> {
  readonly #clock: Clock;
  readonly #doors: Doors<T>;
  readonly #places: number;
  readonly #strangers: Allowance;
  /** The one that was heard of last is the last. */
  readonly #sources = new Map<string, Source<T>>();
  /** Addresses at which somebody was met whom we know; the one of the last meeting is the last. */
  readonly #known = new Set<string>();
  /** Where everybody comes from who stands here. */
  readonly #from = new Map<T, Source<T>>();
  /** Sources with somebody waiting; the one that was served last is the last. */
  readonly #queue = new Set<Source<T>>();
  #stopTimer: Cancel = () => {};

  /** `places` is how many may stand here in all. */
  constructor(clock: Clock, places: number, doors: Doors<T>) {
    this.#clock = clock;
    this.#doors = doors;
    this.#places = places;
    this.#strangers = new Allowance(clock, STRANGERS);
  }

  /** Somebody has come, and has said nothing. */
  enter(address: string, who: T): void {
    const source = this.#sourceOf(unmapped(address));
    this.#from.set(who, source);
    source.outside.add(who);
    if (sizeOf(source) > this.#places * SHARE_OF_SOURCE) this.#evict(source);
    else if (this.#from.size > this.#places) this.#evict(this.#largest());
  }

  /** The first that `who` has to say is here. */
  spoke(who: T): void {
    const source = this.#from.get(who);
    if (source === undefined) return;
    source.outside.delete(who);
    source.outside.add(who);
    source.waiting.add(who);
    this.#queue.add(source);
    this.#serve();
  }

  /** `who` is gone, or needs no place here any more. Does nothing for one that stands here no more. */
  leave(who: T): void {
    const source = this.#from.get(who);
    if (source === undefined) return;
    this.#from.delete(who);
    for (const set of [source.outside, source.waiting, source.begun]) set.delete(who);
    if (source.waiting.size === 0) this.#queue.delete(source);
  }

  /** `who` is somebody whom we know: its handshake was none of a stranger. */
  recognise(who: T, address: string): void {
    const source = this.#from.get(who);
    source?.turns.giveBack();
    if (source?.known === false) this.#strangers.giveBack();
    this.leave(who);
    this.welcome(address);
  }

  /** Somebody whom we know is at this address. */
  welcome(address: string): void {
    const plain = unmapped(address);
    this.#known.delete(plain);
    this.#known.add(plain);
    for (const oldest of this.#known) {
      if (this.#known.size <= MAX_SOURCES) break;
      this.#known.delete(oldest);
    }
    const source = this.#sources.get(plain);
    if (source === undefined || source.known) return;
    source.known = true;
    source.turns = new Allowance(this.#clock, KNOWN);
    this.#serve();
  }

  /** Begins nothing any more. */
  close(): void {
    this.#queue.clear();
    this.#stopTimer();
  }

  #sourceOf(address: string): Source<T> {
    const known = this.#known.has(address);
    const key = known ? address : subnetOf(address);
    const source = this.#sources.get(key) ?? {
      known,
      turns: new Allowance(this.#clock, known ? KNOWN : STRANGER),
      outside: new Set<T>(),
      waiting: new Set<T>(),
      begun: new Set<T>(),
    };
    this.#sources.delete(key);
    this.#sources.set(key, source);
    for (const [other, each] of this.#sources) {
      if (this.#sources.size <= MAX_SOURCES) break;
      if (sizeOf(each) === 0) this.#sources.delete(other);
    }
    return source;
  }

  #serve(): void {
    this.#stopTimer();
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { source, who } = next;
      source.turns.take();
      if (!source.known) this.#strangers.take();
      source.outside.delete(who);
      source.waiting.delete(who);
      source.begun.add(who);
      this.#queue.delete(source);
      if (source.waiting.size > 0) this.#queue.add(source);
      this.#doors.begin(who);
    }
    if (this.#queue.size === 0) return;
    const soonest = Math.min(...[...this.#queue].map((source) => this.#waitOf(source)));
    this.#stopTimer = this.#clock.after(Math.ceil(soonest), () => this.#serve());
  }

  #next(): { readonly source: Source<T>; readonly who: T } | undefined {
    for (const source of this.#queue) {
      const [who] = source.waiting;
      if (who !== undefined && this.#waitOf(source) === 0) return { source, who };
    }
    return undefined;
  }

  #waitOf({ known, turns }: Source<T>): number {
    return known ? turns.wait : Math.max(turns.wait, this.#strangers.wait);
  }

  /** Of the sources at which we know nobody, as long as anybody of theirs is here. */
  #largest(): Source<T> {
    const all = [...new Set(this.#from.values())];
    const strangers = all.filter(({ known }) => !known);
    return (strangers.length > 0 ? strangers : all).reduce((largest, source) =>
      sizeOf(source) > sizeOf(largest) ? source : largest,
    );
  }

  #evict(source: Source<T>): void {
    const { outside, begun } = source;
    const [who] = outside.size > 0 && begun.size <= sizeOf(source) / 2 ? outside : begun;
    if (who === undefined) return;
    this.leave(who);
    this.#doors.evict(who);
  }
}

function sizeOf<T>({ outside, begun }: Source<T>): number {
  return outside.size + begun.size;
}
