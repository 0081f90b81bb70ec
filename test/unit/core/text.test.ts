import { describe, expect, it } from "vitest";
import {
  cut,
  cutToBytes,
  formatDuration,
  formatRate,
  formatSize,
  MAX_SHOWN,
  quoted,
  safe,
} from "../../../src/core/text.ts";

describe("quoted", () => {
  it.each([
    ["alice", '"alice"'],
    ['alice" (paired)', '"alice\\" (paired)"'],
    ["a\x1b[2Jb\n", '"a\\x1b[2Jb\\x0a"'],
  ])("keeps %j between its marks", (text, shown) => {
    expect(quoted(text)).toBe(shown);
  });
});

describe("text made safe", () => {
  it.each([
    ["clears the screen: \u001b[2J", "clears the screen: \\x1b[2J"],
    ["forges\na line", "forges\\x0aa line"],
    ["writes the clipboard: \u001b]52;c;aGk=\u0007", "writes the clipboard: \\x1b]52;c;aGk=\\x07"],
    ["one-byte CSI: \u009b31m", "one-byte CSI: \\x9b31m"],
    ["invoice\u202efdp.exe", "invoice\\u{202e}fdp.exe"],
    ["half a pair: \ud83d", "half a pair: \\u{d83d}"],
    ["byte order mark: \ufeff", "byte order mark: \\u{feff}"],
  ])("shows what it would have done: %j", (text, shown) => {
    expect(safe(text)).toBe(shown);
  });

  it.each(["report (1).pdf", "Zoë 漢字 😀", "👨‍👩‍👧 family", "שלום", "back\\slash"])(
    "leaves ordinary text alone: %s",
    (text) => {
      expect(safe(text)).toBe(text);
    },
  );

  it("cuts what is too long and shows that it did", () => {
    expect(safe("x".repeat(MAX_SHOWN))).toBe("x".repeat(MAX_SHOWN));
    expect(safe("x".repeat(MAX_SHOWN + 1))).toBe(`${"x".repeat(MAX_SHOWN - 1)}…`);
    expect(safe("x".repeat(10_000_000)).length).toBe(MAX_SHOWN);
    expect(safe("abcdef", 4)).toBe("abc…");
  });

  it("does not cut a character in two", () => {
    expect(safe("ab😀def", 4)).toBe("ab…");
  });
});

describe("cutting", () => {
  it("leaves what fits and keeps both halves of a surrogate pair together", () => {
    expect(cut("abc", 3)).toBe("abc");
    expect(cut("abcd", 3)).toBe("abc");
    expect(cut("ab😀", 3)).toBe("ab");
    expect(cut("ab😀", 4)).toBe("ab😀");
    expect(cut("😀", 0)).toBe("");
  });

  it("to bytes counts UTF-8 and keeps characters whole", () => {
    expect(cutToBytes("aé", 3)).toBe("aé");
    expect(cutToBytes("aé", 2)).toBe("a");
    expect(cutToBytes("😀😀", 7)).toBe("😀");
    expect(cutToBytes("😀", 3)).toBe("");
  });
});

describe("quantities for people", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [1500, "1.5 kB"],
    [999_949, "999.9 kB"],
    [999_950, "1.0 MB"],
    [3_100_000_000, "3.1 GB"],
    [Number.MAX_SAFE_INTEGER, "9.0 PB"],
  ])("%d bytes are %s", (bytes, shown) => {
    expect(formatSize(bytes)).toBe(shown);
  });

  it("a rate is bytes a second, without fractions of a byte", () => {
    expect(formatRate(12_345_678.9)).toBe("12.3 MB/s");
    expect(formatRate(0.4)).toBe("0 B/s");
  });

  it.each([
    [0, "0.0 s"],
    [400, "0.4 s"],
    [9_949, "9.9 s"],
    [9_950, "10 s"],
    [59_499, "59 s"],
    [59_500, "1 min 00 s"],
    [185_000, "3 min 05 s"],
    [3_599_499, "59 min 59 s"],
    [3_599_500, "1 h 00 min"],
    [7_800_000, "2 h 10 min"],
  ])("%d ms are %s", (ms, shown) => {
    expect(formatDuration(ms)).toBe(shown);
  });
});
