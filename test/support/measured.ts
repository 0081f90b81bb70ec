/**
 * What was measured, mostly times, beside what is promised, for whoever reads the log: a line each
 * as they come, and all of them as a table when the suites that measure have
 * ended (the exports setup and teardown are Vitest's). It asserts nothing.
 */

import { appendFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";

const FILE = "build/measured.jsonl";

interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly promise: string;
}

export function measured(what: string, value: number, promise: string, unit = "ms"): void {
  const row: Row = { what, value, unit, promise };
  process.stderr.write(`  ${what}: ${formatted(row)} (${promise})\n`);
  mkdirSync("build", { recursive: true });
  appendFileSync(FILE, `${JSON.stringify(row)}\n`);
}

export function setup(): void {
  rmSync(FILE, { force: true });
}

export function teardown(): void {
  const rows = readRows();
  if (rows.length === 0) return;
  const [what, value] = [Math.max(...rows.map((row) => row.what.length)), 8];
  const lines = rows.map((row) => `  ${row.what.padEnd(what)}  ${formatted(row).padStart(value)}  ${row.promise}`);
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

function formatted({ value: exact, unit }: Row): string {
  const value = Math.max(0, exact); // what is seen before a daemon says that it is ready
  const digits = value < 1 ? 2 : value < 10 ? 1 : 0;
  return `${Number.isInteger(value) ? value : value.toFixed(digits)} ${unit}`;
}
