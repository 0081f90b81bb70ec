/**
 * What of the sandbox that the units ask for is really there. A service manager
 * leaves out what the system does not allow (user namespaces, mostly) without
 * saying so, and a daemon that was started by hand has none.
 */

import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { sep } from "node:path";
import type { StatusView } from "../../control/schema.ts";

export type Sandbox = StatusView["sandbox"];

/** Where everybody, or at least the user, may write when there is no sandbox. */
const COMMON = ["/tmp", "/var/tmp", "/dev/shm", "/run/lock"];

/** `full`: system calls are filtered, and nothing can be written but what lies below `ours`. */
export async function probeSandbox(home: string, ours: readonly string[]): Promise<Sandbox> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  if (!hasFilter(status)) return "none";
  const isOurs = (place: string) => ours.some((path) => place === path || place.startsWith(`${path}${sep}`));
  for (const place of [home, ...COMMON]) if (!isOurs(place) && (await isWritable(place))) return "seccomp only";
  return "full";
}

/** proc_pid_status(5): mode 2 is a filter. Pure. */
export function hasFilter(status: string): boolean {
  return /^Seccomp:\s*2$/m.test(status);
}

/** access(2) says EROFS before it looks at rights, so this also tells the truth to root. */
function isWritable(place: string): Promise<boolean> {
  return access(place, constants.W_OK).then(
    () => true,
    () => false,
  );
}
