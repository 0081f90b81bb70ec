/**
 * The entries of one incoming transfer as they become files and folders in
 * staging, and top-level items in the inbox. Entries come depth first
 * (PROTOCOL 4.3), so only the folders on the way to the newest entry are open;
 * a folder is finished when all in it is durable, and the top-level one is then
 * published whole.
 */

import { LanxferError } from "../core/errors.ts";
import { localName } from "../core/names.ts";
import type { Flusher } from "./flush.ts";
import { clampTime, Part } from "./part.ts";
import type { PinnedDir } from "./pinned.ts";
import { firstFree, publishFile, publishFolder } from "./publish.ts";
import type { Staging } from "./staging.ts";
import { MAX_PATH_BYTES, type MessageOf } from "./wire.ts";

type Entry = MessageOf<"entry">;

/** Told when an entry is durable; `as` is set when its name had to be changed, and always for a top-level item. */
export type OnSaved = (index: number, as: string | undefined, top: boolean) => void;

interface Folder {
  /** The components of its path as the peer said them. */
  readonly path: readonly string[];
  readonly index: number;
  readonly dir: PinnedDir;
  /** Name on disk; for the top-level folder its name in staging. */
  readonly name: string;
  readonly changed: boolean;
  readonly mtime: number;
  readonly parent: Folder | undefined;
  /** Entries in it that are not yet durable, plus one while more may come. */
  pending: number;
}

export interface OpenFile {
  readonly part: Part;
  readonly entry: Entry;
  readonly folder: Folder | undefined;
  readonly changed: boolean;
}

export class IncomingTree {
  readonly #staging: Staging;
  readonly #umask: number;
  readonly #flusher: Flusher;
  readonly #onSaved: OnSaved;
  /** The folder that the newest entry is in, and through `parent` those around it. */
  #open: Folder | undefined;
  /** Every directory that is open: those, and those that were left but are not durable yet. */
  readonly #directories = new Set<PinnedDir>();
  /** Work that goes on behind the entries; each settles, failures are kept. */
  readonly #running = new Set<Promise<void>>();
  #failure: LanxferError | undefined;
  readonly #toError: (error: unknown) => LanxferError;

  constructor(
    staging: Staging,
    umask: number,
    flusher: Flusher,
    onSaved: OnSaved,
    toError: (error: unknown) => LanxferError,
  ) {
    this.#staging = staging;
    this.#umask = umask;
    this.#flusher = flusher;
    this.#onSaved = onSaved;
    this.#toError = toError;
  }

  /** Creates the folder of an entry. Throws E_NAME, E_PROTO or what the disk says. */
  async addFolder(entry: Entry): Promise<void> {
    const { parent, dir, name } = this.#place(entry);
    let made: PinnedDir | undefined;
    const as = await firstFree(name, true, async (candidate) => {
      made = await dir.create(candidate, 0o700);
    });
    if (made === undefined) throw new Error("firstFree resolved without an attempt");
    this.#directories.add(made);
    if (parent !== undefined) parent.pending++;
    const { path, index, mtime } = entry;
    this.#open = { path, index, dir: made, name: as, changed: as !== path.at(-1), mtime, parent, pending: 1 };
  }

  /** Creates the file of an entry. Throws E_NAME, E_PROTO or what the disk says. */
  async addFile(entry: Entry): Promise<OpenFile> {
    const { parent, dir, name } = this.#place(entry);
    const part = await Part.create(dir, name);
    if (parent !== undefined) parent.pending++;
    return { part, entry, folder: parent, changed: part.name !== entry.path.at(-1) };
  }

  /** Flushes a complete file and publishes it, or what it was the last part of, in the background. */
  finishFile(file: OpenFile): Promise<void> {
    return this.#background(async () => {
      const mode = (0o666 & ~this.#umask) | (file.entry.executable === true ? 0o100 : 0);
      await file.part.finish({ mtime: file.entry.mtime, mode }, this.#flusher);
      if (file.folder === undefined) {
        await this.#staging.inbox.verify();
        const name = localName(file.entry.path[0] ?? "", true);
        const as = await publishFile(this.#staging.inbox, this.#staging.dir, file.part.name, name);
        this.#onSaved(file.entry.index, as, true);
      } else {
        this.#onSaved(file.entry.index, file.changed ? file.part.name : undefined, false);
        await this.#settle(file.folder);
      }
    });
  }

  /** No more entries: resolves when everything is published. Rejects with the first failure. */
  async finish(): Promise<void> {
    this.#leave([]);
    await this.settled();
    this.throwIfFailed();
  }

  /** Waits for the background, whatever comes of it. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Closes what is open. The staged files go with the staging directory. Never rejects. */
  async abandon(): Promise<void> {
    await this.settled();
    this.#open = undefined;
    for (const dir of this.#directories) await dir.close().catch(() => {});
    this.#directories.clear();
  }

  /** Finds the open folder that an entry belongs to and its name there, and leaves those it is no longer in. */
  #place(entry: Entry): { parent: Folder | undefined; dir: PinnedDir; name: string } {
    const bytes = entry.path.reduce((sum, component) => sum + Buffer.byteLength(component) + 1, -1);
    if (bytes > MAX_PATH_BYTES) throw new LanxferError("E_NAME", { text: "the path is too long" });
    const top = entry.path.length === 1;
    const name = localName(entry.path.at(-1) ?? "", top);
    this.#leave(entry.path.slice(0, -1));
    // In staging a top-level part never has a name that the peer chose.
    if (top) return { parent: undefined, dir: this.#staging.dir, name: String(entry.index) };
    const parent = this.#open;
    if (parent === undefined || parent.path.length !== entry.path.length - 1) {
      throw new LanxferError("E_PROTO", { text: "an entry outside of the folders that are open" });
    }
    return { parent, dir: parent.dir, name };
  }

  /** Leaves open folders until the newest is `path` or one around it. */
  #leave(path: readonly string[]): void {
    while (this.#open !== undefined && !isPrefix(this.#open.path, path)) {
      const left = this.#open;
      this.#open = left.parent;
      void this.#background(() => this.#settle(left));
    }
  }

  /** One thing less to wait for in `folder`; the last one makes it durable. */
  async #settle(folder: Folder): Promise<void> {
    if (--folder.pending > 0) return;
    try {
      await folder.dir.setAttributes({ mtime: clampTime(folder.mtime), mode: 0o777 & ~this.#umask });
      await folder.dir.flush(this.#flusher);
    } finally {
      this.#directories.delete(folder.dir);
      await folder.dir.close();
    }
    if (folder.parent === undefined) {
      await this.#staging.inbox.verify();
      const name = localName(folder.path[0] ?? "", true);
      const as = await publishFolder(this.#staging.inbox, this.#staging.dir, folder.name, name);
      this.#onSaved(folder.index, as, true);
    } else {
      this.#onSaved(folder.index, folder.changed ? folder.name : undefined, false);
      await this.#settle(folder.parent);
    }
  }

  #background(work: () => Promise<void>): Promise<void> {
    const run = work().catch((error) => {
      this.#failure ??= this.#toError(error);
    });
    this.#running.add(run);
    return run.then(() => void this.#running.delete(run));
  }
}

function isPrefix(prefix: readonly string[], path: readonly string[]): boolean {
  return prefix.length <= path.length && prefix.every((component, i) => component === path[i]);
}
