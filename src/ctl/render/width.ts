/** How many columns a text takes on a terminal. The only importer of string-width. */

export type Measure = (text: string) => number;

/** A measure that is right for any text. string-width takes 25 ms to load, half as long as Node itself. */
export async function fullMeasure(): Promise<Measure> {
  return (await import("string-width")).default;
}

/** A measure that is right for `texts`; plain ASCII needs no library. */
export async function measureFor(texts: Iterable<string>): Promise<Measure> {
  for (const text of texts) if (!/^[\x20-\x7e]*$/.test(text)) return await fullMeasure();
  return plainMeasure;
}

/** Right for ASCII. */
export const plainMeasure: Measure = (text) => text.length;

/** `text`, cut to `columns` with an ellipsis where it is longer. */
export function clip(text: string, columns: number, measure: Measure): string {
  if (measure(text) <= columns) return text;
  let cut = "";
  for (const char of text) {
    if (measure(cut + char) > columns - 1) break;
    cut += char;
  }
  return columns > 0 ? `${cut}…` : "";
}
