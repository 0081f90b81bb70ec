/** Runs checks side by side, each for a bounded time, and keeps their order. It changes nothing. */

import type { Clock } from "../../core/clock.ts";
import { toLanxferError } from "../../core/errors.ts";
import { type Check, type Finding, unchecked } from "./finding.ts";

/** For one check (milliseconds). */
const PATIENCE_MS = 8_000;

/** Never rejects: a check that fails, or hangs, is a finding of its own. */
export async function examine(checks: readonly Check[], clock: Clock): Promise<Finding[]> {
  const found = await Promise.all(checks.map((check) => lookAt(check, clock)));
  return found.flat();
}

async function lookAt({ name, look }: Check, clock: Clock): Promise<Finding[]> {
  const late = new AbortController();
  const stop = clock.after(PATIENCE_MS, () => late.abort());
  const tooLate = new Promise<never>((_, reject) => {
    late.signal.addEventListener("abort", () => reject(new Error(`no answer within ${PATIENCE_MS / 1_000} s`)));
  });
  tooLate.catch(() => {}); // also when nobody waits for it any more
  try {
    const judged = await Promise.race([look(late.signal), tooLate]);
    return judged.map((each) => ({ check: name, ...each }));
  } catch (error) {
    return [{ check: name, ...unchecked(`could not be checked: ${toLanxferError(error).message}`) }];
  } finally {
    stop();
    late.abort();
  }
}
