import { describe, expect, it } from "vitest";
import { qrCode } from "../../../../src/ctl/render/qr.ts";
import { readCode } from "../../../support/qr.ts";

const INVITE = `LANXFER-${"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".repeat(3)}`.slice(0, 101);
const INKS = ["dark", "light"] as const;

describe("A QR code on a terminal", () => {
  it.each(INKS)("of an invite can be read, drawn in %s ink", async (ink) => {
    expect(readCode(await qrCode(INVITE, ink), ink)).toBe(INVITE);
  });

  it.each(["x", "lanxfer-abc", "é".repeat(40), `${INVITE}${"A7".repeat(120)}`])(
    "of any other text can be read as well (%#)",
    async (text) => {
      expect(readCode(await qrCode(text, "dark"), "dark")).toBe(text);
    },
  );

  it("of an invite without an address fits a terminal of 80 columns and 24 rows, with its prompt", async () => {
    const lines = await qrCode(INVITE, "dark");
    expect(new Set(lines.map((line) => line.length))).toEqual(new Set([41]));
    expect(lines).toHaveLength(21);
  });

  it.each(INKS)("leaves four modules free on every side in %s ink", async (ink) => {
    const lines = await qrCode(INVITE, ink);
    const [free, notFree] = ink === "dark" ? [" ", /[▀▄█]/] : ["█", /[ ▀▄]/];
    const edge = [...lines.slice(0, 2), ...lines.slice(-2)].join("");
    // One row is left over, below 41 of them.
    expect(edge.replaceAll(free, "")).toBe("");
    for (const line of lines) expect(line.slice(0, 4) + line.slice(-4)).toBe(free.repeat(8));
    expect(lines.slice(2, -2).join("")).toMatch(notFree);
  });
});
