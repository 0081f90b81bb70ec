import { describe, expect, it } from "vitest";
import { table } from "../../../../src/ctl/render/table.ts";
import { clip, fullMeasure, measureFor, plainMeasure } from "../../../../src/ctl/render/width.ts";

describe("A table", () => {
  it("has columns as wide as their widest cell and no spaces at the end", async () => {
    expect(
      await table(
        ["NAME", "N", "LAST"],
        [
          ["a", "100", "x"],
          ["longer", "1", ""],
        ],
      ),
    ).toEqual(["NAME    N    LAST", "a       100  x", "longer  1"]);
  });

  it("counts columns of the terminal, not characters", async () => {
    const lines = await table(
      ["A", "B"],
      [
        ["日本", "x"],
        ["e\u0301", "x"],
        ["👨‍👩‍👧", "x"],
        ["ab", "x"],
      ],
    );
    expect(lines).toEqual(["A     B", "日本  x", "e\u0301     x", "👨‍👩‍👧    x", "ab    x"]);
  });

  it("may have no rows, or rows that are too short", async () => {
    expect(await table(["A", "B"], [])).toEqual(["A  B"]);
    expect(await table(["A", "B"], [["x"]])).toEqual(["A  B", "x"]);
  });
});

describe("A measure", () => {
  it("is the plain one only for what is all ASCII", async () => {
    expect(await measureFor(["abc", "~ "])).toBe(plainMeasure);
    expect(await measureFor([])).toBe(plainMeasure);
    expect(await measureFor(["abc", "ü"])).toBe(await fullMeasure());
    expect((await measureFor(["日"]))("日")).toBe(2);
  });
});

describe("A text that is cut", () => {
  it("keeps within the columns, with an ellipsis only where something is missing", async () => {
    const measure = await fullMeasure();
    expect(clip("report", 6, measure)).toBe("report");
    expect(clip("report", 5, measure)).toBe("repo…");
    expect(clip("日本語", 5, measure)).toBe("日本…");
    expect(clip("日本語", 4, measure)).toBe("日…");
    expect(clip("report", 1, measure)).toBe("…");
    expect(clip("report", 0, measure)).toBe("");
    expect(clip("", 0, measure)).toBe("");
  });
});
