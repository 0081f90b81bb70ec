/**
 * `send`: hands paths to the daemon and stays until the receiver has confirmed
 * that all of it is on its disk, or has not.
 */

import type { ControlClient } from "../../control/client.ts";
import type { SendRequest, TransferView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { LanxferError } from "../../core/errors.ts";
import { eventsOf, viewsOf } from "../follow.ts";
import { warnings } from "../render/words.ts";
import { SendReport } from "../send-report.ts";
import { sourcePath } from "../source-path.ts";
import type { Ui } from "../ui.ts";

const CANCEL_PATIENCE = 3_000; // ms for both ends to agree that it is over

interface Args {
  readonly peer: string;
  readonly path: readonly string[];
  /** Bytes a second. */
  readonly bwlimit: number | undefined;
  readonly exclude: readonly string[];
  readonly note: string | undefined;
  readonly unpaired: boolean;
  readonly "dry-run": boolean;
  readonly queue: boolean;
  /** Milliseconds. */
  readonly wait: number | undefined;
  readonly detach: boolean;
  readonly ttl: number | undefined;
  readonly copy: boolean;
  readonly json: boolean;
}

export async function send(client: ControlClient, args: Args, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const request = {
    peer: args.peer,
    paths: await Promise.all(args.path.map(sourcePath)),
    ...(args.exclude.length > 0 && { exclude: [...args.exclude] }),
    ...(args.note !== undefined && { note: args.note }),
    ...(args.bwlimit !== undefined && { rate: args.bwlimit }),
    ...(args.unpaired && { unpaired: true }),
    ...queueOf(args),
  };
  if (args["dry-run"]) return (await import("./preview.ts")).preview(client, request, ui, signal);
  if (args.peer.includes(",")) {
    if (args.wait !== undefined) throw new LanxferError("E_USAGE", { text: "--wait is for one receiver" });
    return (await import("./send-to-all.ts")).sendToAll(client, request, ui, signal);
  }
  if (args.queue || args.detach) {
    const { enqueue, enqueueAndWatch } = await import("./queue.ts");
    if (args.wait === undefined) return enqueue(client, request, ui, signal);
    return enqueueAndWatch(client, request, args.wait, ui, signal);
  }
  const stream = new AbortController();
  const events = eventsOf(client, stream.signal);
  try {
    await events.next(); // the snapshot: from here on nothing is missed
    signal.throwIfAborted();
    // Not ended by the signal: a transfer that we do not hear of could not be cancelled.
    const first = await client.call("post", "/v1/transfers", { json: request });
    ui.notice(...warnings(first));
    const report = await SendReport.begin(first, ui);
    const cancel = () => {
      // That it has ended already, or the daemon is gone, is told by the events.
      client.call("delete", "/v1/transfers/:id", { param: { id: first.id } }).catch(() => {});
      ui.clock.after(CANCEL_PATIENCE, () => stream.abort());
    };
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
    return await follow(viewsOf(client, first, events, stream.signal), report, signal);
  } finally {
    stream.abort();
    await events.return(undefined);
  }
}

/** What the request says of the queue. Throws E_USAGE for what goes with a queue, and nothing is queued. */
function queueOf({ queue, detach, wait, ttl, copy }: Args): Pick<SendRequest, "queue"> {
  const mistake = (text: string) => new LanxferError("E_USAGE", { text });
  if (detach && wait !== undefined) throw mistake("--detach and --wait exclude each other");
  if (!queue && wait !== undefined) throw mistake("--wait goes with --queue; without it send waits anyway");
  if (!queue && !detach && ttl !== undefined) throw mistake("--ttl goes with --queue or --detach");
  if (!queue && !detach && copy) throw mistake("--copy goes with --queue or --detach");
  if (!queue && !detach) return {};
  // What may wait for its receiver need not find it now.
  const options = { ...(ttl !== undefined && { ttl }), ...(copy && { copy }), ...(!queue && { reachable: true }) };
  return { queue: options };
}

async function follow(views: AsyncGenerator<TransferView>, report: SendReport, signal: AbortSignal): Promise<ExitCode> {
  try {
    for await (const view of views) report.update(view);
    return report.end(signal.aborted);
  } catch (error) {
    if (error instanceof LanxferError && error.code === "E_DAEMON_DOWN") report.lost();
    throw error;
  } finally {
    report.close();
  }
}
