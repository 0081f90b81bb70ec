/**
 * What an incoming transfer has come to, and what its sender and this device
 * have yet to be told of that. Numbers and names only: it decides nothing.
 */

import { batches, type MessageOf } from "./wire.ts";

type Entry = MessageOf<"entry">;
type SavedItem = MessageOf<"saved">["items"][number];

/** What a sender says of a file besides its content; `mtime` in milliseconds since 1970. */
export interface FileFacts {
  readonly size: number;
  readonly mtime: number;
  readonly executable: boolean;
}

export type ReceiverEvent =
  /** Verified and written, in all (bytes). */
  | { readonly type: "moved"; readonly bytes: number }
  /** A top-level item is under its final name; `item` counts from 0. `root` is that of a file. */
  | {
      readonly type: "published";
      readonly item: number;
      readonly name: string;
      readonly as: string;
      readonly root: string | undefined;
      /** It stood there already. */
      readonly there: boolean;
      /** Of a file. */
      readonly facts: FileFacts | undefined;
    }
  /** An inner name had to be changed. */
  | { readonly type: "renamed"; readonly path: string; readonly as: string }
  /** So many of these bytes were here before, from an earlier attempt, in all. */
  | { readonly type: "resumed"; readonly bytes: number }
  /** So many files and bytes of it were here from earlier transfers, in all. */
  | { readonly type: "already"; readonly entries: number; readonly bytes: number }
  /** Everything has come; it is being flushed and published. */
  | { readonly type: "finishing" };

export class IncomingReports {
  readonly #report: (event: ReceiverEvent) => void;
  readonly #unsaved = new Map<number, { readonly entry: Entry; readonly item: number; root?: string }>();
  #saved: SavedItem[] = [];
  #moved = 0;
  #movedReported = 0;
  #resumed = 0;
  readonly #already = { entries: 0, bytes: 0 };
  #published = false;

  constructor(report: (event: ReceiverEvent) => void) {
    this.#report = report;
  }

  /** Bytes that are verified and written. */
  get moved(): number {
    return this.#moved;
  }

  /** A top-level item has got its final name. */
  get hasPublished(): boolean {
    return this.#published;
  }

  /** An entry begins; `item` is which top-level item it is, -1 for an inner one. */
  began(entry: Entry, item: number): void {
    this.#unsaved.set(entry.index, { entry, item });
  }

  /** All content of a file has come. */
  ended(index: number, root: string): void {
    const unsaved = this.#unsaved.get(index);
    if (unsaved !== undefined) unsaved.root = root;
  }

  wrote(bytes: number): void {
    this.#moved += bytes;
  }

  resumed(bytes: number): void {
    if (bytes === 0) return;
    this.#moved += bytes;
    this.#resumed += bytes;
    this.#report({ type: "resumed", bytes: this.#resumed });
  }

  /** A file was here; that its bytes are in their place is told by `wrote`. */
  wasHere(bytes: number): void {
    this.#already.entries++;
    this.#already.bytes += bytes;
    this.#report({ type: "already", ...this.#already });
  }

  finishing(): void {
    this.#report({ type: "finishing" });
  }

  /** An entry is durable; `as` is its name where it is another one, and always that of a top-level item. */
  saved(index: number, as: string | undefined, there = false): void {
    const unsaved = this.#unsaved.get(index);
    if (unsaved === undefined) return;
    this.#unsaved.delete(index);
    const { entry, item, root } = unsaved;
    const { path } = entry;
    const changed = as !== undefined && as !== path.at(-1);
    const isThere = there && item >= 0;
    const optional = { ...(root !== undefined && { root }), ...(changed && { as }), ...(isThere && { there }) };
    this.#saved.push({ index, ...optional });
    if (item >= 0 && as !== undefined) {
      this.#published ||= !there;
      this.#report({ type: "published", item, name: path[0] ?? "", as, root, there, facts: factsOf(entry) });
    } else if (changed) this.#report({ type: "renamed", path: path.join("/"), as });
  }

  /** What the sender has not been told yet. */
  take(): (MessageOf<"progress"> | MessageOf<"saved">)[] {
    const reports: (MessageOf<"progress"> | MessageOf<"saved">)[] = [];
    if (this.#moved !== this.#movedReported) {
      this.#movedReported = this.#moved;
      reports.push({ t: "progress", bytes: this.#moved });
      this.#report({ type: "moved", bytes: this.#moved });
    }
    for (const items of batches(this.#saved)) reports.push({ t: "saved", items });
    this.#saved = [];
    return reports;
  }
}

function factsOf({ type, size, mtime, executable = false }: Entry): FileFacts | undefined {
  return type === "file" ? { size, mtime, executable } : undefined;
}
