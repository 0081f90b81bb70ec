/**
 * Knocks again where the door was shut before a word was said. A device that is
 * beset by strangers closes connections that it cannot tell apart before it has
 * seen whose they are; the next one may be let in.
 */

import type { Clock } from "../../core/clock.ts";
import { type LanxferError, systemCode, toLanxferError } from "../../core/errors.ts";

/** Between two attempts (milliseconds): a crowd is renewed in less. */
const AGAIN_MS = 100;
/** For all of them. Something else may listen there and close whatever it does not know. */
const INSIST_MS = 3_000;

/** Resolves and rejects as the last `attempt` to come to a greeting does. Aborting `signal` ends it. */
export async function insist<T>(attempt: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  const end = clock.monotonic() + INSIST_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!wasShut(toLanxferError(error)) || clock.monotonic() >= end) throw error;
    }
    await clock.sleep(AGAIN_MS, signal);
  }
}

/** In the handshake, or after ours and before the other end had judged it. */
function wasShut({ code, cause }: LanxferError): boolean {
  return code === "E_LOST" || (code === "E_UNREACHABLE" && systemCode(cause) === "ECONNRESET");
}
