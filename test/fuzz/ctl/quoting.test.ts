import fc from "fast-check";
import { describe, it } from "vitest";
import { unitCommand, wordsOf } from "../../../src/ctl/service/quoting.ts";

describe("A command in a unit", () => {
  it("is read back as it was written, whatever its words are made of", () => {
    const word = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/\p{Cc}/u.test(text));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        const line = unitCommand(words);
        const back = wordsOf(line);
        return !line.includes("\n") && back.length === words.length && back.every((text, at) => text === words[at]);
      }),
    );
  });
});
