/** `send --dry-run`: what would be sent, and what would be left out and why. */

import type { ControlClient } from "../../control/client.ts";
import type { SendRequest } from "../../control/requests.ts";
import type { PreviewLine } from "../../control/schema.ts";
import { assertNever } from "../../core/assert.ts";
import type { ExitCode } from "../../core/errors.ts";
import { formatSize, safe } from "../../core/text.ts";
import { path } from "../render/words.ts";
import type { Ui } from "../ui.ts";

/** Columns that a size takes: `1023.9 MB`. The list is as long as the sources are many, so it is written as it comes. */
const SIZE_COLUMNS = 9;
/** Lines that may be in memory while their reader takes its time. */
const FLUSH_EVERY = 1_000;

export async function preview(
  client: ControlClient,
  request: SendRequest,
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  let written = 0;
  for await (const line of client.preview(request, AbortSignal.any([signal, ui.readerGone]))) {
    if (line.is === "failed") return ui.failedAs(line.error);
    ui.object(line);
    ui.print(shown(line));
    if (++written % FLUSH_EVERY === 0) await ui.flushed();
  }
  return 0;
}

function shown(line: Exclude<PreviewLine, { is: "failed" }>): string {
  switch (line.is) {
    case "file":
      return row(formatSize(line.bytes), path(line.path));
    case "folder":
      return row("-", `${path(line.path)}/`);
    case "skipped":
      return row("skipped", `${path(line.path)}: ${safe(line.reason)}`);
    case "excluded":
      return row("excluded", `${path(line.path)}${line.type === "folder" ? "/" : ""}`);
    case "total":
      return total(line);
    default:
      return assertNever(line);
  }
}

function row(first: string, rest: string): string {
  return `${first.padStart(SIZE_COLUMNS)}  ${rest}`;
}

function total({ peer, files, folders, bytes, skipped, excluded }: Extract<PreviewLine, { is: "total" }>): string {
  const what = [count(files, "file"), ...(folders > 0 ? [count(folders, "folder")] : [])].join(" and ");
  const left = [...(skipped > 0 ? [`${skipped} skipped`] : []), ...(excluded > 0 ? [`${excluded} excluded`] : [])];
  return [`would send ${what} (${formatSize(bytes)}) to ${safe(peer.name)}`, ...left].join(", ");
}

function count(n: number, thing: string): string {
  return `${n} ${thing}${n === 1 ? "" : "s"}`;
}
