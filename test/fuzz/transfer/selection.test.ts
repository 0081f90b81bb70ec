import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sendRequest } from "../../../src/control/requests.ts";
import { Selection } from "../../../src/transfer/selection.ts";

const special = fc.array(fc.constantFrom("*", "?", "[", "]", "!", "-", "/", "**", "\\", "{", "(", ".", " ", "a", "é"), {
  minLength: 1,
  maxLength: 40,
});
const pattern = fc.oneof(
  special.map((parts) => parts.join("")),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
);
const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((text) => !text.includes("/") && text !== "." && text !== "..");

describe("patterns of what is excluded", () => {
  it("that a request may have give an answer for every path, whatever is in them, and soon", () => {
    fc.assert(
      fc.property(
        fc.array(pattern, { maxLength: 4 }),
        fc.array(name, { maxLength: 4 }),
        name,
        fc.boolean(),
        (exclude, folder, last, isFolder) => {
          const allowed = sendRequest.safeParse({ peer: "a", paths: ["/x"], exclude }).success;
          fc.pre(allowed);
          expect(typeof new Selection(exclude).within(folder)(last, isFolder)).toBe("boolean");
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("do not take long for names that were made to", () => {
    const hostile = "a".repeat(250);
    for (const exclude of [["*a*a*a*a*a*a*a*a*a*a*b"], ["**/**/**/**/a/**/b"], [`${"[a-z]*".repeat(20)}!`]]) {
      const started = performance.now();
      new Selection(exclude).within([hostile, hostile, hostile])(hostile, false);
      expect(performance.now() - started).toBeLessThan(1_000);
    }
  });
});
