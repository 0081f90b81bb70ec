import { describe, expect, it } from "vitest";
import { unitCommand, unitWord, wordsOf } from "../../../../src/ctl/service/quoting.ts";

describe("A text in a unit", () => {
  it("stands as it is where nothing in it means anything", () => {
    expect(unitWord("/usr/bin/node")).toBe("/usr/bin/node");
    expect(unitWord("-/home/anna/.ssh")).toBe("-/home/anna/.ssh");
  });

  it("is quoted where it has spaces, quotes, backslashes, specifiers or letters of the world", () => {
    expect(unitWord("/home/zoë smith")).toBe('"/home/zoë smith"');
    expect(unitWord('/a"b\\c')).toBe('"/a\\"b\\\\c"');
    expect(unitWord("/100%h")).toBe('"/100%%h"');
    expect(unitWord("")).toBe('""');
  });

  it("of a command has its dollars doubled, save in the program", () => {
    expect(unitCommand(["/opt/$a/node", "--x=1", "/opt/$b/main.js"])).toBe('"/opt/$a/node" --x=1 "/opt/$$b/main.js"');
  });

  it("is read back as it was", () => {
    const words = ['/opt/$a "b"/no\\de', "--x=1", "/opt/$b 100%/ü main.js"];
    expect(wordsOf(unitCommand(words))).toEqual(words);
  });

  it.each(["/a\nExecStart=/bin/evil", "/a\u0000", "/a\x7f", "/a\x85"])(
    "is refused with control characters: %j",
    (path) => {
      expect(() => unitWord(path)).toThrow(expect.objectContaining({ code: "E_SERVICE" }));
    },
  );
});
