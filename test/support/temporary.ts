/** Directories of a test's own, and rights that a test gives up for a while. */

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach } from "vitest";

/** Call in a suite: each call of the result makes a directory (0700) that is removed after the test. */
export function temporaryDirectories(): () => Promise<string> {
  const made: string[] = [];
  afterEach(async () => {
    for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
  });
  return async () => {
    const directory = await mkdtemp(path.join(tmpdir(), "lanxfer-test-"));
    made.push(directory);
    return directory;
  };
}

const NOBODY = 65_534;

/**
 * Runs `work` without the power of root to open everything, where tests run as
 * root. `directory` is what it may still reach.
 */
export async function unprivileged<T>(directory: string, work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  await chmod(directory, 0o755);
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
