/**
 * Whose program has the other end of a connection from this machine. Linux lists
 * the user of every TCP socket; elsewhere nobody tells.
 */

import { readFile } from "node:fs/promises";

export interface Connection {
  readonly remotePort?: number | undefined;
  readonly localPort?: number | undefined;
}

/** The uid; undefined where the system does not say. */
export async function ownerOf(connection: Connection): Promise<number | undefined> {
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const owner = ownerIn(await readFile(table, "utf8").catch(() => ""), connection);
    if (owner !== undefined) return owner;
  }
  return undefined;
}

/** A line of the table begins: number, local address, remote address, state, two queues, timer, retransmits, uid. */
export function ownerIn(table: string, { remotePort, localPort }: Connection): number | undefined {
  for (const line of table.split("\n").slice(1)) {
    const [, local, remote, , , , , uid] = line.trim().split(/\s+/);
    // Its own end is our remote one.
    if (portOf(local) === remotePort && portOf(remote) === localPort && uid !== undefined) return Number(uid);
  }
  return undefined;
}

/** `0100007F:1F90` */
function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(":")[1] ?? "", 16);
}
