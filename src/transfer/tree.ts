/**
 * The entries of one incoming transfer as they become files and folders in
 * staging, and top-level items in the inbox. Entries come depth first
 * (PROTOCOL 4.3), so only the folders on the way to the newest entry are open;
 * a folder is finished when all in it is durable, and the top-level one is then
 * published whole.
 */

import { LanxferError } from "../core/errors.ts";
import { localName } from "../core/names.ts";
import { bytesIn } from "./blocks.ts";
import type { Flusher } from "./flush.ts";
import type { HeldEntry } from "./held.ts";
import { isPublished, Leftovers } from "./leftovers.ts";
import { clampTime, Part } from "./part.ts";
import type { PinnedDir } from "./pinned.ts";
import { firstFree, publishFile, publishFolder } from "./publish.ts";
import type { SmallFiles } from "./small-files.ts";
import { SMALL_PART, SmallPart } from "./small-part.ts";
import type { Staging } from "./staging.ts";
import { MAX_PATH_BYTES, type MessageOf } from "./wire.ts";

type Entry = MessageOf<"entry">;

/** Told when an entry is durable; `as` is set when its name had to be changed, and always for a top-level item. */
export type OnSaved = (index: number, as: string | undefined, top: boolean) => void;

interface Folder {
  /** Its number in the journal. */
  readonly n: number;
  /** The components of its path as the peer said them. */
  readonly path: readonly string[];
  readonly index: number;
  /** None when it was published by an earlier attempt, or is inside one that was. */
  readonly dir: PinnedDir | undefined;
  /** Name on disk; for the top-level folder its name in staging. */
  readonly name: string;
  /** The final name it has already. */
  readonly as: string | undefined;
  readonly mtime: number;
  readonly parent: Folder | undefined;
  /** Entries in it that are not yet durable, plus one while more may come. */
  pending: number;
}

export interface OpenFile {
  /** Its number in the journal. */
  readonly n: number;
  /** What is written to; none when all of it was finished by an earlier attempt. */
  readonly part: Part | SmallPart | undefined;
  /** What is taken up of an earlier attempt. */
  readonly held: HeldEntry | undefined;
  readonly entry: Entry;
  readonly folder: Folder | undefined;
  /** Name in staging, or the one it is to get there. */
  readonly name: string;
}

export class IncomingTree {
  readonly #staging: Staging;
  readonly #leftovers: Leftovers;
  readonly #umask: number;
  readonly #flusher: Flusher;
  readonly #files: SmallFiles | undefined;
  readonly #onSaved: OnSaved;
  /** The folder that the newest entry is in, and through `parent` those around it. */
  #open: Folder | undefined;
  /** Every directory that is open: those, and those that were left but are not durable yet. */
  readonly #directories = new Set<PinnedDir>();
  /** Work that goes on behind the entries; each settles, failures are kept. */
  readonly #running = new Set<Promise<void>>();
  #failure: LanxferError | undefined;
  readonly #finished = { files: 0, bytes: 0 };
  readonly #toError: (error: unknown) => LanxferError;

  /** `files` where there are many, which are then written together. */
  constructor(
    staging: Staging,
    umask: number,
    flusher: Flusher,
    files: SmallFiles | undefined,
    onSaved: OnSaved,
    toError: (error: unknown) => LanxferError,
  ) {
    this.#staging = staging;
    this.#leftovers = new Leftovers(staging.held, staging.journal);
    this.#umask = umask;
    this.#flusher = flusher;
    this.#files = files;
    this.#onSaved = onSaved;
    this.#toError = toError;
  }

  /** Creates the folder of an entry, or opens the one that is held. Throws E_NAME, E_PROTO or what the disk says. */
  async addFolder(entry: Entry): Promise<void> {
    const { parent, dir, name } = this.#place(entry);
    const held = await this.#leftovers.take(entry, dir);
    const { path, index, mtime } = entry;
    if (parent !== undefined) parent.pending++;
    const common = { path, index, mtime, parent, pending: 1 };
    if (held !== undefined) {
      const opened = held.published || dir === undefined ? undefined : await dir.open(held.name);
      if (opened !== undefined) this.#directories.add(opened);
      this.#open = { ...common, n: held.n, dir: opened, name: held.name, as: held.as };
      return;
    }
    if (dir === undefined) throw isPublished();
    let made: PinnedDir | undefined;
    const n = this.#staging.journal.number();
    const as = await firstFree(name ?? String(n), true, async (candidate) => {
      made = await dir.create(candidate, 0o700);
    });
    if (made === undefined) throw new Error("firstFree resolved without an attempt");
    this.#directories.add(made);
    this.#begun(n, as, entry);
    this.#open = { ...common, n, dir: made, name: as, as: undefined };
  }

  /** Creates the file of an entry, or opens what is held of it. Throws E_NAME, E_PROTO or what the disk says. */
  async addFile(entry: Entry): Promise<OpenFile> {
    const { parent, dir, name } = this.#place(entry);
    const held = await this.#leftovers.take(entry, dir);
    const place = { entry, folder: parent, held };
    let file: OpenFile;
    if (held !== undefined) {
      const bytes = bytesIn(held.blocks, entry.size);
      const part = held.finished || dir === undefined ? undefined : await Part.reopen(dir, held.name, bytes);
      file = { ...place, n: held.n, name: held.name, part };
    } else {
      if (dir === undefined) throw isPublished();
      const n = this.#staging.journal.number();
      const part = await this.#newPart(dir, name ?? String(n), entry.size);
      file = { ...place, n, name: part.name, part };
      this.#begun(n, part.name, entry);
    }
    if (parent !== undefined) parent.pending++;
    return file;
  }

