/**
 * What a crash left between the steps of a publication (publish.ts): finished or
 * undone, so that a name in the inbox always stands for a complete item.
 */

import type { Stats } from "node:fs";
import { lstat, rmdir, unlink } from "node:fs/promises";
import { systemCode } from "../core/errors.ts";
import type { JournalRecord } from "./journal-lines.ts";
import type { PinnedDir } from "./pinned.ts";

/**
 * Finds out which items that were about to be published are. Undoes a name that
 * was only reserved, and takes note in `record` of what is not published.
 * Killed between link and unlink, part and final are one file with two names:
 * that is published.
 */
export async function settlePublishing(record: JournalRecord, inbox: PinnedDir, staged: PinnedDir): Promise<void> {
  for (const recorded of record.entries.values()) {
    const { publishing, facts, name } = recorded;
    if (publishing === undefined) continue;
    const part = await statsOf(staged.path(name));
    // Only its publication takes a complete part out of staging. Where the final
    // one is now is its owner's business.
    if (part === undefined) continue;
    const final = inbox.path(publishing.as);
    const there = await statsOf(final);
    if (facts.type === "file" && there?.ino === part.ino && there.dev === part.dev) {
      await unlink(staged.path(name));
      continue;
    }
    if (publishing.reserved && there !== undefined) {
      if (facts.type === "folder")
        await rmdir(final).catch(() => {}); // fails if there is something in it
      else if (there.isFile() && there.size === 0) await unlink(final);
    }
    recorded.publishing = undefined;
  }
}

/** Undefined when there is nothing. */
export async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
