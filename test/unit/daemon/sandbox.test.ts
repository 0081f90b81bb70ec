import { describe, expect, it } from "vitest";
import { hasFilter } from "../../../src/daemon/host/sandbox.ts";

describe("The sandbox", () => {
  it("counts as one only where system calls are filtered", () => {
    expect(hasFilter("NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t31\n")).toBe(true);
    expect(hasFilter("Seccomp:\t0\n")).toBe(false);
    expect(hasFilter("Seccomp:\t1\n")).toBe(false);
    expect(hasFilter("")).toBe(false);
  });
});
