/**
 * A QR code as lines of text, two modules above each other in one character. The
 * only importer of uqr, which is loaded only when there is a code to draw.
 */

/** Modules left free on each side (ISO/IEC 18004 section 6.3.8): without them a reader does not find the code. */
const QUIET_ZONE = 4;

/** By what of the upper and the lower module has ink. */
const BLOCKS = { none: " ", upper: "▀", lower: "▄", both: "█" } as const;

/**
 * Lines of equal width. `ink` is what the characters are drawn in: dark on a
 * light ground, or light on a dark one, where it stands for the free modules.
 */
export async function qrCode(text: string, ink: "dark" | "light"): Promise<string[]> {
  const { encode } = await import("uqr");
  const { data } = encode(text, { border: QUIET_ZONE, boostEcc: true });
  const lines: string[] = [];
  for (let y = 0; y < data.length; y += 2) {
    const lower = data[y + 1] ?? []; // below the last row all is free
    lines.push((data[y] ?? []).map((dark, x) => block(dark, lower[x] ?? false, ink)).join(""));
  }
  return lines;
}

function block(upperDark: boolean, lowerDark: boolean, ink: "dark" | "light"): string {
  const [upper, lower] = [upperDark === (ink === "dark"), lowerDark === (ink === "dark")];
  if (upper) return lower ? BLOCKS.both : BLOCKS.upper;
  return lower ? BLOCKS.lower : BLOCKS.none;
}
