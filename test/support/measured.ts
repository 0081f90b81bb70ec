/** Prints a measured time beside what is promised, for whoever reads the log; it asserts nothing. */
export function measured(what: string, ms: number, promise: string): void {
  process.stderr.write(`  ${what}: ${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms (${promise})\n`);
}
