/** What is piped in, to be sent as a file: `pg_dump db | lanxferctl send nas - --name db.sql`. */

import { createReadStream, fstatSync } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import type { ControlClient } from "../control/client.ts";
import type { StreamRequest, TransferView } from "../control/schema.ts";
import { LanxferError, systemCode } from "../core/errors.ts";
import { formatSize } from "../core/text.ts";
import type { Ui } from "./ui.ts";

const STDIN = 0;
const REDRAW_EVERY = 100; // ms: smooth to the eye
/**
 * Ctrl-C reaches all programs of a pipe at once, and the end of the one before us
 * may be noticed before our own: half a dump would be taken for a whole one (ms).
 */
const SETTLE = 20;

/** Hands it to the daemon. Ended by the signal only as long as more may come: then nothing has begun. */
export async function pipe(
  client: ControlClient,
  request: StreamRequest,
  ui: Ui,
  signal: AbortSignal,
): Promise<TransferView> {
  const answered = new AbortController();
  try {
    return await client.stream(request, standardInput(ui, AbortSignal.any([signal, answered.signal])));
  } finally {
    answered.abort(); // an input that goes on would keep this program running
  }
}

/**
 * All of it, as it comes. Throws E_CANCELLED when `signal` aborts, E_USAGE when
 * nothing is piped in, E_SOURCE_UNREADABLE. On a terminal it shows how much came.
 */
async function* standardInput(ui: Ui, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const input = addAbortSignal(signal, open(ui));
  let bytes = 0;
  const draw = () => ui.status(`reading standard input: ${formatSize(bytes)}`);
  const stopDrawing = ui.hasStatus ? ui.clock.every(REDRAW_EVERY, draw) : () => {};
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
    stopDrawing();
    ui.clearStatus();
  }
}

/** Node takes what it does not know, such as a disk or a folder, for an empty input. */
function open(ui: Ui): Readable {
  const piped = ui.piped;
  const stats = fstatSync(STDIN);
  return stats.isBlockDevice() || stats.isDirectory() ? createReadStream("", { fd: STDIN }) : piped;
}
