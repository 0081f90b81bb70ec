/** Finds the daemon of this user, and gives one that is just starting a moment. */

import { lstatSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import type { Clock } from "../core/clock.ts";
import { LanxferError, systemCode } from "../core/errors.ts";

const PATIENCE = 1_000; // ms: a daemon needs about 300 from its start to its socket
const INTERVAL = 50;
const PASSING = new Set(["ENOENT", "ECONNREFUSED", "EAGAIN"]); // not there yet, left behind by a dead one, or overrun

/** Whether `path` is a directory of the user `uid`, and not a link to one. */
export function ownsDirectory(path: string, uid: number): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === uid;
}

/** Undefined for a uid that has no entry in the system's list of users, as in some containers. */
export function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/**
 * Resolves when somebody listens at `socket`. Tries again for a second while it
 * looks as if a daemon were starting: its directory is there, its socket not
 * yet. Throws E_DAEMON_DOWN, or E_SOCKET when the socket is out of reach.
 */
export async function waitForDaemon(socket: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const deadline = clock.monotonic() + PATIENCE;
  for (;;) {
    const problem = await knock(socket);
    if (problem === undefined) return;
    if (!PASSING.has(systemCode(problem) ?? "")) {
      throw new LanxferError("E_SOCKET", { path: dirname(socket), text: problem.message }, { cause: problem });
    }
    const mayBeStarting = lstatSync(dirname(socket), { throwIfNoEntry: false }) !== undefined;
    if (!mayBeStarting || clock.monotonic() >= deadline)
      throw new LanxferError("E_DAEMON_DOWN", {}, { cause: problem });
    await clock.sleep(INTERVAL, signal);
  }
}

/** What stops us from connecting, if anything does. */
function knock(socket: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve(undefined);
    });
    connection.on("error", resolve);
  });
}
