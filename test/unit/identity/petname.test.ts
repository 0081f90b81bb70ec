import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { formatDeviceId, shortId } from "../../../src/core/ids.ts";
import { checkPetname, freePetname, petnameFrom, readsLike } from "../../../src/identity/petname.ts";
import { idOf } from "./support/ids.ts";

const id = idOf("nas");

const unusable: readonly (readonly [why: string, name: string])[] = [
  ["empty", ""],
  ["blank", "  "],
  ["with a space at an end", "nas "],
  ["of 64 bytes", "x".repeat(64)],
  ["of 64 bytes in fewer characters", "é".repeat(32)],
  ["with a line break", "a\nb"],
  ["with an escape sequence", "\u001b[2J"],
  ["with a one-byte control sequence", "a\u009b31m"],
  ["with a reversed reading direction", "a\u202eb"],
  ["with half a character", "a\ud800"],
  ["that is a device id", id],
  ["that is a device id as people see it", formatDeviceId(id).toUpperCase()],
];

describe("a petname that the local user gives", () => {
  it.each(["nas", "Zoë's laptop", "漢字", "😀", "x".repeat(63), "ab cd", "abcdefgh", "-rf"])("may be %j", (name) => {
    expect(() => checkPetname(name)).not.toThrow();
  });

  it.each(unusable)("is refused when it is one %s", (_, name) => {
    let error: unknown;
    try {
      checkPetname(name);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(LanxferError);
    expect(error).toMatchObject({ code: "E_USAGE" });
  });
});

describe("the petname that a device begins with", () => {
  it("is what it announced, where that can be used", () => {
    expect(petnameFrom("Zoë's laptop", id)).toBe("Zoë's laptop");
    expect(petnameFrom("  nas ", id)).toBe("nas");
  });

  it.each(unusable)("can be used whatever it announced, also a name %s", (_, announced) => {
    const name = petnameFrom(announced, id);
    expect(() => checkPetname(name)).not.toThrow();
  });

  it("tells the device where it announced nothing that could be a name, or somebody's id", () => {
    expect(petnameFrom("", id)).toBe(`device ${shortId(id)}`);
    expect(petnameFrom(idOf("another"), id)).toBe(`device ${shortId(id)}`);
  });

  it("shows what it tried instead of doing it", () => {
    expect(petnameFrom("\u001b[2Jnas", id)).toBe("\\x1b[2Jnas");
  });
});

describe("a name that reads like another", () => {
  it.each([
    ["its case", "Alice"],
    ["an invisible character", "al\u200bi\u00adce\u2060"],
    ["a control character", "alice\u0007"],
    ["the form of its letters", "ａｌｉｃｅ"],
    ["spaces around it", "  alice\u2003"],
  ])("differs in %s only", (_, name) => {
    expect(readsLike(name, "alice")).toBe(true);
    expect(readsLike("alice", name)).toBe(true);
  });

  it("does so with spaces and accents, too", () => {
    expect(readsLike("Zoë's  laptop", "zoe\u0308's laptop")).toBe(true);
  });

  it.each(["alic", "alice2", "alice (2)", "a lice", "аlice", "alicé", ""])("is not %j beside alice", (name) => {
    expect(readsLike(name, "alice")).toBe(false);
  });
});

describe("a petname that is free", () => {
  it("is the name itself, or the next number", () => {
    expect(freePetname("alice", [])).toBe("alice");
    expect(freePetname("alice", ["alice"])).toBe("alice (2)");
    expect(freePetname("alice", ["alice", "alice (2)", "alice (4)"])).toBe("alice (3)");
  });

  it("differs from what people take for the same", () => {
    expect(freePetname("Alice", ["alice"])).toBe("Alice (2)");
    expect(freePetname("cafe\u0301", ["café"])).toBe("cafe\u0301 (2)");
    expect(freePetname("al\u200bice", ["alice"])).toBe("al\u200bice (2)");
  });

  it("stays within 63 bytes and keeps characters whole", () => {
    const name = `${"é".repeat(31)}x`;
    const taken = [name, `${"é".repeat(29)} (2)`];
    expect(freePetname(name, taken)).toBe(`${"é".repeat(29)} (3)`);
  });
});
