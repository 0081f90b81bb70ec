/**
 * What earlier attempts have left, as the entries of this one come in: taken up,
 * or removed to make room for what comes instead.
 */

import { rm } from "node:fs/promises";
import { LanxferError } from "../core/errors.ts";
import type { Held, HeldEntry } from "./held.ts";
import type { Journal } from "./journal.ts";
import { keyOf } from "./journal-lines.ts";
import type { PinnedDir } from "./pinned.ts";
import type { MessageOf } from "./wire.ts";

type Entry = MessageOf<"entry">;

export class Leftovers {
  readonly #journal: Journal;
  /** What no entry has asked for yet: by the key of the folder around it, then by its own. */
  readonly #inside = new Map<string, Map<string, HeldEntry>>();

  constructor(held: Held, journal: Journal) {
    this.#journal = journal;
    for (const [key, entry] of held) {
      const folder = keyOf(entry.facts.path.slice(0, -1));
      const siblings = this.#inside.get(folder) ?? new Map<string, HeldEntry>();
      this.#inside.set(folder, siblings.set(key, entry));
    }
  }

  /**
   * What is held of this entry, if it takes that up; otherwise that is forgotten
   * and removed from `dir`. Throws E_PROTO for what may not be taken up or sent
   * again (PROTOCOL 4.9).
   */
  async take(entry: Entry, dir: PinnedDir | undefined): Promise<HeldEntry | undefined> {
    const siblings = this.#inside.get(keyOf(entry.path.slice(0, -1)));
    const key = keyOf(entry.path);
    const held = siblings?.get(key);
    if (entry.held !== undefined && (held === undefined || !takesUp(entry, held))) {
      throw new LanxferError("E_PROTO", { text: "takes up what is not here" });
    }
    if (held === undefined) return undefined;
    if (held.published && entry.held === undefined) throw isPublished();
    siblings?.delete(key);
    // A staged folder is gone on with, whatever is said of it: what is in it counts.
    if (entry.held !== undefined || (entry.type === "folder" && held.facts.type === "folder")) return held;
    // Durable first: a crash must not leave a claim on what is not there.
    this.#journal.add({ t: "dropped", n: held.n });
    await this.#journal.sync();
    if (dir !== undefined) await rm(dir.path(held.name), { recursive: true, force: true });
    return undefined;
  }

  /** Removes what was in a folder and has not come again. */
  async removeFrom(path: readonly string[], dir: PinnedDir): Promise<void> {
    const key = keyOf(path);
    for (const { name } of this.#inside.get(key)?.values() ?? []) {
      await rm(dir.path(name), { recursive: true, force: true });
    }
    this.#inside.delete(key);
  }
}

/** What a sender must not do: send again what is under its final name, or add to it. */
export function isPublished(): LanxferError {
  return new LanxferError("E_PROTO", { text: "sends again what is published" });
}

/** Whether an entry takes up just what is here. */
export function takesUp(
  entry: Entry,
  { facts, blocks, published }: Pick<HeldEntry, "facts" | "blocks" | "published">,
): boolean {
  return (
    blocks === entry.held &&
    facts.type === entry.type &&
    facts.size === entry.size &&
    facts.mtime === entry.mtime &&
    (facts.executable ?? false) === (entry.executable ?? false) &&
    (entry.type === "file" || published)
  );
}
