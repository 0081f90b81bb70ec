/**
 * `send` to several devices: one request, one result for each. Ends when the
 * last of them has ended, or, for what is queued, when that is safe.
 */

import type { ControlClient } from "../../control/client.ts";
import type { SendRequest } from "../../control/requests.ts";
import type { GroupResult, TransferView } from "../../control/schema.ts";
import { type ErrorView, type ExitCode, LanxferError, toView } from "../../core/errors.ts";
import { percentOf } from "../../core/progress.ts";
import { safe } from "../../core/text.ts";
import { eventsOf, hasEnded, viewsOfAll } from "../follow.ts";
import { clip, fullMeasure, plainMeasure } from "../render/width.ts";
import { warnings } from "../render/words.ts";
import { SendReport } from "../send-report.ts";
import type { Ui } from "../ui.ts";
import { queuedSummary } from "./queue.ts";

const CANCEL_PATIENCE = 3_000; // ms for both ends to agree that it is over
const REDRAW_EVERY = 100; // ms: smooth to the eye

export async function sendToAll(
  client: ControlClient,
  request: SendRequest,
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const stream = new AbortController();
  const events = eventsOf(client, stream.signal);
  try {
    await events.next(); // the snapshot: from here on nothing is missed
    signal.throwIfAborted();
    // Not ended by the signal: transfers that we do not hear of could not be cancelled.
    const { results } = await client.call("post", "/v1/transfer-groups", { json: request });
    const begun = results.flatMap(({ transfer }) => transfer ?? []);
    ui.notice(...begun.flatMap(warnings));
    const exits = results.flatMap((result) => (result.error === null ? [] : [refused(result.error, ui)]));
    if (request.queue !== undefined) {
      for (const transfer of begun) ui.object(transfer);
      ui.print(...begun.map(queuedSummary));
    } else {
      const cancel = () => {
        for (const { id } of begun) client.call("delete", "/v1/transfers/:id", { param: { id } }).catch(() => {});
        ui.clock.after(CANCEL_PATIENCE, () => stream.abort());
      };
      if (signal.aborted) cancel();
      else signal.addEventListener("abort", cancel, { once: true });
      exits.push(...(await follow(viewsOfAll(client, begun, events, stream.signal), begun, ui, signal)));
    }
    return conclude(exits, results, ui);
  } finally {
    stream.abort();
    await events.return(undefined);
  }
}

/** The exit statuses of those that ended, in that order. */
async function follow(
  views: AsyncGenerator<TransferView>,
  begun: readonly TransferView[],
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode[]> {
  const reports = new Map<string, SendReport>();
  for (const transfer of begun) reports.set(transfer.id, await SendReport.begin(transfer, ui, false));
  const measure = ui.hasStatus ? await fullMeasure() : plainMeasure;
  const draw = () => {
    const line = [...reports.values()].map(({ transfer }) => brief(transfer)).join(", ");
    ui.status(clip(line, ui.statusColumns, measure));
  };
  const stopDrawing = ui.hasStatus ? ui.clock.every(REDRAW_EVERY, draw) : () => {};
  const exits: ExitCode[] = [];
  const end = (report: SendReport) => {
    reports.delete(report.transfer.id);
    exits.push(report.end(signal.aborted));
  };
  try {
    for await (const view of views) {
      const report = reports.get(view.id);
      report?.update(view);
      if (report !== undefined && hasEnded(view)) end(report);
    }
    for (const report of reports.values()) end(report); // nobody confirmed that they were cancelled
    return exits;
  } catch (error) {
    if (error instanceof LanxferError && error.code === "E_DAEMON_DOWN") {
      for (const report of reports.values()) report.lost();
    }
    throw error;
  } finally {
    stopDrawing();
    ui.clearStatus();
  }
}

/** One that was not even begun. */
function refused(error: ErrorView, ui: Ui): ExitCode {
  return ui.failedAs(error);
}

/** Where all failed in the same way that is the reason; where only some did, that. */
function conclude(exits: readonly ExitCode[], results: readonly GroupResult[], ui: Ui): ExitCode {
  const failures = exits.filter((exit) => exit !== 0);
  const [first] = failures;
  if (first === undefined) return 0;
  if (failures.length === results.length && failures.every((exit) => exit === first)) return first;
  return ui.failedAs(toView(new LanxferError("E_PARTIAL", { failed: failures.length, total: results.length })));
}

function brief(transfer: TransferView): string {
  const { state } = transfer;
  const how = state === "running" || state === "finishing" ? `${percentOf(transfer)}%` : state;
  return `${safe(transfer.peer.name)} ${how}`;
}
