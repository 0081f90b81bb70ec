/** `inbox`: what arrived and is still there. */

import type { ControlClient } from "../../control/client.ts";
import type { ExitCode } from "../../core/errors.ts";
import { formatSize, safe } from "../../core/text.ts";
import { table } from "../render/table.ts";
import { formatWhen } from "../render/time.ts";
import { path } from "../render/words.ts";
import type { Ui } from "../ui.ts";

export async function inbox(client: ControlClient, _args: object, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { items } = await client.call("get", "/v1/inbox", {}, signal);
  for (const item of items) ui.object(item);
  const rows = items.map((item) => [
    formatWhen(item.at),
    safe(item.from.name),
    item.bytes === null ? "-" : formatSize(item.bytes),
    `${path(item.path)}${item.type === "folder" ? "/" : ""}`,
  ]);
  if (rows.length > 0) ui.print(...(await table(["WHEN", "FROM", "SIZE", "PATH"], rows)));
  else if (!ui.json) ui.notice("the inbox has nothing that was received");
  return 0;
}
