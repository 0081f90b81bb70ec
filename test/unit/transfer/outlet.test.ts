import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { RateLimit } from "../../../src/core/rate-limit.ts";
import { Outlet } from "../../../src/transfer/outlet.ts";
import { ManualClock, settled } from "../discovery/support/clock.ts";

class Scene {
  readonly clock = new ManualClock();
  readonly put: Buffer[] = [];
  /** What was said to have left, by the number of the write. */
  readonly left: number[] = [];
  readonly outlet = new Outlet(this.clock, (bytes, left) => {
    this.put.push(bytes);
    left();
  });
  #writes = 0;

  slowTo(...rates: number[]): void {
    this.outlet.slowTo(rates.map((rate) => new RateLimit(this.clock, () => rate)));
  }

  write(bytes: Buffer): void {
    const number = this.#writes++;
    this.outlet.write(bytes, () => this.left.push(number));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.put);
  }
}

describe("What leaves a link", () => {
  it("goes at once, in one piece, without a limit", () => {
    const scene = new Scene();
    const frame = randomBytes(300_000);
    scene.write(frame);
    expect(scene.put).toEqual([frame]);
    expect(scene.left).toEqual([0]);
  });

  it("goes at once where the limit is off", () => {
    const scene = new Scene();
    scene.slowTo(0, 0);
    scene.write(Buffer.alloc(9));
    expect(scene.put).toHaveLength(1);
  });

  it("goes in order and evenly under the lower of two limits, and is told when it has left", async () => {
    const scene = new Scene();
    scene.slowTo(1_000_000, 100_000);
    const frames = [randomBytes(60_000), randomBytes(1), randomBytes(39_999)];
    for (const frame of frames) scene.write(frame);
    await scene.clock.pass(400);
    // 100 ms were saved up.
    expect(scene.bytes.length).toBeGreaterThan(45_000);
    expect(scene.bytes.length).toBeLessThan(60_000);
    expect(scene.left).toEqual([]);
    await scene.clock.pass(600);
    expect(scene.bytes.equals(Buffer.concat(frames))).toBe(true);
    expect(scene.left).toEqual([0, 1, 2]);
  });

  it("goes without delay when the link is about to be closed", async () => {
    const scene = new Scene();
    scene.slowTo(1_000);
    const frames = [randomBytes(5_000), randomBytes(5_000)];
    for (const frame of frames) scene.write(frame);
    await scene.clock.pass(1_500);
    scene.outlet.hurry();
    scene.write(Buffer.from("bye"));
    expect(scene.bytes.equals(Buffer.concat([...frames, Buffer.from("bye")]))).toBe(true);
    expect(scene.left).toEqual([0, 1, 2]);
    await settled();
    await scene.clock.pass(60_000);
    expect(scene.bytes).toHaveLength(10_003);
  });
});
