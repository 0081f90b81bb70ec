/**
 * `send`: hands paths, or what is piped in, to the daemon and stays until the
 * receiver has confirmed that all of it is on its disk, or has not.
 */

import type { ControlClient } from "../../control/client.ts";
import type { SendRequest } from "../../control/requests.ts";
import type { TransferView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { LanxferError } from "../../core/errors.ts";
import { eventsOf, viewsOf } from "../follow.ts";
import { warnings } from "../render/words.ts";
import { SendReport } from "../send-report.ts";
import { sourcePath } from "../source-path.ts";
import type { Ui } from "../ui.ts";
import type { Begin } from "./queue.ts";

const CANCEL_PATIENCE = 3_000; // ms for both ends to agree that it is over

interface Args {
  readonly peer: string;
  readonly path: readonly string[];
  /** Bytes a second. */
  readonly bwlimit: number | undefined;
  readonly exclude: readonly string[];
  readonly always: boolean;
  readonly note: string | undefined;
  readonly unpaired: boolean;
  /** What standard input is to be called. */
  readonly name: string | undefined;
  readonly "dry-run": boolean;
  readonly queue: boolean;
  /** Milliseconds. */
  readonly wait: number | undefined;
  readonly detach: boolean;
  readonly ttl: number | undefined;
  readonly copy: boolean;
  readonly json: boolean;
}

/** The path that means standard input. */
const STANDARD_INPUT = "-";

export async function send(client: ControlClient, args: Args, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { peer, note, bwlimit: rate, exclude, name } = args;
  const common = {
    peer,
    ...(note !== undefined && { note }),
    ...(rate !== undefined && { rate }),
    ...(args.unpaired && { unpaired: true }),
    ...queueOf(args),
  };
  if (args.path.includes(STANDARD_INPUT)) {
    const request = { ...common, name: nameOfInput(args) };
    const { pipe } = await import("../standard-input.ts");
    return carryOut(client, () => pipe(client, request, ui, signal), args, ui, signal);
  }
  if (name !== undefined) throw mistake("--name is for standard input, which is written -");
  const paths = await Promise.all(args.path.map(sourcePath));
  const optional = { ...(exclude.length > 0 && { exclude: [...exclude] }), ...(args.always && { always: true }) };
  const request = { ...common, paths, ...optional };
  if (args["dry-run"]) return (await import("./preview.ts")).preview(client, request, ui, signal);
  if (peer.includes(",")) {
    if (args.wait !== undefined) throw mistake("--wait is for one receiver");
    return (await import("./send-to-all.ts")).sendToAll(client, request, ui, signal);
  }
  const begin = (until?: AbortSignal) => {
    if (args.copy) ui.status("copying what is to be sent");
    return client.call("post", "/v1/transfers", { json: request }, until);
  };
  return carryOut(client, begin, args, ui, signal);
}

function nameOfInput({ peer, path, name, exclude, "dry-run": dryRun }: Args): string {
  if (path.length > 1) throw mistake("standard input (-) cannot be sent with others; a file of that name is ./-");
  if (dryRun || exclude.length > 0) throw mistake("what is piped in is sent as it is, without --dry-run and --exclude");
  if (peer.includes(",")) throw mistake("what is piped in is for one receiver");
  if (name === undefined) throw mistake("what is piped in needs a name: --name NAME");
  return name;
}

/** Begins a transfer and stays with it to its end, or as long as the user wants. */
async function carryOut(
  client: ControlClient,
  begin: Begin,
  args: Args,
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (args.queue || args.detach) {
    const { enqueue, enqueueAndWatch } = await import("./queue.ts");
    if (args.wait === undefined) return enqueue(begin, ui, signal);
    return enqueueAndWatch(client, begin, args.wait, ui, signal);
  }
  const stream = new AbortController();
  const events = eventsOf(client, stream.signal);
  try {
    await events.next(); // the snapshot: from here on nothing is missed
    signal.throwIfAborted();
    // Not ended by the signal: a transfer that we do not hear of could not be cancelled.
    const first = await begin();
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
  if (detach && wait !== undefined) throw mistake("--detach and --wait exclude each other");
  if (!queue && wait !== undefined) throw mistake("--wait goes with --queue; without it send waits anyway");
  if (!queue && !detach && ttl !== undefined) throw mistake("--ttl goes with --queue or --detach");
  if (!queue && !detach && copy) throw mistake("--copy goes with --queue or --detach");
  if (!queue && !detach) return {};
  // What may wait for its receiver need not find it now.
  const options = { ...(ttl !== undefined && { ttl }), ...(copy && { copy }), ...(!queue && { reachable: true }) };
  return { queue: options };
}

function mistake(text: string): LanxferError {
  return new LanxferError("E_USAGE", { text });
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
