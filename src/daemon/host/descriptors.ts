/**
 * How many files and sockets a process may have open, and who gets how many of
 * them. A system that has none left refuses everything alike: the connection of
 * a paired device, the control socket, the part of a transfer that is under way.
 * So nobody may take so many that the others have none.
 */

import { readFile } from "node:fs/promises";

/** What systems allow at least when Node has raised its own limit as far as it may. */
const USUAL = 1_024;

/** What any number of strangers, and any number of our user's programs, may have open at most. */
const MOST_STRANGERS = 256;
const MOST_CONTROL = 256;
/** About what a transfer needs: a connection, a part, its journal, the folders around it. */
const OF_TRANSFER = 4;

export interface Shares {
  /** Connections before we know whose they are. */
  readonly strangers: number;
  /** Connections to the control socket. */
  readonly control: number;
  /** Transfers received at the same time. */
  readonly transfers: number;
}

/** A quarter for strangers, a quarter for our user, half for what this program is there for. */
export function sharesOf(descriptors: number): Shares {
  const quarter = Math.floor(descriptors / 4);
  return {
    strangers: Math.min(MOST_STRANGERS, quarter),
    control: Math.min(MOST_CONTROL, quarter),
    transfers: Math.max(1, Math.floor((2 * quarter) / OF_TRANSFER)),
  };
}

/** Asks the system, where it tells (Linux). */
export async function readDescriptors(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? USUAL);
}
