/** What the process and the machine say of themselves. One of the few places that ask. */

import { lstatSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir, hostname, userInfo } from "node:os";
import { type Places, places } from "../../core/places.ts";
import { readDescriptors } from "./descriptors.ts";

export interface HostFacts {
  readonly places: Places;
  readonly home: string;
  readonly hostname: string;
  /** As Node calls it: `linux`, `darwin`. */
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly umask: number;
  /** The CPU has instructions for AES. */
  readonly aes: boolean;
  /** How many files and sockets this process may have open. */
  readonly descriptors: number;
  readonly pid: number;
  readonly node: string;
}

/** Throws E_USAGE or E_SOCKET for environment variables that cannot be used. */
export async function readHost(): Promise<HostFacts> {
  const uid = process.getuid?.() ?? 0;
  const home = homedir();
  const { platform } = process;
  return {
    places: places(process.env, { platform, uid, user: userName(), home, ownsDirectory: (path) => owns(path, uid) }),
    home,
    hostname: hostname(),
    platform,
    env: process.env,
    uid,
    umask: process.umask(),
    aes: await hasAes(),
    descriptors: await readDescriptors(),
    pid: process.pid,
    node: process.version,
  };
}

/** Undefined for a uid that has no entry in the system's list of users, as in some containers. */
function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

function owns(path: string, uid: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === uid;
}

/** Linux lists the CPU's features; every Mac that runs a supported Node has AES. */
async function hasAes(): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const info = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  return /^(?:flags|Features)\s*:.*\baes\b/m.test(info);
}
