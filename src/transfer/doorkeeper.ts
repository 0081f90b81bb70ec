/**
 * Who may stand before the gate, by the address it comes from: so many that have
 * proved no key yet, and so many failures in a row. An honest handshake takes
 * milliseconds and succeeds, so whoever crowds loses its own places, and whoever
 * fails all the time its own turns, never those of others.
 *
 * Addresses of one IPv6 subnet count as one, since its hosts take new ones as
 * they like; one from which somebody known has come counts for itself.
 */

import { subnetOf, unmapped } from "../core/address.ts";
import type { Clock } from "../core/clock.ts";

/** Unproven connections in all, and of one address. */
const MAX_UNPROVEN = 128;
const MAX_OF_SOURCE = 64;
/**
 * Handshakes of one address that came to nothing or were those of strangers: so
 * many at once, then so many a second. Each costs us a signature, a millisecond
 * or two.
 */
const BURST = 60;
const RATE = 10;
/** Sources whose rate is remembered; the one that was quiet longest is forgotten first. */
const MAX_SOURCES = 1_024;

interface Source<T> {
  /** In the order in which they came. */
  readonly unproven: Set<T>;
  tokens: number;
  at: number;
  /** Somebody known came from there: what strangers at that address do is not to be held against it. */
  known: boolean;
}

export class Doorkeeper<T> {
  readonly #clock: Clock;
  /** By address where somebody known came from it, else by subnet. The one that was heard of last is the last. */
  readonly #sources = new Map<string, Source<T>>();
  /** Where those stand that have proved nothing yet. */
  readonly #at = new Map<T, Source<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Who has to go because `who` has come: nobody, one that came before, or `who` itself. */
  enter(address: string, who: T): T | undefined {
    const source = this.#source(address);
    if (source.tokens < 1 && !source.known) return who;
    source.unproven.add(who);
    this.#at.set(who, source);
    if (source.unproven.size > MAX_OF_SOURCE) return this.#evict(source);
    if (this.#at.size > MAX_UNPROVEN) return this.#evict(this.#largest());
    return undefined;
  }

  /** `who` has proved its key, or is gone. Does nothing for one that had to go. */
  leave(who: T): void {
    this.#at.get(who)?.unproven.delete(who);
    this.#at.delete(who);
  }

  /** Somebody known has come from there. */
  welcome(address: string): void {
    this.#sourceAt(unmapped(address)).known = true;
  }

  /** A handshake from there came to nothing, or was a stranger's. */
  failed(address: string): void {
    const source = this.#source(address);
    source.tokens = Math.max(0, source.tokens - 1);
  }

  #source(address: string): Source<T> {
    const plain = unmapped(address);
    return this.#sourceAt(this.#sources.get(plain)?.known ? plain : subnetOf(address));
  }

  #sourceAt(key: string): Source<T> {
    const now = this.#clock.monotonic();
    const found = this.#sources.get(key) ?? { unproven: new Set<T>(), tokens: BURST, at: now, known: false };
    found.tokens = Math.min(BURST, found.tokens + ((now - found.at) * RATE) / 1_000);
    found.at = now;
    this.#sources.delete(key);
    this.#sources.set(key, found);
    for (const [other, { unproven }] of this.#sources) {
      if (this.#sources.size <= MAX_SOURCES) break;
      if (unproven.size === 0) this.#sources.delete(other);
    }
    return found;
  }

  #largest(): Source<T> {
    const all = [...this.#sources.values()];
    return all.reduce((largest, source) => (source.unproven.size > largest.unproven.size ? source : largest));
  }

  #evict(source: Source<T>): T | undefined {
    const [oldest] = source.unproven;
    if (oldest !== undefined) this.leave(oldest);
    return oldest;
  }
}
