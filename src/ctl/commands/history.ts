/** `history`: transfers that have ended, the newest first. */

import type { ControlClient } from "../../control/client.ts";
import type { HistoryView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { formatDuration, formatSize, safe } from "../../core/text.ts";
import { table } from "../render/table.ts";
import { formatWhen } from "../render/time.ts";
import { alreadyThere, hookFailure, noted, path, what } from "../render/words.ts";
import type { Ui } from "../ui.ts";
import type { Since } from "../values.ts";

export async function history(
  client: ControlClient,
  args: { readonly limit: number | undefined; readonly peer: string | undefined; readonly since: Since | undefined },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { limit, peer } = args;
  const since = args.since && ("ago" in args.since ? ui.clock.now() - args.since.ago : args.since.at);
  const query = {
    ...(limit !== undefined && { limit }),
    ...(peer !== undefined && { peer }),
    ...(since !== undefined && { since: Math.max(0, since) }),
  };
  const { history, damaged } = await client.call("get", "/v1/history", { query }, signal);
  for (const line of history) ui.object(line);
  const header = ["WHEN", "PEER", "RESULT", "SIZE", "TOOK", "WHAT"];
  if (history.length > 0) ui.print(...(await table(header, history.map(row))));
  else if (!ui.json) ui.notice(nothing(args));
  if (damaged > 0) ui.notice(`lines of the history that are damaged and were passed over: ${damaged}`);
  return 0;
}

function problemOf({ error, hook }: HistoryView): string {
  if (error !== null) return `: ${path(error.message)}`;
  return hook?.state === "failed" ? `: hook failed: ${hookFailure(hook)}` : "";
}

function nothing({ peer, since }: { readonly peer: string | undefined; readonly since: Since | undefined }): string {
  return peer === undefined && since === undefined ? "nothing was sent or received yet" : "nothing of that kind";
}

function row(line: HistoryView): string[] {
  return [
    formatWhen(line.at),
    `${line.direction === "out" ? "to" : "from"} ${safe(line.peer.name)}`,
    line.result,
    formatSize(line.bytes),
    formatDuration(line.ms),
    [what(line.items), ...alreadyThere(line).map((text) => `(${text})`)].join(" ") + noted(line.note) + problemOf(line),
  ];
}
