import { describe, expect, it } from "vitest";
import { createBlockPool } from "../../../src/transfer/block-memory.ts";
import { BLOCK_SIZE } from "../../../src/transfer/wire.ts";

describe("the memory for received blocks", () => {
  it("of a full block is used again", () => {
    const pool = createBlockPool();
    const first = pool.allocate(BLOCK_SIZE);
    const second = pool.allocate(BLOCK_SIZE);
    expect(second === first).toBe(false);
    pool.recycle(first);
    expect(pool.allocate(BLOCK_SIZE) === first).toBe(true);
    expect(pool.allocate(BLOCK_SIZE) === first).toBe(false);
  });

  it("of a short block is as long as was asked for, and not kept", () => {
    const pool = createBlockPool();
    const short = pool.allocate(10);
    expect(short).toHaveLength(10);
    pool.recycle(short);
    expect(pool.allocate(10) === short).toBe(false);
    expect(pool.allocate(BLOCK_SIZE)).toHaveLength(BLOCK_SIZE);
  });

  it("of tiny blocks is cut from one piece, and none overlap", () => {
    const pool = createBlockPool();
    const tiny = Array.from({ length: 1000 }, (_, n) => pool.allocate(1 + (n % 4096)).fill(n % 251));
    expect(new Set(tiny.map(({ buffer }) => buffer)).size).toBeLessThan(20);
    expect(tiny.every((block, n) => block.length === 1 + (n % 4096) && block.every((byte) => byte === n % 251))).toBe(
      true,
    );
  });

  it("is not kept without bound", () => {
    const pool = createBlockPool();
    const blocks = new Set(Array.from({ length: 100 }, () => pool.allocate(BLOCK_SIZE)));
    for (const block of blocks) pool.recycle(block);
    const again = Array.from({ length: 100 }, () => pool.allocate(BLOCK_SIZE));
    const kept = again.filter((block) => blocks.has(block));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThanOrEqual(32);
    expect(new Set(again).size).toBe(100);
  });

  it("lets a few blocks wait for the disk, and no more", async () => {
    const { writeBehind } = createBlockPool();
    let taken = 0;
    const all = Array.from({ length: 64 }, () => writeBehind.take(BLOCK_SIZE).then(() => taken++));
    await new Promise((resolve) => setImmediate(resolve));
    const bound = taken;
    expect(bound).toBeGreaterThan(1);
    expect(bound).toBeLessThanOrEqual(32);
    writeBehind.give(BLOCK_SIZE);
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(bound + 1);
    for (let i = 1; i < 64; i++) writeBehind.give(BLOCK_SIZE);
    await Promise.all(all);
  });
});
