/**
 * `send --queue` and `send --detach`: hands something to the daemon and is done when
 * it is safely queued, or watches until it is delivered. Whoever stops
 * watching ends nothing: what is queued stays queued.
 */

import type { ControlClient } from "../../control/client.ts";
import type { TransferView } from "../../control/schema.ts";
import type { Cancel } from "../../core/clock.ts";
import { ERRORS, type ExitCode, LanxferError, toView } from "../../core/errors.ts";
import { formatPeriod, formatSize, safe } from "../../core/text.ts";
import { eventsOf, hasEnded, viewsOf } from "../follow.ts";
import { formatWhen } from "../render/time.ts";
import { warnings, what, whatAndWho } from "../render/words.ts";
import { leftOut, SendReport } from "../send-report.ts";
import type { Ui } from "../ui.ts";

/** Makes the request. Given a signal, that may end the waiting for its answer. */
export type Begin = (signal?: AbortSignal) => Promise<TransferView>;

/** Queues it and says so. */
export async function enqueue(begin: Begin, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const queued = await ask(begin, ui, signal);
  ui.object(queued);
  ui.print(queuedSummary(queued));
  if (!ui.json) ui.notice(...leftOut(queued));
  return 0;
}

/** Queues it and watches until it has ended, for `ms` at most. */
export async function enqueueAndWatch(
  client: ControlClient,
  begin: Begin,
  ms: number,
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const stream = new AbortController();
  const events = eventsOf(client, stream.signal);
  const stop = () => stream.abort();
  let stopTimer: Cancel = () => {};
  try {
    await events.next(); // the snapshot: from here on nothing is missed
    const first = await ask(begin, ui, signal);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    if (Number.isFinite(ms)) stopTimer = ui.clock.after(ms, stop);
    ui.print(queuedSummary(first));
    return await watch(viewsOf(client, first, events, stream.signal), first, ms, ui, signal);
  } finally {
    stopTimer();
    stop();
    await events.return(undefined);
  }
}

async function watch(
  views: AsyncGenerator<TransferView>,
  first: TransferView,
  ms: number,
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const report = await SendReport.begin(first, ui);
  let last = first;
  try {
    for await (const view of views) {
      last = view;
      report.update(view);
    }
  } catch (error) {
    report.close();
    if (error instanceof LanxferError && error.code === "E_DAEMON_DOWN") {
      ui.notice(`lanxferd went away; ${whatAndWho(last)} stays queued, and goes on when lanxferd runs again`);
    }
    throw error;
  }
  if (hasEnded(last)) return report.end(false);
  report.close();
  if (signal.aborted) {
    ui.notice(`not watched any more: ${whatAndWho(last)} stays queued; "lanxferctl cancel ${safe(last.id)}" ends it`);
    return ERRORS.E_CANCELLED.exit;
  }
  const details = { name: what(last.items), peer: last.peer.name, text: formatPeriod(ms) };
  const hint = `see "lanxferctl transfers"; "lanxferctl cancel ${last.id}" ends it`;
  return ui.failedAs({ ...toView(new LanxferError("E_STILL_QUEUED", details)), hint });
}

async function ask(begin: Begin, ui: Ui, signal: AbortSignal): Promise<TransferView> {
  try {
    const queued = await begin(signal);
    ui.notice(...warnings(queued));
    return queued;
  } catch (error) {
    const isUncertain = signal.aborted && !(error instanceof LanxferError);
    if (isUncertain) ui.notice('interrupted: "lanxferctl transfers" tells whether it is queued');
    throw error;
  }
}

/** What is said of one that is queued: `queued report.pdf for nas (20.0 MB) as abcd…; it may wait until 2026-05-08 12:00`. */
export function queuedSummary(transfer: TransferView): string {
  const { id, items, peer, bytes, queue } = transfer;
  const until = queue?.expiresAt == null ? "" : `; it may wait until ${formatWhen(queue.expiresAt)}`;
  return `queued ${what(items)} for ${safe(peer.name)} (${formatSize(bytes)}) as ${safe(id)}${until}`;
}
