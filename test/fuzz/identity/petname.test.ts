import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldPetname, freePetname, petnameFrom, petnameProblem } from "../../../src/identity/petname.ts";
import { idOf } from "../../unit/identity/support/ids.ts";

const announced = fc.oneof(
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.string({ unit: "grapheme", maxLength: 100 }),
  fc.string({ unit: fc.constantFrom(" ", "a", "é", "😀", "\u001b", "\u202e", "\n"), maxLength: 100 }),
);

describe("petnames made of what devices announce", () => {
  it("can be used and are all different, whatever was announced", () => {
    fc.assert(
      fc.property(fc.array(announced, { maxLength: 8 }), (names) => {
        const given: string[] = [];
        for (const [n, name] of [...names, ...names].entries())
          given.push(freePetname(petnameFrom(name, idOf(n)), given));
        for (const name of given) expect(petnameProblem(name)).toBeUndefined();
        expect(new Set(given.map(foldPetname)).size).toBe(given.length);
      }),
      { numRuns: 3_000 },
    );
  });
});
