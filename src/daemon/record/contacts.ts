/**
 * Where devices can be found when multicast does not tell: addresses that the
 * user gave (`peers add`) and the last addresses of each paired device. Hints like
 * any other: the key that answers decides.
 */

import { lstat, readFile, rename } from "node:fs/promises";
import { z } from "zod";
import { LanxferError, systemCode } from "../../core/errors.ts";
import { type DeviceId, isDeviceId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { replaceStateFile } from "../../identity/state-file.ts";

const place = z.object({ host: z.string().min(1).max(253), port: z.number().int().min(1).max(65_535) });
export type Place = z.infer<typeof place>;

/** A device that moves between networks has one on each of them. */
const MAX_KNOWN = 4;
const MAX_ADDED = 256;

const fileSchema = z.object({
  v: z.literal(1),
  added: z.record(z.string().min(1).max(255), place),
  /** The newest first. The first versions kept one. */
  known: z.record(z.custom<DeviceId>(isDeviceId), z.union([place.transform((one) => [one]), z.array(place)])),
});
type File = z.infer<typeof fileSchema>;

export class Contacts {
  readonly #path: string;
  #file: File;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, file: File) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * A file that cannot be read is worth a warning, not a refusal: it only saves
   * time. It is kept, as it may be one of a newer version, with addresses that the
   * user gave. Throws E_STATE when that is not possible.
   */
  static async open(path: string, log: Log): Promise<Contacts> {
    const empty: File = { v: 1, added: {}, known: {} };
    try {
      return new Contacts(path, fileSchema.parse(JSON.parse(await readFile(path, "utf8"))));
    } catch (error) {
      if (systemCode(error) !== "ENOENT") {
        const kept = await putAside(path);
        log.warn({ error: String(error), kept }, "address book not readable, starting a new one");
      }
      return new Contacts(path, empty);
    }
  }

  added(): [name: string, place: Place][] {
    return Object.entries(this.#file.added);
  }

  /** The newest first. */
  known(): [id: DeviceId, places: Place[]][] {
    return Object.entries(this.#file.known) as [DeviceId, Place[]][]; // keys were checked by the schema
  }

  /** Where a paired device was last; undefined when it was never met. */
  last(id: DeviceId): Place | undefined {
    return this.#file.known[id]?.[0];
  }

  /** Resolves when it is on the disk. Throws E_USAGE when there are too many. */
  async add(name: string, at: Place): Promise<void> {
    const added = { ...this.#file.added, [name]: at };
    if (Object.keys(added).length > MAX_ADDED)
      throw new LanxferError("E_USAGE", { text: `more than ${MAX_ADDED} addresses` });
    await this.#write({ ...this.#file, added });
  }

  /** Throws E_NOT_FOUND. */
  async remove(name: string): Promise<void> {
    if (!Object.hasOwn(this.#file.added, name)) throw new LanxferError("E_NOT_FOUND", { kind: "added peer", name });
    const { [name]: _, ...added } = this.#file.added;
    await this.#write({ ...this.#file, added });
  }

  /** The device that was last met where the user said that `name` is. */
  deviceAt(name: string): DeviceId | undefined {
    const at = Object.hasOwn(this.#file.added, name) ? this.#file.added[name] : undefined;
    return at && this.known().find(([, [last]]) => last !== undefined && isSame(last, at))?.[0];
  }

  /** Remembers where a paired device was met. */
  async met(id: DeviceId, at: Place): Promise<void> {
    const others = (this.#file.known[id] ?? []).filter((other) => !isSame(other, at));
    const places = [at, ...others].slice(0, MAX_KNOWN);
    await this.#write({ ...this.#file, known: { ...this.#file.known, [id]: places } });
  }

  async forget(id: DeviceId): Promise<void> {
    const { [id]: _, ...known } = this.#file.known;
    await this.#write({ ...this.#file, known });
  }

  #write(file: File): Promise<void> {
    this.#file = file;
    const write = this.#writing.then(() => replaceStateFile(this.#path, JSON.stringify(this.#file, null, 2), 0o600));
    this.#writing = write.catch(() => {});
    return write;
  }
}

function isSame(a: Place, b: Place): boolean {
  return a.host === b.host && a.port === b.port;
}

/** Resolves to where it is now: its time makes the name its own. */
async function putAside(path: string): Promise<string> {
  try {
    const { mtimeMs } = await lstat(path);
    const kept = `${path}.${Math.floor(mtimeMs)}`;
    await rename(path, kept);
    return kept;
  } catch (error) {
    throw new LanxferError("E_STATE", { path, text: systemCode(error) ?? String(error) }, { cause: error });
  }
}
