/** What a process uses, as Linux tells it. */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

const SAMPLE_MS = 50;

export interface Usage {
  readonly descriptors: number;
  /** Resident, bytes. */
  readonly memory: number;
}

export function usageOf(pid: number): Usage {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, memory: Number(kilobytes) * 1024 };
}

/** The most of each that it uses until `over`. */
export async function peakOf(pid: number, over: Promise<unknown>): Promise<Usage> {
  let most = usageOf(pid);
  const timer = setInterval(() => {
    if (!existsSync(`/proc/${pid}`)) return clearInterval(timer); // told by whoever needs it
    const { descriptors, memory } = usageOf(pid);
    most = { descriptors: Math.max(most.descriptors, descriptors), memory: Math.max(most.memory, memory) };
  }, SAMPLE_MS);
  try {
    await over;
  } finally {
    clearInterval(timer);
  }
  return most;
}

const TICKS = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Seconds of CPU time so far, in user mode and in the kernel (proc(5), fields 14 and 15). */
export function cpuOf(pid: number): number {
  // The second field, in parentheses, may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
