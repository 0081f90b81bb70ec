import { describe, expect, it } from "vitest";
import { transferState } from "../../../src/control/schema.ts";
import { amountOf, quantityOf, UNITS } from "../../../src/ui/views/settings/quantity.ts";
import { counted, duration, rate, size, stateOf, what } from "../../../src/ui/words.ts";
import { item, transfer } from "../ctl/support/views.ts";

describe("the words of the page", () => {
  it("are sizes, rates and times in units that fit", () => {
    expect([0, 1, 999, 1_000, 1_500_000, 3.1e9, 999_999].map(size)).toEqual([
      "0 bytes",
      "1 byte",
      "999 bytes",
      "1 kB",
      "1.5 MB",
      "3.1 GB",
      "1 MB",
    ]);
    expect([rate(-5), rate(1_234_567)]).toEqual(["0 bytes/s", "1.2 MB/s"]);
    expect([400, 59_400, 61_000, 3_599_000, 7_800_000].map(duration)).toEqual([
      "0 sec",
      "59 sec",
      "1 min",
      "60 min",
      "2 hr 10 min",
    ]);
    expect([counted(1, "file"), counted(1_234, "file")]).toEqual(["1 file", "1,234 files"]);
  });

  it("tell of every state a transfer can be in, and make what others chose visible", () => {
    const peer = { id: "x", name: "eve\u202e" };
    for (const state of transferState.options) {
      const text = stateOf(transfer({ state, peer }));
      expect(text).not.toBe("");
      expect(text).not.toContain("\u202e");
    }
    expect(what(["a\u001b[2J", "b", "c"])).toBe("a\\x1b[2J and 2 more");
    expect(what([])).toBe("files");
    const renamed = transfer({ state: "done", items: [{ ...item("a.txt"), as: "a (1).txt" }] });
    expect(stateOf(renamed)).toBe("Delivered to alice, saved there as a (1).txt");
    const there = transfer({ state: "done", items: [{ ...item("a.txt"), there: true }] });
    expect(stateOf(there)).toBe("Already at alice");
    expect(stateOf({ ...there, direction: "in" })).toBe("From alice, was here already");
  });
});

describe("amounts that people enter", () => {
  it.each([
    [0, 0, "bytes"],
    [1_500_000, 1.5, "MB"],
    [256_000_000, 256, "MB"],
    [1_234_567, 1_234_567, "bytes"],
    [2e12, 2, "TB"],
  ])("show %i bytes as %d %s, and mean the same again", (value, number, label) => {
    const shown = quantityOf(value, UNITS.size);
    expect([shown.number, UNITS.size[shown.unit]?.label]).toEqual([number, label]);
    expect(amountOf(String(shown.number), UNITS.size[shown.unit])).toBe(value);
  });

  it("may have a comma, and are nothing when they are no number", () => {
    expect(amountOf(" 1,5 ", UNITS.time[2])).toBe(5_400_000);
    for (const text of ["", " ", "x", "-1", "Infinity", "1 2"]) expect(amountOf(text, UNITS.size[0])).toBeUndefined();
  });
});
