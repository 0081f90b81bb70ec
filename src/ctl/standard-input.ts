/** What is piped in, to be sent as a file: `pg_dump db | lanxferctl send nas - --name db.sql`. */

import { createReadStream, fstatSync } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import type { ControlClient } from "../control/client.ts";
import type { StreamRequest } from "../control/requests.ts";
import type { TransferView } from "../control/schema.ts";
import { LanxferError, systemCode } from "../core/errors.ts";
import { formatSize } from "../core/text.ts";
import type { Ui } from "./ui.ts";

const STDIN = 0;
const REDRAW_EVERY = 100; // ms: smooth to the eye
const LINE_EVERY = 10_000; // ms: enough for a log
/**
 * Ctrl-C reaches all programs of a pipe at once, and the end of the one before us
 * may be noticed before our own: half a dump would be taken for a whole one (ms).
 */
const SETTLE = 20;

/**
 * Hands it to the daemon. Ended by the signal only as long as more may come: then
 * nothing has begun. Throws what the daemon reports; E_USAGE when nothing is piped
 * in, E_SOURCE_UNREADABLE, E_CANCELLED.
 */
export async function pipe(
  client: ControlClient,
  request: StreamRequest,
  ui: Ui,
  signal: AbortSignal,
): Promise<TransferView> {
  const answered = new AbortController();
  const input = addAbortSignal(AbortSignal.any([signal, answered.signal]), open(ui));
  try {
    return await client.stream(request, allOf(input, ui, signal));
  } finally {
    answered.abort(); // an input that goes on would keep this program running
  }
}

/** All of it, as it comes; says how much has come. */
async function* allOf(input: Readable, ui: Ui, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  const line = () => `reading standard input: ${formatSize(bytes)}`;
  const stopTelling = ui.hasStatus
    ? ui.clock.every(REDRAW_EVERY, () => ui.status(line()))
    : ui.clock.every(LINE_EVERY, () => !ui.json && ui.notice(line()));
  try {
    for await (const chunk of input) {
      bytes += chunk.length;
      yield chunk;
    }
    await ui.clock.sleep(SETTLE, signal);
  } catch (error) {
    if (signal.aborted) throw new LanxferError("E_CANCELLED", {}, { cause: error });
    const text = systemCode(error) ?? String(error);
    throw new LanxferError("E_SOURCE_UNREADABLE", { path: "standard input", text }, { cause: error });
  } finally {
    stopTelling();
    ui.clearStatus();
  }
}

/** Node takes what it does not know, such as a disk or a folder, for an empty input. */
function open(ui: Ui): Readable {
  const piped = ui.piped;
  const stats = fstatSync(STDIN);
  return stats.isBlockDevice() || stats.isDirectory() ? createReadStream("", { fd: STDIN }) : piped;
}
