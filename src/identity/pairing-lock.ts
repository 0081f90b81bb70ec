/**
 * Bounds how often somebody can try to get between two devices that pair by
 * code. Each attempt that fails may have been a chance of one in a million for
 * an attacker; three windows within an hour in which one failed end pairing by
 * code until the user says otherwise. On disk, so that a restart is no way out.
 */

import path from "node:path";
import type { Clock } from "../core/clock.ts";
import { readStateFile, replaceStateFile, syncDirectory } from "./state-file.ts";

const FILE = "pairing.json";
const VERSION = 1;
const MODE = 0o600;
const MOST_FAILURES = 3;
const HOUR = 3_600_000;

export interface PairingLock {
  readonly locked: boolean;
  /** Counts a window that failed. Counts it in any case; rejects with E_STATE when a restart would forget it. */
  failed(): Promise<void>;
  /** Begins to count anew. Rejects with E_STATE when it could not be written; then nothing has changed. */
  unlock(): Promise<void>;
}

interface Failures {
  readonly locked: boolean;
  /** Wall clock, milliseconds since 1970: of failures within the last hour. */
  readonly failures: readonly number[];
}

/** Reads what is kept in `dir`. What cannot be understood is taken for a lock: the user can open it. */
export async function openPairingLock(dir: string, clock: Pick<Clock, "now">): Promise<PairingLock> {
  const file = path.join(dir, FILE);
  const text = await readStateFile(file, { hint: "" }).catch(() => "unreadable");
  let record = text === undefined ? { locked: false, failures: [] } : decode(text);

  // One after another: each is decided on what the one before left.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const write = async (next: Failures): Promise<void> => {
    await replaceStateFile(file, `${JSON.stringify({ version: VERSION, ...next })}\n`, MODE);
    await syncDirectory(dir);
  };

  return {
    get locked() {
      return record.locked;
    },
    failed: () =>
      inTurn(async () => {
        const now = clock.now();
        // What seems to come from the future counts, too: the clock may have been set back.
        const failures = [...record.failures.filter((at) => at > now - HOUR), now].slice(-MOST_FAILURES);
        record = { locked: record.locked || failures.length >= MOST_FAILURES, failures };
        await write(record);
      }),
    unlock: () =>
      inTurn(async () => {
        const open: Failures = { locked: false, failures: [] };
        await write(open);
        record = open;
      }),
  };
}

function decode(text: string): Failures {
  const locked: Failures = { locked: true, failures: [] };
  try {
    const value: Partial<Record<string, unknown>> | null = JSON.parse(text);
    const failures = value?.["failures"];
    if (value?.["version"] !== VERSION || !Array.isArray(failures) || !failures.every(Number.isSafeInteger))
      return locked;
    return { locked: value["locked"] !== false, failures: failures.slice(-MOST_FAILURES) };
  } catch {
    return locked;
  }
}
