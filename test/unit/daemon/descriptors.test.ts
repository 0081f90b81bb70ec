import { describe, expect, it } from "vitest";
import { sharesOf } from "../../../src/daemon/host/descriptors.ts";

describe("descriptors", () => {
  it.each([
    [100, { strangers: 25, control: 25, transfers: 12 }],
    [1_024, { strangers: 256, control: 256, transfers: 128 }],
    [524_288, { strangers: 256, control: 256, transfers: 65_536 }],
  ])("of which there are %i are divided", (descriptors, shares) => {
    expect(sharesOf(descriptors)).toEqual(shares);
  });

  it("are never too few for one transfer", () => {
    expect(sharesOf(4).transfers).toBe(1);
  });
});
