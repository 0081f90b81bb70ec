/** A directory of a test's own, and what is in it. */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach } from "vitest";
import { LanxferError } from "../../../../src/core/errors.ts";

/** The user that runs the tests. */
export const uid = process.getuid?.() ?? 0;

/** Call in a suite: gives each test fresh directories (0700) and removes them after it. */
export function directories(): () => Promise<string> {
  const made: string[] = [];
  afterEach(async () => {
    for (const dir of made.splice(0)) await rm(dir, { recursive: true, force: true });
  });
  return async () => {
    const dir = await mkdtemp(path.join(tmpdir(), "lanxfer-identity-"));
    made.push(dir);
    return dir;
  };
}

/** Sorted, so that leftovers show. */
export async function listing(dir: string): Promise<string[]> {
  return (await readdir(dir)).sort();
}

/** The error that `work` rejects with; fails the test when it is not one of ours. */
export async function failure(work: Promise<unknown>): Promise<LanxferError> {
  const error = await work.then(
    () => new Error("nothing went wrong"),
    (reason: unknown) => reason,
  );
  if (error instanceof LanxferError) return error;
  throw error;
}
