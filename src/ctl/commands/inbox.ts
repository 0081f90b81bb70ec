/** `inbox`: what arrived and is still there. */

import type { ControlClient } from "../../control/client.ts";
import type { InboxView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { LanxferError } from "../../core/errors.ts";
import { formatSize, safe } from "../../core/text.ts";
import { table } from "../render/table.ts";
import { formatWhen } from "../render/time.ts";
import { path } from "../render/words.ts";
import type { Ui } from "../ui.ts";

interface Args {
  /** Only the newest, of which there has to be one. */
  readonly latest: boolean;
  readonly from: string | undefined;
  readonly "print-path": boolean;
  /** The same with NUL at the end of each. */
  readonly null: boolean;
}

export async function inbox(client: ControlClient, args: Args, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { latest, from } = args;
  const query = { ...(from !== undefined && { from }), ...(latest && { limit: 1 }) };
  const { items } = await client.call("get", "/v1/inbox", { query }, signal);
  if (latest && items.length === 0) throw new LanxferError("E_INBOX_EMPTY", from === undefined ? {} : { peer: from });
  for (const item of items) ui.object(item);
  if (args["print-path"] || args.null) for (const item of items) ui.path(item.path, args.null ? "\0" : "\n");
  else if (items.length > 0) ui.print(...(await table(["WHEN", "FROM", "SIZE", "PATH"], items.map(row))));
  else if (!ui.json)
    ui.notice(`the inbox has nothing that was received${from === undefined ? "" : ` from ${safe(from)}`}`);
  return 0;
}

function row(item: InboxView): string[] {
  return [
    formatWhen(item.at),
    safe(item.from.name),
    item.bytes === null ? "-" : formatSize(item.bytes),
    `${path(item.path)}${item.type === "folder" ? "/" : ""}`,
  ];
}