  /** Flushes a complete file and publishes it, or what it was the last part of, in the background, but not before `idle`. */
  finishFile(file: OpenFile, root: string, idle?: Promise<void>): Promise<void> {
    return this.#background(async () => {
      await idle;
      const { entry, part, held, folder } = file;
      let { n, name } = file;
      if (part !== undefined) {
        await this.#flushPart(n, part, entry);
        if (part.name !== name) ({ n, name } = this.#renamed(n, part.name, entry));
        this.#staging.journal.add({ t: "finished", n, root });
      }
      this.#finished.files++;
      this.#finished.bytes += entry.size;
      if (folder === undefined) {
        const as = held?.as ?? (await this.#publish(n, name, entry));
        this.#onSaved(entry.index, as, true);
      } else {
        this.#onSaved(entry.index, name === entry.path.at(-1) ? undefined : name, false);
        await this.#settle(folder);
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

  /** Something behind the entries went wrong; the first failure stays. */
  fail(error: unknown): void {
    this.#failure ??= this.#toError(error);
  }

  /** Files that are flushed whole, published or not. */
  get finished(): { readonly files: number; readonly bytes: number } {
    return this.#finished;
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
  #place(entry: Entry): { parent: Folder | undefined; dir: PinnedDir | undefined; name: string | undefined } {
    const bytes = entry.path.reduce((sum, component) => sum + Buffer.byteLength(component) + 1, -1);
    if (bytes > MAX_PATH_BYTES) throw new LanxferError("E_NAME", { text: "the path is too long" });
    const top = entry.path.length === 1;
    const name = localName(entry.path.at(-1) ?? "", top);
    this.#leave(entry.path.slice(0, -1));
    // In staging a top-level part never has a name that the peer chose, but its number.
    if (top) return { parent: undefined, dir: this.#staging.dir, name: undefined };
    const parent = this.#open;
    if (parent === undefined || parent.path.length !== entry.path.length - 1) {
      throw new LanxferError("E_PROTO", { text: "an entry outside of the folders that are open" });
    }
    return { parent, dir: parent.dir, name };
  }

  #begun(n: number, name: string, { path, type, size, mtime, executable }: Entry): void {
    const facts = { path, type, size, mtime, ...(executable !== undefined && { executable }) };
    this.#staging.journal.add({ t: "begun", n, name, facts });
  }

  /** A small part has learnt only now what name is free. */
  #renamed(before: number, name: string, entry: Entry): { n: number; name: string } {
    const { journal } = this.#staging;
    journal.add({ t: "dropped", n: before });
    const n = journal.number();
    this.#begun(n, name, entry);
    return { n, name };
  }

  async #newPart(dir: PinnedDir, name: string, size: number): Promise<Part | SmallPart> {
    const together = this.#files !== undefined && size <= SMALL_PART && dir.fileSystem.whole;
    return together ? new SmallPart(dir, name, this.#files) : Part.create(dir, name);
  }

  async #flushPart(n: number, part: Part | SmallPart, { mtime, executable }: Entry): Promise<void> {
    const mode = (0o666 & ~this.#umask) | (executable === true ? 0o100 : 0);
    try {
      await part.finish({ mtime, mode }, this.#flusher);
    } catch (error) {
      // A flush may say only once what was lost: nothing of this part can be relied on.
      this.#staging.journal.add({ t: "dropped", n });
      throw error;
    }
  }

  /** Gives a complete item its final name. */
  async #publish(n: number, part: string, entry: Pick<Entry, "path" | "type">): Promise<string> {
    const { inbox, dir, journal, durable } = this.#staging;
    await inbox.verify();
    await durable;
    const publish = entry.type === "file" ? publishFile : publishFolder;
    return publish(inbox, dir, part, localName(entry.path[0] ?? "", true), (as, reserved) => {
      journal.add({ t: "publishing", n, as, reserved });
      return journal.sync();
    });
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
    const { dir, path, index, parent, mtime, name } = folder;
    if (dir !== undefined) {
      try {
        await this.#leftovers.removeFrom(path, dir);
        await dir.setAttributes({ mtime: clampTime(mtime), mode: 0o777 & ~this.#umask });
        await dir.flush(this.#flusher);
      } finally {
        this.#directories.delete(dir);
        await dir.close();
      }
    }
    if (parent === undefined) {
      const as = folder.as ?? (await this.#publish(folder.n, name, { path: [...path], type: "folder" }));
      this.#onSaved(index, as, true);
    } else {
      this.#onSaved(index, name === path.at(-1) ? undefined : name, false);
      await this.#settle(parent);
    }
  }

  #background(work: () => Promise<void>): Promise<void> {
    const run = work().catch((error) => this.fail(error));
    this.#running.add(run);
    return run.then(() => void this.#running.delete(run));
  }
}

function isPrefix(prefix: readonly string[], path: readonly string[]): boolean {
  return prefix.length <= path.length && prefix.every((component, i) => component === path[i]);
}
