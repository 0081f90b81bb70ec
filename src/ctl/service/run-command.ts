/** Runs the programs of the system that manage services. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { LanxferError, systemCode } from "../../core/errors.ts";
import type { Owner } from "./steps.ts";

/** Where those programs are; $PATH may be anybody's. The last is NixOS. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

export interface CommandOptions {
  /** Beside PATH and LANG. */
  readonly env?: Readonly<Record<string, string>>;
  readonly as?: Owner;
  readonly signal: AbortSignal;
  /** Takes each line as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface Outcome {
  readonly ok: boolean;
  readonly stdout: string;
  /** What it complained of, in a line. */
  readonly complaint: string;
}

/** Resolves when the program has ended. Throws E_SERVICE when there is no such program. */
export async function runCommand(command: readonly string[], options: CommandOptions): Promise<Outcome> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    env: { PATH, LANG: "C.UTF-8", ...options.env },
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    signal: options.signal,
    ...(options.as && { uid: options.as.uid, gid: options.as.gid }),
  });
  const out: string[] = [];
  const err: string[] = [];
  createInterface({ input: child.stdout }).on("line", options.onLine ?? ((line) => out.push(line)));
  createInterface({ input: child.stderr }).on("line", (line) => err.push(line));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  }).catch((error) => {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new LanxferError("E_SERVICE", { text: `${program} is missing on this system` }, { cause: error });
  });
  const complaint = err.find((line) => line.trim() !== "") ?? `exit status ${code}`;
  return { ok: code === 0, stdout: out.join("\n"), complaint };
}
