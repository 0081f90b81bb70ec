/** Tables for people: columns as wide as they need, two spaces between. */

import { measureFor } from "./width.ts";

/** The lines of a table: `header`, then `rows`. Cells are safe to print and have no line breaks. */
export async function table(header: readonly string[], rows: readonly (readonly string[])[]): Promise<string[]> {
  const all = [header, ...rows];
  const measure = await measureFor(all.flat());
  const widths = header.map((_, column) => Math.max(...all.map((row) => measure(row[column] ?? ""))));
  return all.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - measure(cell)))
      .join("  ")
      .trimEnd(),
  );
}
