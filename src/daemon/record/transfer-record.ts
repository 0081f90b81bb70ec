/**
 * One transfer as the control API shows it, from its beginning to its end:
 * whoever moves it patches its record, whoever watches is told of the change.
 */

import type { ItemView, QueueView, TransferState, TransferView } from "../../control/schema.ts";
import type { Clock } from "../../core/clock.ts";
import { type ErrorView, type LanxferError, toView } from "../../core/errors.ts";
import type { TransferId } from "../../core/ids.ts";
import type { Party } from "../views.ts";

/** Names and skipped sources that a view lists. */
const MAX_LISTED = 100;
/** Items of what is received that are listed: a sender may offer as many as there are entries. */
const MAX_ITEMS = 1_000;
export interface TransferStart {
  readonly id: TransferId;
  readonly direction: "out" | "in";
  readonly peer: Party;
  readonly items: readonly { readonly name: string; readonly type: "file" | "folder" }[];
  readonly entries: number;
  readonly bytes: number;
  readonly state: TransferState;
  /** Top-level items, when more than are known by name. @default items.length */
  readonly count?: number;
  readonly note: string | null;
  /** Of one that an earlier run began: when, in milliseconds since 1970. @default now */
  readonly startedAt?: number;
  /** Of one that was queued: how it stands with that. Asked whenever somebody looks. */
  readonly queued?: (() => QueueView) | undefined;
}

export interface Published {
  readonly name: string;
  readonly as: string;
  /** Where it is on this machine; null for what was sent. */
  readonly path: string | null;
  /** Of a file, as far as it is known. */
  readonly root: string | null;
  /** It stood there before. */
  readonly there: boolean;
  /** Of a file that was received. */
  readonly facts?: ItemView["facts"];
}

/** An end that one of the two users wanted. */
export function isCancelled({ code }: LanxferError): boolean {
  return code === "E_CANCELLED" || code === "E_CANCELLED_BY_PEER";
}

function unpublished({ name, type }: TransferStart["items"][number]): TransferView["items"][number] {
  return { name, type, as: null, path: null, root: null, there: false };
}

export class TransferRecord {
  readonly #clock: Clock;
  readonly #started: number;
  readonly #cancel: (reason: LanxferError) => void;
  readonly #changed: (record: TransferRecord) => void;
  readonly #items: TransferView["items"];
  /** How many of them were known from the beginning, each in its place. */
  #listed: number;
  readonly #queued: (() => QueueView) | undefined;
  #rest: Omit<TransferView, "items" | "queue">;
  /** Made when somebody looks: a transfer of 10,000 items changes 10,000 times. */
  #view: TransferView | undefined;

