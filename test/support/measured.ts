/**
 * Measured times beside what is promised, for whoever reads the log: a line each
 * as they come, and all of them as a table when the suites that measure have
 * ended (the exports setup and teardown are Vitest's). It asserts nothing.
 */

import { appendFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";

const FILE = "build/measured.jsonl";

interface Row {
  readonly what: string;
  readonly ms: number;
  readonly promise: string;
}

export function measured(what: string, ms: number, promise: string): void {
  process.stderr.write(`  ${what}: ${formatted(ms)} (${promise})\n`);
  mkdirSync("build", { recursive: true });
  appendFileSync(FILE, `${JSON.stringify({ what, ms, promise } satisfies Row)}\n`);
}

export function setup(): void {
  rmSync(FILE, { force: true });
}

export function teardown(): void {
  const rows = readRows();
  if (rows.length === 0) return;
  const [what, ms] = [Math.max(...rows.map((row) => row.what.length)), 8];
  const lines = rows.map((row) => `  ${row.what.padEnd(what)}  ${formatted(row.ms).padStart(ms)}  ${row.promise}`);
  process.stderr.write(`\nmeasured:\n${lines.join("\n")}\n`);
}

function readRows(): Row[] {
  try {
    const lines = readFileSync(FILE, "utf8").split("\n").filter(Boolean);
    return lines.map((line): Row => JSON.parse(line)); // our own lines
  } catch {
    return []; // no suite has measured anything
  }
}

function formatted(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}
