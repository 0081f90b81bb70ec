/** `history`: transfers that have ended, the newest first. */

import type { ControlClient } from "../../control/client.ts";
import type { HistoryView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { formatDuration, formatSize, safe } from "../../core/text.ts";
import { table } from "../render/table.ts";
import { formatWhen } from "../render/time.ts";
import { noted, path, what } from "../render/words.ts";
import type { Ui } from "../ui.ts";

export async function history(
  client: ControlClient,
  args: { readonly limit: number | undefined },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const query = args.limit === undefined ? {} : { limit: args.limit };
  const { history } = await client.call("get", "/v1/history", { query }, signal);
  for (const line of history) ui.object(line);
  const header = ["WHEN", "PEER", "RESULT", "SIZE", "TOOK", "WHAT"];
  if (history.length > 0) ui.print(...(await table(header, history.map(row))));
  else if (!ui.json) ui.notice("nothing was sent or received yet");
  return 0;
}

function row(line: HistoryView): string[] {
  return [
    formatWhen(line.at),
    `${line.direction === "out" ? "to" : "from"} ${safe(line.peer.name)}`,
    line.result,
    formatSize(line.bytes),
    formatDuration(line.ms),
    what(line.items) + noted(line.note) + (line.error === null ? "" : `: ${path(line.error.message)}`),
  ];
}
