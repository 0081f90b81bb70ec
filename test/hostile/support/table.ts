/** What attacks have come to, as a table for whoever reads the log. */

import { MiB } from "../../support/sizes.ts";
import type { Siege } from "./arena.ts";

const HEAD = ["attack", "attempts", "what came of them", "descriptors", "memory (MiB)", "CPU", "speed"];

/** Descriptors and memory are those before, at most, and after; CPU is of one core; speed is that of a transfer meanwhile, alone being 1. */
export function tableOf(sieges: readonly Siege[]): string {
  const rows = [HEAD, ...sieges.map(rowOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return `\n${lines.map((line) => `  ${line.trimEnd()}\n`).join("")}\n`;
}

function rowOf({ attack, report, before, peak, after, cpu, speed, seconds }: Siege): string[] {
  const counts = Object.entries(report.counts).map(([what, count]) => `${count} ${what}`);
  const memory = [before, peak, after].map((usage) => (usage.memory / MiB).toFixed(0));
  const descriptors = [before, peak, after].map((usage) => String(usage.descriptors));
  return [
    attack,
    `${report.attempts} in ${seconds.toFixed(0)} s`,
    counts.join(", "),
    descriptors.join(" / "),
    memory.join(" / "),
    `${(cpu * 100).toFixed(0)} %`,
    speed.toFixed(2),
  ];
}
