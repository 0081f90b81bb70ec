/**
 * Which top-level items landed here from whom and under which names: what may be
 * there already when it is offered again. Of folders the journals of their
 * transfers are kept, which know each file in them; their room is bounded.
 * Whether an item still stands as it came is found out elsewhere
 * (transfer/earlier.ts), and what is missing here is sent again, no more.
 */

import { constants } from "node:fs";
import { copyFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { HistoryView, ItemView, TransferView } from "../../control/schema.ts";
import { systemCode } from "../../core/errors.ts";
import { type DeviceId, isDeviceId, isTransferId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { Arrival } from "../../transfer/earlier.ts";

/** Items that are known: about 3 MB of memory. */
const MAX_ITEMS = 10_000;
/** Bytes of all journals that are kept, and of one: about 100,000 files. */
const MAX_JOURNALS = 64 * 1024 * 1024;
const MAX_JOURNAL = MAX_JOURNALS / 2;

type Landed = Pick<TransferView, "id" | "peer" | "items">;

interface Known extends Pick<ItemView, "name" | "type" | "root" | "facts"> {
  readonly peer: string;
  /** Of the transfer. */
  readonly id: string;
}

export class Arrivals {
  readonly #directory: string;
  readonly #log: Log;
  /** By path in the inbox, the oldest first: of what came under one name only the last is there. */
  readonly #known = new Map<string, Known>();
  /** Bytes of the journals that are kept, by file name, the oldest first. */
  readonly #journals = new Map<string, number>();

  /** Journals are kept in `directory`, which is made when there is one. */
  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  /** Takes note of what earlier runs have recorded, the newest first. */
  async load(arrived: readonly HistoryView[]): Promise<void> {
    for (const line of arrived.toReversed()) this.#add(line);
    const names = (await readdir(this.#directory).catch(() => [])).filter(isJournalName);
    const looked = names.map(async (name) => ({ name, stats: await stat(join(this.#directory, name)) }));
    const found = await Promise.all(looked).catch(() => []);
    const order = new Map([...this.#known.values()].map(({ peer, id }, place) => [nameOf(peer, id), place]));
    const placeOf = (name: string) => order.get(name) ?? -1;
    for (const { name, stats } of found.sort((a, b) => placeOf(a.name) - placeOf(b.name))) {
      this.#journals.set(name, stats.size);
    }
  }

  /** A transfer has landed, the journal of which is at `journal`. Never rejects. */
  async add(transfer: Landed, journal: string): Promise<void> {
    const hasFolder = transfer.items.some(({ type, there }) => type === "folder" && !there);
    if (hasFolder) {
      await this.#keep(nameOf(transfer.peer.id, transfer.id), journal).catch((error) => {
        this.#log.warn({ err: error, transfer: transfer.id }, "what came is not known to be there when it comes again");
      });
    }
    this.#add(transfer);
  }

  /** What landed of a device in `inbox` under one of these names, the newest first. */
  find(peer: DeviceId, names: ReadonlySet<string>, inbox: string): Arrival[] {
    const found: Arrival[] = [];
    for (const [path, known] of this.#known) {
      if (known.peer !== peer || !names.has(known.name) || dirname(path) !== inbox) continue;
      const { name, type, root, facts } = known;
      const kept = nameOf(peer, known.id);
      const journal = this.#journals.has(kept) ? join(this.#directory, kept) : null;
      const forget = () => {
        if (this.#known.get(path) === known) this.#known.delete(path);
      };
      found.push({ name, type, as: basename(path), root, facts, journal, forget });
    }
    return found.reverse();
  }

  #add({ id, peer, items }: Landed): void {
    for (const { name, type, path, root, there, facts } of items) {
      if (path === null) continue;
      // What was there is known from when it came, to which its journal belongs; a file without.
      const before = there ? this.#known.get(path) : undefined;
      const known = before ?? { peer: peer.id, id, name, type, root, facts };
      this.#known.delete(path);
      this.#known.set(path, known);
      this.#refresh(nameOf(known.peer, known.id));
    }
    for (const path of this.#known.keys()) {
      if (this.#known.size <= MAX_ITEMS) break;
      this.#known.delete(path);
    }
  }

  /** A journal that is still of use is not the next to go. */
  #refresh(journal: string): void {
    const bytes = this.#journals.get(journal);
    this.#journals.delete(journal);
    if (bytes !== undefined) this.#journals.set(journal, bytes);
  }

  async #keep(name: string, journal: string): Promise<void> {
    const { size } = await stat(journal);
    if (size > MAX_JOURNAL) return;
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await this.#drop(name);
    this.#journals.set(name, size);
    await copyFile(journal, join(this.#directory, name), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    let bytes = [...this.#journals.values()].reduce((sum, each) => sum + each, 0);
    for (const [oldest, freed] of this.#journals) {
      if (bytes <= MAX_JOURNALS) break;
      await this.#drop(oldest);
      bytes -= freed;
    }
  }

  async #drop(name: string): Promise<void> {
    this.#journals.delete(name);
    await rm(join(this.#directory, name)).catch((error) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
  }
}

function nameOf(peer: string, id: string): string {
  return `${peer}.${id}`;
}

function isJournalName(name: string): boolean {
  const [peer, id, ...rest] = name.split(".");
  return isDeviceId(peer) && isTransferId(id) && rest.length === 0;
}
