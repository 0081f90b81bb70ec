/**
 * The entries of a walk with their content, in order, and ahead of the wire:
 * while some small files are sent the next ones are read, many at a time.
 */

import { mapAhead } from "../core/ahead.ts";
import { factsOf, inMemory, isSmall, type Prepared, prepare, readError, type Supply, unread } from "./content.ts";
import { BATCH_CONTENT, BATCH_FILES, MANY, type SmallFiles } from "./small-files.ts";
import type { SourceEntry, Walked } from "./source.ts";

/** Batches of small files in memory, the one that is being sent apart. */
const AHEAD = 2;
/** Entries that wait for a batch to be full, with folders and what is not to be read. */
const GATHERED = 256;

export interface Reading extends Supply {
  readonly files: SmallFiles;
  /** Whether the content of an entry will be asked for. */
  readonly wanted: (entry: SourceEntry) => boolean;
}

export async function* readAhead(walk: AsyncIterable<Walked>, reading: Reading): AsyncGenerator<Prepared, void> {
  const batches = mapAhead(gather(walk, reading), AHEAD, (batch) => prepareAll(batch, reading));
  for await (const batch of batches) yield* batch;
}

/** What is skipped or excluded was reported when the sources were measured. */
async function* gather(walk: AsyncIterable<Walked>, { wanted }: Reading): AsyncGenerator<SourceEntry[], void> {
  let batch: SourceEntry[] = [];
  let files = 0;
  let bytes = 0;
  for await (const walked of walk) {
    if (walked.kind !== "entry") continue;
    const { entry } = walked;
    batch.push(entry);
    const small = isSmall(entry);
    if (small && wanted(entry)) {
      files++;
      bytes += entry.size;
    }
    // A large file takes long enough by itself: nothing in front of it waits.
    const large = entry.type === "file" && !small;
    if (!large && files < BATCH_FILES && bytes < BATCH_CONTENT && batch.length < GATHERED) continue;
    yield batch;
    batch = [];
    files = bytes = 0;
  }
  yield batch;
}

async function prepareAll(entries: readonly SourceEntry[], reading: Reading): Promise<Prepared[]> {
  const { wanted } = reading;
  const small = entries.filter((entry) => isSmall(entry) && wanted(entry));
  if (small.length < MANY) {
    return Promise.all(entries.map((entry) => (wanted(entry) ? prepare(entry, reading) : unread(entry, reading))));
  }
  const contents = await readTogether(small, reading);
  const read = new Map(small.map((entry, i) => [entry, contents[i]]));
  return entries.map((entry) => {
    const content = read.get(entry);
    if (content === undefined) return unread(entry, reading);
    return inMemory(entry, content instanceof Error ? readError(content, entry) : content);
  });
}

async function readTogether(
  small: readonly SourceEntry[],
  { files, shared }: Reading,
): Promise<readonly (Buffer | Error)[]> {
  if (shared === undefined) return files.read(small);
  const contents = await shared.once(small.map(factsOf).join("\0"), () => files.read(small));
  // Copies: each transfer writes its own numbers in front of them.
  return contents.map((content) => (content instanceof Error ? content : Buffer.from(content)));
}
