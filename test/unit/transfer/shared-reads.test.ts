import { describe, expect, it } from "vitest";
import { type SharedReader, SharedReads } from "../../../src/transfer/shared-reads.ts";
import { ManualClock, settled } from "../discovery/support/clock.ts";

/** Some transfers of the same pieces, and a count of what was really read. */
class Scene {
  readonly clock = new ManualClock();
  readonly reads: string[] = [];
  readonly #shared: SharedReads;

  constructor(transfers: number) {
    this.#shared = new SharedReads(this.clock, transfers);
  }

  join(): SharedReader {
    return this.#shared.join();
  }

  get(reader: SharedReader, key: string): Promise<string> {
    return reader.once(key, async () => {
      this.reads.push(key);
      return `content of ${key}`;
    });
  }

  /** Reads pieces `from` up to `to`, one every `ms`. */
  async all(reader: SharedReader, from: number, to: number, ms: number): Promise<void> {
    for (let i = from; i < to; i++) {
      expect(await this.get(reader, `${i}`)).toBe(`content of ${i}`);
      if (ms > 0) await this.clock.sleep(ms);
    }
    reader.leave();
  }
}

describe("What several transfers read", () => {
  it("is read once where they keep up with each other", async () => {
    const scene = new Scene(3);
    const all = [0, 0, 0].map((_, i) => scene.all(scene.join(), 0, 100, 5 + i));
    await scene.clock.pass(2_000);
    await Promise.all(all);
    expect(scene.reads).toHaveLength(100);
    expect(scene.clock.timers).toBe(0);
  });

  it("is read once although one of them begins a second later", async () => {
    const scene = new Scene(2);
    const [a, b] = [scene.join(), scene.join()];
    const first = scene.all(a, 0, 50, 1);
    await scene.clock.pass(1_000);
    expect(scene.reads).toEqual([]);
    const second = scene.all(b, 0, 50, 1);
    await scene.clock.pass(1_000);
    await Promise.all([first, second]);
    expect(scene.reads).toHaveLength(50);
  });

  it("is not waited for longer than that: who never begins costs two seconds, once", async () => {
    const scene = new Scene(2);
    const first = scene.all(scene.join(), 0, 50, 1);
    await scene.clock.pass(2_060);
    await first;
    expect(scene.reads).toHaveLength(50);
  });

  it("is not waited for at all by the last of them", async () => {
    const scene = new Scene(2);
    const [a, b] = [scene.join(), scene.join()];
    b.leave();
    await scene.all(a, 0, 50, 0);
    expect(scene.reads).toHaveLength(50);
    expect(scene.clock.timers).toBe(0);
  });

  it("is read again by one that is much slower, which holds up the fast one for a moment only", async () => {
    const scene = new Scene(2);
    const fast = scene.all(scene.join(), 0, 500, 1);
    const slow = scene.all(scene.join(), 0, 500, 100);
    let fastDone = 0;
    void fast.then(() => {
      fastDone = scene.clock.monotonic() - 5_000;
    });
    await scene.clock.pass(60_000);
    await Promise.all([fast, slow]);
    // 500 ms of its own, and 20 ms for each of at most 16 strikes between which the slow one took something.
    expect(fastDone).toBeLessThan(4_000);
    expect(scene.reads.length).toBeGreaterThan(500);
    expect(scene.clock.timers).toBe(0);
  });

  it("is read for each by itself where they ask for different pieces", async () => {
    const scene = new Scene(2);
    const all = [scene.all(scene.join(), 0, 40, 1), scene.all(scene.join(), 1_000, 1_040, 1)];
    await scene.clock.pass(5_000);
    await Promise.all(all);
    expect(scene.reads).toHaveLength(80);
  });

  it("fails for all who share it, and is tried again by who asks later", async () => {
    const scene = new Scene(2);
    const [a, b] = [scene.join(), scene.join()];
    const broken = (reader: SharedReader) => reader.once("x", () => Promise.reject(new Error("EIO")));
    const both = [broken(a), broken(b)];
    const results = Promise.allSettled(both);
    await settled();
    expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await scene.get(a, "x")).toBe("content of x");
  });

  it("does not keep the others waiting for one that left in the middle", async () => {
    const scene = new Scene(2);
    const [a, b] = [scene.join(), scene.join()];
    const first = scene.all(a, 0, 100, 1);
    const second = scene.all(b, 0, 3, 1);
    await scene.clock.pass(200);
    await Promise.all([first, second]);
    expect(scene.reads).toHaveLength(100);
    expect(scene.clock.timers).toBe(0);
  });
});
