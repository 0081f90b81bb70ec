/** `transfers`, and what can be done with one: `cancel`, `pause`, `resume`, `retry`. */

import type { ControlClient } from "../../control/client.ts";
import type { TransferView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { percentOf } from "../../core/progress.ts";
import { formatSize, safe } from "../../core/text.ts";
import { resumedAt } from "../render/progress.ts";
import { table } from "../render/table.ts";
import { formatWhen } from "../render/time.ts";
import { alreadyThere, path, queuedText, what, whatAndWho } from "../render/words.ts";
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
  return [
    safe(transfer.id),
    `${transfer.direction === "out" ? "to" : "from"} ${safe(transfer.peer.name)}`,
    transfer.state,
    `${percentOf(transfer)}%`,
    formatSize(transfer.bytes),
    [[what(transfer.items), ...takenUp(transfer)].join(" "), ...problemOf(transfer)].join(": "),
  ];
}

function takenUp(transfer: TransferView): string[] {
  return [...resumedAt(transfer), ...alreadyThere(transfer)].map((text) => `(${text})`);
}

/** Why it is not being sent, or has failed. */
function problemOf(transfer: TransferView): string[] {
  const { state, queue, error, waitingFor } = transfer;
  if (state === "queued") {
    const until = queue?.expiresAt == null ? [] : [`waits until ${formatWhen(queue.expiresAt)}`];
    return [[queuedText(transfer), ...until].join(", ")];
  }
  const problem = error ?? waitingFor;
  return problem === null ? [] : [path(problem.message)];
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

interface Targets {
  readonly target: readonly string[];
}

export async function pause(client: ControlClient, args: Targets, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  for (const target of args.target) {
    const { transfers } = await client.call("post", "/v1/transfers/:target/pause", { param: { target } }, signal);
    tellEach("paused", target, transfers, ui);
  }
  return 0;
}

export async function resume(client: ControlClient, args: Targets, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  for (const target of args.target) {
    const { transfers } = await client.call("post", "/v1/transfers/:target/resume", { param: { target } }, signal);
    tellEach("resumed", target, transfers, ui);
  }
  return 0;
}

function tellEach(done: string, target: string, transfers: readonly TransferView[], ui: Ui): void {
  ui.print(...transfers.map((transfer) => `${done}: ${whatAndWho(transfer)}`));
  if (transfers.length === 0) ui.notice(`nothing is to go to ${safe(target)}`);
}

export async function retry(
  client: ControlClient,
  args: { readonly id: string },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const transfer = await client.call("post", "/v1/transfers/:id/retry", { param: { id: args.id } }, signal);
  const queued = transfer.queue !== null;
  ui.print(queued ? `queued again: ${whatAndWho(transfer)}` : `trying again to send ${whatAndWho(transfer)}`);
  return 0;
}
