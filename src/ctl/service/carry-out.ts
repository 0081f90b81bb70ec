/** Carries out the steps that install or remove a service. */

import { mkdir, rename, rmdir, unlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { assertNever } from "../../core/assert.ts";
import { LanxferError, systemCode } from "../../core/errors.ts";
import type { Outcome } from "./run-command.ts";
import type { Owner, Step } from "./steps.ts";

export type Run = (command: readonly string[], as?: Owner) => Promise<Outcome>;

/** Throws E_SERVICE for what did not succeed; what was done before it stays. */
export async function carryOut(steps: readonly Step[], run: Run): Promise<void> {
  for (const step of steps) {
    switch (step.do) {
      case "write":
        await onFile(step.path, () => replace(step.path, step.text));
        break;
      case "remove":
        await onFile(step.path, () => remove(step.path));
        break;
      case "run": {
        const { ok, complaint } = await run(step.command, step.as);
        if (!ok && step.mayFail !== true) {
          throw new LanxferError("E_SERVICE", { text: `${step.command.join(" ")}: ${complaint}` });
        }
        break;
      }
      default:
        assertNever(step);
    }
  }
}

async function onFile(path: string, change: () => Promise<void>): Promise<void> {
  try {
    await change();
  } catch (error) {
    throw new LanxferError("E_SERVICE", { text: `cannot write ${path}: ${systemCode(error)}` }, { cause: error });
  }
}

/** Whole or not at all: the manager may read it at any time. */
async function replace(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFile(`${path}.new`, text, { mode: 0o644 });
  await rename(`${path}.new`, path);
}

async function remove(path: string): Promise<void> {
  await unlink(path);
  if (dirname(path).endsWith(".d")) await rmdir(dirname(path)).catch(() => {}); // others may have files there
}
