/** Reads a QR code that a program has drawn, as the camera of another device would. */

import { createRequire } from "node:module";
import type jsQR from "jsqr";

// The package is CommonJS and is the function itself, which its types do not say.
const read = createRequire(import.meta.url)("jsqr") as typeof jsQR.default;

const INKED: Readonly<Record<string, readonly [upper: boolean, lower: boolean]>> = {
  " ": [false, false],
  "▀": [true, false],
  "▄": [false, true],
  "█": [true, true],
};
const PIXELS = 4; // a module each way

/** The text of the code in `lines`; undefined when a reader finds none. `ink` is what the characters are drawn in. */
export function readCode(lines: readonly string[], ink: "dark" | "light"): string | undefined {
  return readModules(lines.flatMap((line) => [0, 1].map((half) => [...line].map((char) => isDark(char, half, ink)))));
}

/** The same for rows of modules, of which the dark ones are true. */
export function readModules(rows: readonly (readonly boolean[])[]): string | undefined {
  const [width, height] = [(rows[0]?.length ?? 0) * PIXELS, rows.length * PIXELS];
  const image = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const dark = rows[Math.floor(y / PIXELS)]?.[Math.floor(x / PIXELS)] === true;
      image.set([dark ? 0 : 255, dark ? 0 : 255, dark ? 0 : 255, 255], (y * width + x) * 4);
    }
  }
  return read(image, width, height, { inversionAttempts: "dontInvert" })?.data;
}

function isDark(char: string, half: number, ink: "dark" | "light"): boolean {
  const inked = INKED[char];
  if (inked === undefined) throw new Error(`no half block: ${JSON.stringify(char)}`);
  return inked[half] === (ink === "dark");
}
