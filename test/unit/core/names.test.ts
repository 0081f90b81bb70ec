import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { checkName, localName, MAX_NAME_BYTES, numberedName, portableName } from "../../../src/core/names.ts";

interface Vectors {
  readonly refused: readonly { name: string; because: string }[];
  readonly local: readonly { raw: string; top: string; inner: string }[];
  readonly portable: readonly { name: string; portable: string }[];
  readonly numbered: readonly { name: string; n: number; folder: boolean; result: string }[];
}

// Not imported: it holds lone surrogates, which the loader of the test runner refuses.
const vectors = JSON.parse(readFileSync(new URL("../../vectors/names.json", import.meta.url), "utf8")) as Vectors; // our own file

const bytes = (text: string) => Buffer.byteLength(text);

function refusal(name: string): LanxferError {
  try {
    checkName(name);
  } catch (error) {
    if (error instanceof LanxferError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(name)} was not refused`);
}

describe("a name that only an attack or a broken peer sends", () => {
  it.each(vectors.refused)("is refused: $name ($because)", ({ name }) => {
    expect(refusal(name).code).toBe("E_NAME");
    expect(() => localName(name, true)).toThrow(LanxferError);
    expect(() => localName(name, false)).toThrow(LanxferError);
  });

  it("is refused when no file system could have held it, and quoted only in part", () => {
    const error = refusal("x".repeat(10_000));
    expect(error.code).toBe("E_NAME");
    expect(error.message.length).toBeLessThan(200);
  });

  it("is quoted without a character that could act on a terminal", () => {
    expect(refusal("\u001b[2J/\n").message).toMatch(/^[\x20-\x7e]+$/);
  });
});

describe("a name as it is kept", () => {
  it.each(vectors.local)("$raw becomes $top in the inbox and $inner inside a folder", ({ raw, top, inner }) => {
    expect(localName(raw, true)).toBe(top);
    expect(localName(raw, false)).toBe(inner);
  });

  it("is not changed at 255 bytes and shortened at 256, with its extension", () => {
    const fits = `${"x".repeat(251)}.txt`;
    expect(localName(fits, true)).toBe(fits);
    expect(localName(`x${fits}`, true)).toBe(fits);
  });

  it("is shortened between characters, not inside one", () => {
    for (const char of ["é", "漢", "😀"]) {
      const name = localName(`${char.repeat(200)}.tar.gz`, true);
      expect(bytes(name)).toBeLessThanOrEqual(MAX_NAME_BYTES);
      expect(bytes(name)).toBeGreaterThan(MAX_NAME_BYTES - 4);
      expect(name.replaceAll(char, "")).toBe(".tar.gz");
    }
  });

  it("stays as it is the second time, also where shortening leaves nothing but spaces", () => {
    for (const raw of [`${" ".repeat(300)}x`, `.${"a".repeat(300)}`, `${"a".repeat(300)}.`, `${" ".repeat(300)}.txt`]) {
      for (const top of [true, false]) {
        const once = localName(raw, top);
        expect(localName(once, top)).toBe(once);
      }
    }
  });

  it("stays two names where two sources write the same text in composed and decomposed form", () => {
    expect(localName("café", true)).not.toBe(localName("cafe\u0301", true));
  });
});

describe("a name for a file system that refuses some characters", () => {
  it.each(vectors.portable)("$name becomes $portable", ({ name, portable }) => {
    expect(portableName(name)).toBe(portable);
    expect(portableName(portable)).toBe(portable);
  });

  it("does not end in a dot or a space when a prefix pushed its end off", () => {
    const name = `con.${"a".repeat(249)} b`;
    expect(bytes(name)).toBe(MAX_NAME_BYTES);
    const portable = portableName(name);
    expect(bytes(portable)).toBeLessThanOrEqual(MAX_NAME_BYTES);
    expect(portable).toMatch(/[^. ]$/);
    expect(portableName(portable)).toBe(portable);
  });
});

describe("the next free name", () => {
  it.each(vectors.numbered)("number $n for $name is $result", ({ name, n, folder, result }) => {
    expect(numberedName(name, n, folder)).toBe(result);
  });

  it("has room for its number within 255 bytes, whole characters and the extension kept", () => {
    const name = localName(`${"漢".repeat(200)}.pdf`, true);
    for (const n of [1, 10, 999_999]) {
      const numbered = numberedName(name, n, false);
      expect(bytes(numbered)).toBeLessThanOrEqual(MAX_NAME_BYTES);
      expect(numbered).toMatch(new RegExp(`^漢+ \\(${n}\\)\\.pdf$`));
    }
  });

  it("is another one for each number", () => {
    const name = `${"x".repeat(251)}.txt`;
    const names = Array.from({ length: 1000 }, (_, n) => numberedName(name, n, false));
    expect(new Set(names).size).toBe(1000);
  });
});
