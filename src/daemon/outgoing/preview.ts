/** What a `send` would send: the same walk over the sources, and nothing else. */

import type { SendRequest } from "../../control/requests.ts";
import type { PreviewLine } from "../../control/schema.ts";
import { assertNever } from "../../core/assert.ts";
import { toLanxferError, toView } from "../../core/errors.ts";
import type { SmallFiles } from "../../transfer/small-files.ts";
import { type Sources, type Walked, walk } from "../../transfer/source.ts";
import type { Recipient } from "./attempt.ts";

/** Never throws: what ends the walk is its last line. `gone` ends it early. */
export async function* preview(
  peer: Recipient,
  { paths, exclude = [] }: SendRequest,
  files: SmallFiles,
  gone: AbortSignal,
): AsyncGenerator<PreviewLine> {
  try {
    yield* lines(peer, { paths, exclude }, files, gone);
  } catch (error) {
    yield { is: "failed", error: toView(toLanxferError(error)) };
  }
}

async function* lines(
  peer: Recipient,
  sources: Sources,
  files: SmallFiles,
  gone: AbortSignal,
): AsyncGenerator<PreviewLine> {
  const counts = { file: 0, folder: 0, skipped: 0, excluded: 0 };
  let bytes = 0;
  for await (const walked of files.throughout(walk(sources, files, gone))) {
    const line = lineOf(walked);
    counts[line.is]++;
    if (line.is === "file") bytes += line.bytes;
    yield line;
  }
  const { file, folder, skipped, excluded } = counts;
  yield { is: "total", peer: { ...peer }, files: file, folders: folder, bytes, skipped, excluded };
}

function lineOf(walked: Walked): Exclude<PreviewLine, { is: "total" | "failed" }> {
  switch (walked.kind) {
    case "entry": {
      const { type, size } = walked.entry;
      const path = walked.entry.path.join("/");
      return type === "file" ? { is: "file", path, bytes: size } : { is: "folder", path };
    }
    case "skipped":
      return { is: "skipped", path: walked.path, reason: walked.reason };
    case "excluded":
      return { is: "excluded", path: walked.path, type: walked.type };
    default:
      return assertNever(walked);
  }
}
