/** `receive`: waits for what arrives, and prints where it is. */

import type { ControlClient } from "../../control/client.ts";
import type { ArrivalLine } from "../../control/lines.ts";
import type { Cancel } from "../../core/clock.ts";
import type { ExitCode } from "../../core/errors.ts";
import { LanxferError } from "../../core/errors.ts";
import { formatDuration } from "../../core/text.ts";
import { arrivals, LISTED } from "../arrivals.ts";
import type { Ui } from "../ui.ts";

interface Args {
  readonly once: boolean;
  readonly from: string | undefined;
  /** Milliseconds to wait for each arrival. */
  readonly timeout: number | undefined;
  /** Paths end with NUL. */
  readonly null: boolean;
}

export async function receive(client: ControlClient, args: Args, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { from, timeout } = args;
  const late = new AbortController();
  const wait = (): Cancel => (timeout === undefined ? () => {} : ui.clock.after(timeout, () => late.abort()));
  let stopWaiting = wait();
  try {
    const sender = from === undefined ? undefined : await deviceId(client, from, signal);
    const until = AbortSignal.any([signal, ui.readerGone, late.signal]);
    for await (const { paths, ...arrival } of arrivals(client, ui.clock, until)) {
      if (sender !== undefined && arrival.from.id !== sender) continue;
      for (const path of paths) ui.path(path, args.null ? "\0" : "\n");
      if (paths.length >= LISTED && arrival.entries > LISTED) ui.notice(`no more than ${LISTED} paths are listed`);
      const line: ArrivalLine = { event: "arrival", ...arrival, paths: [...paths] };
      ui.object(line);
      if (args.once) return 0;
      stopWaiting();
      stopWaiting = wait();
    }
  } finally {
    stopWaiting();
  }
  if (!late.signal.aborted || timeout === undefined) return 0;
  throw new LanxferError("E_NO_ARRIVAL", { text: formatDuration(timeout), ...(from !== undefined && { peer: from }) });
}

async function deviceId(client: ControlClient, device: string, signal: AbortSignal): Promise<string> {
  return (await client.call("get", "/v1/devices/:device", { param: { device } }, signal)).id;
}
