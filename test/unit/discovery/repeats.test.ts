import { describe, expect, it } from "vitest";
import { Repeats } from "../../../src/discovery/repeats.ts";

describe("repeats", () => {
  it("are known by every byte, and for each source apart", () => {
    const repeats = new Repeats<string>();
    repeats.set("a", Buffer.from("packet"), "read");
    expect(repeats.get("a", Buffer.from("packet"))).toBe("read");
    expect(repeats.get("a", Buffer.from("packeT"))).toBeUndefined();
    expect(repeats.get("a", Buffer.from("packet "))).toBeUndefined();
    expect(repeats.get("b", Buffer.from("packet"))).toBeUndefined();
    repeats.set("a", Buffer.from("other"), "read too");
    expect(repeats.get("a", Buffer.from("packet"))).toBeUndefined();
    expect(repeats.get("a", Buffer.from("other"))).toBe("read too");
  });

  it("are not of what a buffer holds later", () => {
    const repeats = new Repeats<string>();
    const buffer = Buffer.from("packet");
    repeats.set("a", buffer, "read");
    buffer.write("PACKET");
    expect(repeats.get("a", buffer)).toBeUndefined();
  });

  it("are forgotten of those that were heard the longest ago, however many there are", () => {
    const repeats = new Repeats<number>();
    const bytes = Buffer.from("packet");
    for (let n = 0; n < 2_000; n++) {
      repeats.set(`source ${n}`, bytes, n);
      repeats.get("source 0", bytes);
    }
    expect(repeats.get("source 0", bytes)).toBe(0);
    expect(repeats.get("source 1000", bytes)).toBeUndefined();
    expect(repeats.get("source 1999", bytes)).toBe(1999);
  });
});
