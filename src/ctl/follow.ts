/** Follows the daemon's events, and one transfer among them. */

import type { ControlClient } from "../control/client.ts";
import type { ControlEvent, TransferView } from "../control/schema.ts";

/** A transfer that will not change any more. */
export function hasEnded({ state }: TransferView): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

/**
 * The events, and after an `overrun`, which is passed on, all over again with a
 * new snapshot. Ends when `signal` aborts; throws E_DAEMON_DOWN when the daemon
 * goes away.
 */
export async function* eventsOf(client: ControlClient, signal: AbortSignal): AsyncGenerator<ControlEvent> {
  for (let overrun = true; overrun; ) {
    overrun = false;
    for await (const event of client.events(signal)) {
      yield event;
      if (event.type === "overrun") {
        overrun = true;
        break;
      }
    }
  }
}

/**
 * The views of one transfer, from `first` to the one in which it has ended.
 * `events` must have been asked for before the transfer was, so that none is
 * missed. Ends early when `signal`, which is that of the events, aborts.
 */
export async function* viewsOf(
  client: ControlClient,
  first: TransferView,
  events: AsyncGenerator<ControlEvent>,
  signal: AbortSignal,
): AsyncGenerator<TransferView> {
  yield first;
  if (hasEnded(first)) return;
  for await (const event of events) {
    const view = await viewIn(client, event, first.id, signal);
    if (view === undefined) continue;
    yield view;
    if (hasEnded(view)) return;
  }
}

/** The same of several transfers, until all have ended. */
export async function* viewsOfAll(
  client: ControlClient,
  firsts: readonly TransferView[],
  events: AsyncGenerator<ControlEvent>,
  signal: AbortSignal,
): AsyncGenerator<TransferView> {
  const left = new Set<string>();
  for (const first of firsts) {
    yield first;
    if (!hasEnded(first)) left.add(first.id);
  }
  if (left.size === 0) return;
  for await (const event of events) {
    for (const id of [...left]) {
      const view = await viewIn(client, event, id, signal);
      if (view === undefined) continue;
      yield view;
      if (hasEnded(view)) left.delete(id);
    }
    if (left.size === 0) return;
  }
}

async function viewIn(
  client: ControlClient,
  event: ControlEvent,
  id: string,
  signal: AbortSignal,
): Promise<TransferView | undefined> {
  if (event.type === "transfer") return event.transfer.id === id ? event.transfer : undefined;
  if (event.type !== "snapshot") return undefined;
  // Read again after an overrun: what has ended meanwhile is not in the snapshot.
  const running = event.transfers.find((transfer) => transfer.id === id);
  return running ?? (await client.call("get", "/v1/transfers/:id", { param: { id } }, signal));
}
