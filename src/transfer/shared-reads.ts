/**
 * Reading once for several transfers of the same sources. What one of them reads
 * is kept in memory until the others have had it, for a short stretch: whoever
 * falls behind for long reads for itself, so that a slow receiver costs the fast
 * ones next to nothing. It does not know what is read.
 */

import type { Clock } from "../core/clock.ts";

/** Pieces in memory; each is at most a block (1 MiB). */
const WINDOW = 16;
/** How long the first waits for the others to begin, too (milliseconds). */
const START_MS = 2_000;
/** How long somebody who is ahead waits for room (milliseconds), and how often before those behind are left behind. */
const PATIENCE_MS = 20;
const STRIKES = 16;

interface Piece {
  readonly value: Promise<unknown>;
  /** Who has not had it yet. */
  readonly missing: Set<SharedReader>;
}

/** One transfer's part. */
export interface SharedReader {
  /** What `read` resolves to, or what it did for another transfer that asked for `key`. Nobody may change it. */
  once<T>(key: string, read: () => Promise<T>): Promise<T>;
  /** This transfer reads no more. Idempotent. */
  leave(): void;
}

export class SharedReads {
  readonly #clock: Clock;
  readonly #pieces = new Map<string, Piece>();
  /** Those that keep up, and how often each was waited for in vain. */
  readonly #readers = new Map<SharedReader, number>();
  #absent: number;
  /** Aborted when all have begun, or have been waited for. */
  readonly #started = new AbortController();
  #waiting: (() => void)[] = [];

  /** For so many transfers, each of which joins once, and leaves. */
  constructor(clock: Clock, transfers: number) {
    this.#clock = clock;
    this.#absent = transfers;
  }

  join(): SharedReader {
    let begun = false;
    const arrive = () => {
      if (!begun && --this.#absent === 0) this.#started.abort();
      begun = true;
    };
    const reader: SharedReader = {
      once: async (key, read) => {
        if (!begun) {
          this.#readers.set(reader, 0);
          arrive();
          await this.#clock.sleep(START_MS, this.#started.signal).catch(() => {});
          this.#started.abort();
        }
        return this.#once(reader, key, read);
      },
      leave: () => {
        arrive();
        this.#drop(reader);
      },
    };
    return reader;
  }

  async #once<T>(reader: SharedReader, key: string, read: () => Promise<T>): Promise<T> {
    const found = this.#pieces.get(key);
    if (found?.missing.has(reader)) {
      this.#readers.set(reader, 0);
      this.#had(reader, key, found);
      return found.value as Promise<T>; // the same key is read in the same way
    }
    while (this.#pieces.size >= WINDOW && this.#isShared(reader)) await this.#makeRoom();
    if (!this.#isShared(reader)) return read();
    const missing = new Set(this.#readers.keys());
    missing.delete(reader);
    const value = read();
    this.#pieces.set(key, { value, missing });
    value.catch(() => this.#pieces.delete(key)); // whoever has to, meets it
    return value;
  }

  #isShared(reader: SharedReader): boolean {
    return this.#readers.has(reader) && this.#readers.size > 1;
  }

  #had(reader: SharedReader, key: string, { missing }: Piece): void {
    missing.delete(reader);
    if (missing.size > 0) return;
    this.#pieces.delete(key);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves when a piece is gone; the oldest goes when its readers were waited for. */
  async #makeRoom(): Promise<void> {
    const made = new AbortController();
    this.#waiting.push(() => made.abort());
    await this.#clock.sleep(PATIENCE_MS, made.signal).catch(() => {});
    if (made.signal.aborted) return;
    const [oldest] = this.#pieces;
    if (oldest === undefined) return;
    const [key, { missing }] = oldest;
    this.#pieces.delete(key);
    for (const reader of missing) this.#strike(reader);
  }

  #strike(reader: SharedReader): void {
    const strikes = (this.#readers.get(reader) ?? 0) + 1;
    if (strikes < STRIKES) this.#readers.set(reader, strikes);
    else this.#drop(reader);
  }

  /** Nothing is kept for it any more. */
  #drop(reader: SharedReader): void {
    this.#readers.delete(reader);
    for (const [key, piece] of this.#pieces) {
      if (piece.missing.has(reader)) this.#had(reader, key, piece);
    }
  }
}
