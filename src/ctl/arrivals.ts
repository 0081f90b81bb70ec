/**
 * What arrives from now on, told by the daemon's events. None is missed and none
 * told twice: before each stream of events, and after each gap in them, the
 * daemon's own lists are held against what is known. A gap is there when we fell
 * behind, or the daemon was started anew.
 */

import type { ControlClient } from "../control/client.ts";
import type { HistoryView, TransferView } from "../control/schema.ts";
import type { Clock } from "../core/clock.ts";
import { LanxferError } from "../core/errors.ts";

/** A transfer of which all is in the inbox. */
export interface Arrival {
  readonly id: string;
  readonly from: { readonly id: string; readonly name: string };
  readonly paths: readonly string[];
  readonly entries: number;
  readonly bytes: number;
}

/** As many top-level items of a transfer as the daemon lists. */
export const LISTED = 1_000;
/** A daemon that is told to stop takes 5 s at most; then somebody starts it again. */
const PATIENCE = 10_000; // ms
const INTERVAL = 100;
/** Lines of history that are looked through after a gap: as many as the API gives. */
const GAP = 10_000;
/** Between the first look and the first event is no time for more than this. */
const FIRST_GAP = 100;

/** More than a daemon can tell again. */
const REMEMBERED = 2 * GAP;

/** What views and lines of the history have in common. */
type Told = Pick<TransferView, "id" | "direction" | "peer" | "items" | "entries" | "bytes">;

/**
 * Arrivals of which nothing was in the inbox before. Ends when `signal` aborts.
 * Throws E_DAEMON_DOWN when the daemon goes away and is not back within 10 s.
 */
export async function* arrivals(client: ControlClient, clock: Clock, signal: AbortSignal): AsyncGenerator<Arrival> {
  try {
    const ledger = await Ledger.begin(client, signal);
    while (!signal.aborted) {
      yield* untilGap(client, ledger, signal);
      await daemonIsThere(client, clock, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Ends when there may be something that the events do not tell. */
async function* untilGap(client: ControlClient, ledger: Ledger, signal: AbortSignal): AsyncGenerator<Arrival> {
  try {
    for await (const event of client.events(signal)) {
      if (event.type === "overrun") return;
      // Only now: from here on the events tell, and what they tell twice is known.
      if (event.type === "snapshot") yield* await ledger.catchUp(client, signal);
      if (event.type === "transfer" && event.transfer.state === "done") yield* ledger.enter([event.transfer]);
    }
  } catch (error) {
    if (!isDown(error)) throw error;
  }
}

async function daemonIsThere(client: ControlClient, clock: Clock, signal: AbortSignal): Promise<void> {
  for (const deadline = clock.monotonic() + PATIENCE; ; await clock.sleep(INTERVAL, signal)) {
    try {
      await client.call("get", "/v1/id", {}, signal);
      return;
    } catch (error) {
      if (!isDown(error) || clock.monotonic() > deadline) throw error;
    }
  }
}

function isDown(error: unknown): boolean {
  return error instanceof LanxferError && error.code === "E_DAEMON_DOWN";
}

/** Which arrivals are known. */
class Ledger {
  readonly #known: Set<string>;
  /** The newest line of the history that was looked at. */
  #mark: string | undefined;
  #gap = FIRST_GAP;

  /** Knows what is in the inbox now, wholly or in part. */
  static async begin(client: ControlClient, signal: AbortSignal): Promise<Ledger> {
    const [transfers, history] = await look(client, 1, signal);
    const begun = transfers.filter(({ items }) => items.some(({ path }) => path !== null));
    return new Ledger(new Set(begun.map(keyOf)), history[0]);
  }

  private constructor(known: Set<string>, newest: HistoryView | undefined) {
    this.#known = known;
    this.#mark = newest && keyOf(newest);
  }

  /** What has arrived since the last look and is not known. */
  async catchUp(client: ControlClient, signal: AbortSignal): Promise<Arrival[]> {
    const [transfers, history] = await look(client, this.#gap, signal);
    this.#gap = GAP;
    const end = history.findIndex((line) => keyOf(line) === this.#mark);
    const lines = end < 0 ? history : history.slice(0, end);
    this.#mark = history[0] === undefined ? undefined : keyOf(history[0]);
    const done = transfers.filter(({ state }) => state === "done");
    return this.enter([...lines.filter(({ result }) => result === "done").reverse(), ...done]);
  }

  /** Takes note of those that are not known, and returns them. */
  enter(all: readonly Told[]): Arrival[] {
    // The history and the list of transfers may both have it.
    const incoming = new Map(all.filter(hasBrought).map((one) => [keyOf(one), one]));
    const fresh = [...incoming].filter(([key]) => !this.#known.has(key));
    for (const [key] of fresh) this.#known.add(key);
    for (const key of this.#known) {
      if (this.#known.size <= REMEMBERED) break;
      this.#known.delete(key);
    }
    return fresh.map(([, one]) => arrivalOf(one));
  }
}

function look(client: ControlClient, limit: number, signal: AbortSignal) {
  return Promise.all([
    client.call("get", "/v1/transfers", { query: { all: "true" } }, signal).then(({ transfers }) => transfers),
    client.call("get", "/v1/history", { query: { limit } }, signal).then(({ history }) => history),
  ]);
}

/** Ids are the senders' choice. */
function keyOf({ direction, peer, id }: Told): string {
  return `${direction}:${peer.id}:${id}`;
}

/** Of what stood in the inbox before, nothing has arrived. */
function hasBrought({ direction, items }: Told): boolean {
  return direction === "in" && !(items.length > 0 && items.every(({ there }) => there));
}

function arrivalOf({ id, peer, items, entries, bytes }: Told): Arrival {
  const paths = items.flatMap(({ path, there }) => (path === null || there ? [] : [path]));
  return { id, from: peer, paths, entries, bytes };
}
