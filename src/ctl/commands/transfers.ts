/** `transfers`, `cancel` and `retry`. */

import type { ControlClient } from "../../control/client.ts";
import type { TransferView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { formatSize, safe } from "../../core/text.ts";
import { percentOf, resumedAt } from "../render/progress.ts";
import { table } from "../render/table.ts";
import { path, what, whatAndWho } from "../render/words.ts";
import type { Ui } from "../ui.ts";

export async function transfers(
  client: ControlClient,
  args: { readonly all: boolean },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const query = args.all ? { all: "true" as const } : {};
  const { transfers } = await client.call("get", "/v1/transfers", { query }, signal);
  for (const transfer of transfers) ui.object(transfer);
  if (transfers.length > 0)
    ui.print(...(await table(["ID", "PEER", "STATE", "DONE", "SIZE", "WHAT"], transfers.map(row))));
  else if (!ui.json) ui.notice("no transfers");
  return 0;
}

function row(transfer: TransferView): string[] {
  const problem = transfer.error ?? transfer.waitingFor;
  return [
    safe(transfer.id),
    `${transfer.direction === "out" ? "to" : "from"} ${safe(transfer.peer.name)}`,
    transfer.state,
    `${percentOf(transfer)}%`,
    formatSize(transfer.bytes),
    [
      [what(transfer.items), ...resumedAt(transfer).map((text) => `(${text})`)].join(" "),
      ...(problem === null ? [] : [path(problem.message)]),
    ].join(": "),
  ];
}

export async function cancel(
  client: ControlClient,
  args: { readonly id: string },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const transfer = await client.call("delete", "/v1/transfers/:id", { param: { id: args.id } }, signal);
  ui.print(`cancelled ${whatAndWho(transfer)}`);
  return 0;
}

export async function retry(
  client: ControlClient,
  args: { readonly id: string },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const transfer = await client.call("post", "/v1/transfers/:id/retry", { param: { id: args.id } }, signal);
  ui.print(`trying again to send ${whatAndWho(transfer)}`);
  return 0;
}
