/** The content of a file that was received, for whoever asks for it by its transfer: it is found only where it was put. */

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import type { ReceivedFile } from "../../control/api.ts";
import { LanxferError } from "../../core/errors.ts";
import type { History } from "./history.ts";
import { hasArrived } from "./history-lines.ts";

const PIECE = 256 * 1024;

/** Throws E_NOT_FOUND for what did not come, what is no file, and what is there no more. */
export async function receivedFile(history: History, transfer: string, item: string): Promise<ReceivedFile> {
  const missing = (cause?: unknown) =>
    new LanxferError("E_NOT_FOUND", { kind: "received file", name: `${transfer}/${item}` }, { cause });
  const [line] = (await history.read({ limit: 1, filter: (each) => each.id === transfer && hasArrived(each) })).history;
  const found = /^\d{1,4}$/.test(item) ? line?.items[Number(item)] : undefined;
  if (found?.path == null || found.type !== "file") throw missing();
  const { path } = found;
  // Whatever has taken its place since: a link is not followed, a FIFO not waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    throw missing(error);
  });
  const stats = await file.stat();
  if (!stats.isFile()) {
    await file.close();
    throw missing();
  }
  return { name: basename(path), bytes: stats.size, content: contentOf(file, stats.size) };
}

/** As many bytes as were announced; throws when the file has become shorter. */
async function* contentOf(file: FileHandle, bytes: number): AsyncGenerator<Uint8Array> {
  try {
    for (let at = 0; at < bytes; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, bytes - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new LanxferError("E_INTERNAL", { text: "the file has become shorter" });
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}
