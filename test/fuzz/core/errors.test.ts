import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ERRORS, fromWire, toLanxferError } from "../../../src/core/errors.ts";
import { MAX_SHOWN } from "../../../src/core/text.ts";

const codes = Object.keys(ERRORS);
const LISTED = new Set(["text", "name", "needs", "has", "peer"]);

describe("an error told by a peer", () => {
  it("is one that a peer may report, with listed and short details and a printable sentence, whatever it sent", () => {
    const key = fc.oneof(
      fc.constantFrom("text", "name", "needs", "has", "peer", "path", "hint", "__proto__"),
      fc.string(),
    );
    const wire = fc.record({
      code: fc.oneof(fc.constantFrom(...codes), fc.string({ unit: "binary" })),
      details: fc.option(
        fc.dictionary(key, fc.oneof(fc.string({ unit: "binary", maxLength: 600 }), fc.double(), fc.anything())),
        { nil: undefined },
      ),
    });
    fc.assert(
      fc.property(wire, ({ code, details }) => {
        // The types of a peer's details are not known: that is the point.
        const error = fromWire({ code, details: details as Record<string, string> | undefined }, "nas");
        expect(error.kind.wire || error.code === "E_PEER").toBe(true);
        expect(error.details["peer"]).toBe("nas");
        for (const [name, value] of Object.entries(error.details)) {
          expect(LISTED.has(name)).toBe(true);
          if (typeof value === "string") expect(value.length).toBeLessThanOrEqual(MAX_SHOWN);
          else expect(typeof value).toBe("number");
        }
        expect(error.message).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("any thrown value", () => {
  it("becomes a LanxferError without an error of its own", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
        expect(toLanxferError(thrown).code).toBe("E_INTERNAL");
      }),
      { numRuns: 5_000 },
    );
  });
});
