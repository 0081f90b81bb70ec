/** Who holds a port, from the tables of the kernel (proc_net_tcp in the kernel's documentation). Linux only. */

import { readdir, readFile, readlink } from "node:fs/promises";

export interface Holder {
  readonly uid: number;
  /** Undefined for a process of another user: only root sees which it is. */
  readonly process: { readonly pid: number; readonly name: string } | undefined;
}

interface Row {
  readonly uid: number;
  readonly inode: string;
}

const LISTEN = "0A"; // TCP_LISTEN of the kernel

/** Sockets in `table` (the text of /proc/net/tcp and its like) that are bound to `port`; of TCP, those that listen. Pure. */
export function rowsOf(table: string, port: number, isTcp: boolean): Row[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => local.endsWith(`:${hex}`) && (!isTcp || state === LISTEN))
    .map((words) => ({ uid: Number(words[7]), inode: words[9] ?? "" }));
}

/** Resolves to nothing where the kernel does not tell. */
export async function holdersOf(protocol: "tcp" | "udp", port: number): Promise<Holder[]> {
  const tables = [`/proc/net/${protocol}`, `/proc/net/${protocol}6`];
  const texts = await Promise.all(tables.map((path) => readFile(path, "utf8").catch(() => "")));
  const rows = texts.flatMap((text) => rowsOf(text, port, protocol === "tcp"));
  if (rows.length === 0) return [];
  const processes = await processesOf(new Set(rows.map(({ inode }) => inode)));
  const holders = rows.map(({ uid, inode }): Holder => ({ uid, process: processes.get(inode) }));
  return holders.filter(
    (holder, i) => holders.findIndex((other) => keyOf(other) === keyOf(holder)) === i, // a process has many sockets
  );
}

function keyOf({ uid, process }: Holder): string {
  return `${uid} ${process?.pid ?? "?"}`;
}

async function processesOf(inodes: ReadonlySet<string>): Promise<Map<string, { pid: number; name: string }>> {
  const found = new Map<string, { pid: number; name: string }>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []); // another user's, or gone
    for (const fd of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? "";
      if (!inodes.has(inode)) continue;
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "?");
      found.set(inode, { pid: Number(pid), name: name.trim() });
    }
  }
  return found;
}
