import { describe, expect, it } from "vitest";
import { Selection } from "../../../src/transfer/selection.ts";

/** Whether `patterns` exclude a path; one with a slash at its end is a folder. */
function excluded(patterns: readonly string[], path: string): boolean {
  const isFolder = path.endsWith("/");
  const components = path.replace(/\/$/, "").split("/");
  const name = components.pop() ?? "";
  return new Selection(patterns).within(components)(name, isFolder);
}

describe("what is excluded", () => {
  it("is nothing without patterns", () => {
    for (const path of ["a", "a/", "a/b", ".git/"]) expect(excluded([], path)).toBe(false);
  });

  it.each([
    ["*.tmp", ["a.tmp", "photos/a.tmp", "photos/2026/x.y.tmp", "photos/a.tmp/"], ["a.tmpx", "tmp", "photos/a.TMP"]],
    ["cache/", ["cache/", "photos/cache/"], ["cache", "photos/cache", "photos/cached/"]],
    ["/photos/raw", ["photos/raw/", "photos/raw"], ["photos/2026/photos/raw/", "raw/"]],
    ["photos/raw", ["photos/raw/"], ["old/photos/raw/"]],
    ["**/raw", ["raw/", "photos/raw", "a/b/c/raw"], ["photos/raws"]],
    ["photos/**/*.xmp", ["photos/a.xmp", "photos/a/b/c.xmp"], ["other/a.xmp", "a.xmp"]],
    ["photos/**", ["photos/a", "photos/a/"], ["photos/", "other"]],
    ["IMG_????.JPG", ["IMG_0042.JPG", "d/IMG_x__y.JPG"], ["IMG_042.JPG", "img_0042.jpg"]],
    ["[a-c]1", ["a1", "d/c1"], ["d1", "A1"]],
    ["\\#1", ["#1"], ["1", "\\#1"]],
    ["\\!x", ["!x"], ["x"]],
    ["a b ", ["a b"], ["a b "]],
    ["日本*", ["日本語.txt"], ["本.txt"]],
    ["*", ["a", "a/", ".hidden"], []],
  ])("by %s is what a .gitignore means by it", (pattern, out, kept) => {
    for (const path of out) expect([path, excluded([pattern], path)]).toEqual([path, true]);
    for (const path of kept) expect([path, excluded([pattern], path)]).toEqual([path, false]);
  });

  it("may be taken back by a later pattern, and excluded again by one after that", () => {
    const patterns = ["*.jpg", "!best/*.jpg", "best/worst.jpg"];
    expect(excluded(patterns, "a.jpg")).toBe(true);
    expect(excluded(patterns, "best/a.jpg")).toBe(false);
    expect(excluded(patterns, "best/worst.jpg")).toBe(true);
  });
});