  constructor(
    start: TransferStart,
    clock: Clock,
    cancel: (reason: LanxferError) => void,
    changed: (record: TransferRecord) => void,
  ) {
    this.#clock = clock;
    const { items, count = items.length, startedAt = clock.now(), queued } = start;
    this.#started = clock.monotonic() - Math.max(0, clock.now() - startedAt);
    this.#cancel = cancel;
    this.#changed = changed;
    this.#queued = queued;
    this.#items = items.map(unpublished);
    this.#listed = items.length;
    // Each by its name: an object that is spread has a shape of its own, and there may be ten thousand.
    this.#rest = {
      id: start.id,
      direction: start.direction,
      peer: start.peer,
      state: start.state,
      count,
      entries: start.entries,
      bytes: start.bytes,
      note: start.note,
      moved: 0,
      resumed: 0,
      already: { entries: 0, bytes: 0 },
      waitingFor: null,
      renamed: [],
      skipped: [],
      skippedCount: 0,
      excluded: 0,
      sourceChanged: false,
      startedAt: new Date(startedAt).toISOString(),
      endedAt: null,
      error: null,
      canRetry: false,
    };
  }

  get view(): TransferView {
    // What the queue says of it changes with time, and of ten thousand no copy is kept.
    if (this.#queued !== undefined) return { ...this.#rest, items: [...this.#items], queue: this.#queued() };
    this.#view ??= { ...this.#rest, items: [...this.#items], queue: null };
    return this.#view;
  }

  get items(): number {
    return this.#items.length;
  }

  get id(): string {
    return this.#rest.id;
  }

  get direction(): "out" | "in" {
    return this.#rest.direction;
  }

  get moved(): number {
    return this.#rest.moved;
  }

  get resumed(): number {
    return this.#rest.resumed;
  }

  /** Bytes that the receiver had from earlier transfers. */
  get already(): number {
    return this.#rest.already.bytes;
  }

  get state(): TransferState {
    return this.#rest.state;
  }

  get ended(): boolean {
    return this.#rest.endedAt !== null;
  }

  /** The receiver has accepted it, and content is on its way. */
  get isMoving(): boolean {
    return this.state === "running" || this.state === "finishing";
  }

  /** Milliseconds from the start until now. */
  get elapsed(): number {
    return Math.round(this.#clock.monotonic() - this.#started);
  }

  cancel(reason: LanxferError): void {
    if (!this.ended) this.#cancel(reason);
  }

  patch(change: Partial<Pick<TransferView, "state" | "moved" | "resumed" | "already" | "sourceChanged">>): void {
    // What it waited for is no news once it goes on.
    this.#set({ ...change, ...(change.state !== undefined && { waitingFor: null }) });
  }

  /** Interrupted, but not for good. */
  waits(reason: LanxferError | undefined): void {
    this.#set({ state: "waiting", waitingFor: reason === undefined ? null : toView(reason) });
  }

  /** Back in the queue, because of `reason` if there is one. */
  isQueued(reason: LanxferError | undefined): void {
    this.#set({ state: "queued", waitingFor: reason === undefined ? null : toView(reason) });
  }

  /** What is said of its place in the queue is another thing now. */
  touch(): void {
    this.#changed(this);
  }

  /** Our name for the other device is another one now. */
  peerIs(peer: Party): void {
    this.#set({ peer });
  }

  /** What a sender found when it looked through its sources. */
  measured(totals: Pick<TransferStart, "items" | "entries" | "bytes"> & { readonly excluded: number }): void {
    this.#items.splice(0, this.#items.length, ...totals.items.map(unpublished));
    this.#listed = this.#items.length;
    this.#set({ count: this.#listed, entries: totals.entries, bytes: totals.bytes, excluded: totals.excluded });
  }

  /** A further look at the sources begins. */
  nothingSkipped(): void {
    if (this.#rest.skippedCount > 0) this.#set({ skipped: [], skippedCount: 0 });
  }

  skipped(path: string, reason: string): void {
    const { skipped, skippedCount } = this.#rest;
    const listed = skipped.length < MAX_LISTED ? [...skipped, { path, reason }] : skipped;
    this.#set({ skipped: listed, skippedCount: skippedCount + 1 });
  }

  renamed(path: string, as: string): void {
    const { renamed } = this.#rest;
    // A further attempt tells it again.
    const told = renamed.some((one) => one.path === path);
    if (renamed.length < MAX_LISTED && !told) this.#set({ renamed: [...renamed, { path, as }] });
  }

  /** A top-level item got its final name. One that was not listed by the offer is from now on. */
  published(item: number, published: Published): void {
    const before = this.#items[item];
    if (item < this.#listed && before !== undefined) this.#items[item] = { ...before, ...published, name: before.name };
    else if (this.#items.length < MAX_ITEMS) {
      this.#items.push({ type: published.root === null ? "folder" : "file", ...published });
    }
    this.#set({});
  }

  end(error: LanxferError | undefined, { canRetry = false } = {}): void {
    this.#set({
      state: error === undefined ? "done" : isCancelled(error) ? "cancelled" : "failed",
      error: error === undefined ? null : toView(error),
      waitingFor: null,
      endedAt: new Date(this.#clock.now()).toISOString(),
      canRetry,
      ...(error === undefined && { moved: this.#rest.bytes }),
    });
  }

  /** It failed, and nothing is kept of it any more. */
  isForgotten(): void {
    this.#set({ canRetry: false });
  }

  /** Shows one that failed in an earlier run and can be retried. `at` in milliseconds since 1970. */
  failedBefore({ at, moved, error }: { at: number; moved: number; error: ErrorView }): void {
    this.#set({ state: "failed", moved, error, endedAt: new Date(at).toISOString(), canRetry: true });
  }

  #set(change: Partial<Omit<TransferView, "items" | "queue">>): void {
    this.#rest = { ...this.#rest, ...change };
    this.#view = undefined;
    this.#changed(this);
  }
}
