import { describe, expect, it } from "vitest";
import { assertNever, invariant } from "../../../src/core/assert.ts";

describe("assertions about our own code", () => {
  it("stop with what was relied on", () => {
    expect(() => invariant(false, "the sky is blue")).toThrow("invariant violated: the sky is blue");
    expect(() => invariant(1 + 1 === 2, "never seen")).not.toThrow();
  });

  it("name the case that a switch forgot", () => {
    // A value that its type says cannot be: what a switch meets when data lies.
    expect(() => assertNever({ t: "new" } as never)).toThrow('unexpected value: {"t":"new"}');
  });
});
