/**
 * What is taken up of a top-level item that stands in the inbox (earlier.ts). As
 * long as that is all that comes, its entries only gather, since it may turn out
 * that nothing has to be published. With the first that is something else, what
 * has gathered is to be copied, and so is what is taken up from then on.
 */

import { LanxferError } from "../core/errors.ts";
import { DigestList, digestBlock } from "./blocks.ts";
import type { EarlierFile, EarlierItem } from "./earlier.ts";
import type { EarlierBlock, EarlierReader } from "./earlier-reader.ts";
import type { Flusher } from "./flush.ts";
import type { Held } from "./held.ts";
import { keyOf } from "./journal-lines.ts";
import type { Part } from "./part.ts";
import type { MessageOf } from "./wire.ts";

type Entry = MessageOf<"entry">;

/** What stands in the inbox, by name, of a file all versions, the newest first; and how it is read. */
export interface EarlierItems {
  readonly items: Map<string, readonly EarlierItem[]>;
  readonly reader: EarlierReader;
}

/** An entry that is taken up from the inbox, where it has these names. */
export interface Taken {
  readonly entry: Entry;
  readonly names: readonly string[];
  /** Undefined for a folder. */
  readonly file: EarlierFile | undefined;
}

export class Gathering {
  readonly #earlier: EarlierItems;
  readonly #held: Held;
  #standing: EarlierItem | undefined;
  /** Undefined when something else has come. */
  #taken: Taken[] | undefined;

  /** What is `held` of an earlier attempt goes before what stands in the inbox. */
  constructor(earlier: EarlierItems, held: Held) {
    this.#earlier = earlier;
    this.#held = held;
  }

  /** A top-level item begins, after the end of the one before. */
  begin(entry: Entry): void {
    this.#standing = this.#earlier.items.get(entry.path[0] ?? "")?.find((standing) => standing.begins(entry));
    this.#taken = this.#standing && [];
  }

  /** What an entry takes up; undefined when it is to come. */
  take(entry: Entry): Taken | undefined {
    if (this.#standing === undefined || this.#held.has(keyOf(entry.path))) return undefined;
    const file = entry.type === "file" ? this.#standing.takeFile(entry) : undefined;
    const names = entry.type === "file" ? file?.names : this.#standing.takeFolder(entry);
    return names && { entry, names, file };
  }

  /** Whether that is all that has to be done with it for now. */
  gathers(taken: Taken | undefined): boolean {
    if (taken === undefined || this.#taken === undefined) return false;
    this.#taken.push(taken);
    return true;
  }

  /**
   * The entry that was taken last ends with this root. Several files may be alike
   * but for their content: only now is known which is meant, and that one is taken
   * instead. False when there is none.
   */
  ends(file: EarlierFile, root: string): boolean {
    if (file.root === root) return true;
    const entry = this.#taken?.at(-1)?.entry;
    const versions = this.#earlier.items.get(entry?.path[0] ?? "") ?? [];
    const meant = versions.find((one) => entry !== undefined && one.begins(entry) && hasRoot(one, root));
    const instead = entry && meant?.arrival.type === "file" ? meant.takeFile(entry) : undefined;
    if (entry === undefined || instead === undefined) return false;
    this.#standing?.add(file);
    this.#standing = meant;
    this.#taken = [{ entry, names: instead.names, file: instead }];
    return true;
  }

  /** Something else has come: hands over what has gathered. */
  release(): readonly Taken[] {
    const taken = this.#taken ?? [];
    this.#taken = undefined;
    return taken;
  }

  /** Whether nothing of the item that stands is missing in the one that has come. */
  get isWhole(): boolean {
    return this.#standing?.left === 0 && this.#taken !== undefined;
  }

  /**
   * Reads a file in the inbox. Throws E_INTEGRITY when it is not what it was; from
   * then on its item is not told of any more. `part` is where it is to be copied.
   */
  async read(
    file: EarlierFile,
    part: Part | undefined,
    use: (block: EarlierBlock, digest: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const digests = new DigestList();
    try {
      for await (const block of this.#earlier.reader.blocks(file, part)) {
        const digest = digestBlock(block.data);
        digests.push(digest);
        await use(block, digest);
      }
      if (digests.root() !== file.root) throw new LanxferError("E_INTEGRITY");
    } catch (error) {
      if (error instanceof LanxferError && error.code === "E_INTEGRITY") this.#standing?.arrival.forget();
      throw error;
    }
  }

  /** Makes durable what was taken up and stays where it is. Throws E_INTEGRITY for what is gone, or what the disk says. */
  async flush(taken: readonly Taken[], flusher: Flusher): Promise<void> {
    await this.#earlier.reader.flush(
      taken.map(({ names }) => names),
      flusher,
    );
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.#earlier.reader.close();
  }
}

function hasRoot(item: EarlierItem, root: string): boolean {
  for (const file of item.files()) if (file.root === root) return true;
  return false;
}
