import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, mkdir, open, rename, rm, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { FramePool, type Prepared, prepare } from "../../../src/transfer/content.ts";
import { BLOCK_PREFIX } from "../../../src/transfer/frames.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import { type SourceEntry, walk } from "../../../src/transfer/source.ts";
import { BLOCK_SIZE, MiB } from "../../../src/transfer/wire.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const FRAMES = 4;
const KiB = 1024;
const directory = temporaryDirectories();

async function entryOf(file: string): Promise<SourceEntry> {
  for await (const walked of walk({ paths: [file], exclude: [] }, new SmallFiles(), new AbortController().signal)) {
    if (walked.kind === "entry") return walked.entry;
  }
  throw new Error("no entry");
}

/** A file of random bytes, listed. */
async function listed(size: number): Promise<{ file: string; bytes: Buffer; entry: SourceEntry }> {
  const file = path.join(await directory(), "file");
  const bytes = randomBytes(size);
  await writeFile(file, bytes);
  return { file, bytes, entry: await entryOf(file) };
}

async function readAll(prepared: Prepared): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  for await (const { frame, release } of prepared.blocks()) {
    blocks.push(Buffer.from(frame.subarray(BLOCK_PREFIX)));
    release();
  }
  return blocks;
}

/** Resolves when every frame of the pool is free; fails the test when one is missing. */
async function allFree(pool: FramePool): Promise<void> {
  const taken = await Promise.all(Array.from({ length: FRAMES }, () => pool.take()));
  for (const { release } of taken) release();
}

const isOpen = (file: string) => openFilesBelow(file).length > 0;

describe("the content of a file", () => {
  it.each([
    ["nothing", 0, []],
    ["a byte", 1, [1]],
    ["the largest small file", 64 * KiB, [64 * KiB]],
    ["the smallest large file", 64 * KiB + 1, [64 * KiB + 1]],
    ["a block", BLOCK_SIZE, [BLOCK_SIZE]],
    ["a block and a byte", BLOCK_SIZE + 1, [BLOCK_SIZE, 1]],
    ["more blocks than there are frames", 6 * BLOCK_SIZE + 5, [...Array.from({ length: 6 }, () => BLOCK_SIZE), 5]],
  ])("is %s, in full blocks but the last", async (_, size, lengths) => {
    const { file, bytes, entry } = await listed(size);
    const pool = new FramePool(FRAMES);
    const blocks = await readAll(await prepare(entry, { pool }));
    expect(blocks.map(({ length }) => length)).toEqual(lengths);
    expect(Buffer.concat(blocks).equals(bytes)).toBe(true);
    await allFree(pool);
    expect(isOpen(file)).toBe(false);
  });

  it("of a large file is not opened before it is read", async () => {
    const { file, entry } = await listed(MiB);
    await prepare(entry, { pool: new FramePool(FRAMES) });
    expect(isOpen(file)).toBe(false);
  });
});

const CHANGES: readonly [string, (file: string) => Promise<unknown>][] = [
  ["grows", (file) => appendFile(file, "x")],
  ["shrinks", async (file) => truncate(file, (await stat(file)).size - 1)],
  ["is emptied", (file) => truncate(file, 0)],
  [
    "is written to in place",
    async (file) => {
      const handle = await open(file, "r+");
      await handle.write("x", 0);
      await handle.utimes(1, 1);
      await handle.close();
    },
  ],
  [
    "changes within the millisecond in which it was listed",
    async (file) => {
      const { mtimeMs } = await stat(file);
      await utimes(file, 0, (Math.floor(mtimeMs) + ((mtimeMs + 0.5) % 1)) / 1000);
    },
  ],
];

const SWAPS: readonly [string, (file: string) => Promise<unknown>][] = [
  [
    "is replaced by another of the same size and time",
    async (file) => {
      const { size, mtime } = await stat(file);
      await writeFile(`${file}.new`, randomBytes(size));
      await utimes(`${file}.new`, mtime, mtime);
      await rename(`${file}.new`, file);
    },
  ],
  [
    "is replaced by a link, even to an equal file",
    async (file) => {
      await rename(file, `${file}.old`);
      await symlink(`${file}.old`, file);
    },
  ],
  [
    "is replaced by a pipe, which is not waited for",
    async (file) => {
      await rm(file);
      execFileSync("mkfifo", [file]);
    },
  ],
  [
    "is replaced by a socket",
    async (file) => {
      await rm(file);
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(`${file}.socket`, resolve));
      await rename(`${file}.socket`, file); // else it would go with the server
      await new Promise((resolve) => server.close(resolve));
    },
  ],
  [
    "is replaced by a folder",
    async (file) => {
      await rm(file);
      await mkdir(file);
    },
  ],
];

describe.each([
  ["small", 10 * KiB],
  ["large", 3 * MiB],
])("a %s file", (_, size) => {
  it.each([...CHANGES, ...SWAPS])("that %s after it was listed is not sent", async (_, change) => {
    const { file, entry } = await listed(size);
    await change(file);
    const pool = new FramePool(FRAMES);
    const reading = prepare(entry, { pool })
      .then(readAll)
      .then((blocks) => blocks.length);
    await expect(reading).rejects.toMatchObject({ code: "E_SOURCE_CHANGED", details: { path: file } });
    await allFree(pool);
    expect(isOpen(path.dirname(file))).toBe(false);
  });

  it("that was removed after it was listed is missing", async () => {
    const { file, entry } = await listed(size);
    await rm(file);
    await expect(prepare(entry, { pool: new FramePool(FRAMES) }).then(readAll)).rejects.toMatchObject({
      code: "E_SOURCE_MISSING",
      details: { path: file },
    });
  });
});

describe("a file that is being read", () => {
  it.each(CHANGES)("and %s meanwhile is an error, not a mixture", async (_, change) => {
    const { file, entry } = await listed(8 * MiB);
    const pool = new FramePool(FRAMES);
    const blocks = (await prepare(entry, { pool })).blocks();
    const first = await blocks.next();
    first.value?.release();
    await change(file);
    const rest = (async () => {
      for await (const { release } of blocks) release();
    })();
    await expect(rest).rejects.toMatchObject({ code: "E_SOURCE_CHANGED" });
    await allFree(pool);
    expect(isOpen(file)).toBe(false);
  });

  it("and removed meanwhile is still the one that was listed", async () => {
    const { file, bytes, entry } = await listed(8 * MiB);
    const content: Buffer[] = [];
    for await (const { frame, release } of (await prepare(entry, { pool: new FramePool(FRAMES) })).blocks()) {
      await rm(file, { force: true });
      content.push(Buffer.from(frame.subarray(BLOCK_PREFIX)));
      release();
    }
    expect(Buffer.concat(content).equals(bytes)).toBe(true);
  });

  it("gives back what was read ahead, and the descriptor, when its consumer stops early", async () => {
    const { file, entry } = await listed(8 * MiB);
    const pool = new FramePool(FRAMES);
    for await (const { release } of (await prepare(entry, { pool })).blocks()) {
      expect(isOpen(file)).toBe(true);
      release();
      break;
    }
    await allFree(pool);
    expect(isOpen(file)).toBe(false);
  });

  it("waits when all frames are taken, and goes on with the first that comes back", async () => {
    const { bytes, entry } = await listed(8 * MiB);
    const pool = new FramePool(FRAMES);
    const blocks = (await prepare(entry, { pool })).blocks();
    const held: (() => void)[] = [];
    const content: Buffer[] = [];
    const take = async (next: ReturnType<typeof blocks.next>) => {
      const { value } = await next;
      if (value === undefined) throw new Error("it ended early");
      content.push(Buffer.from(value.frame.subarray(BLOCK_PREFIX)));
      held.push(value.release);
    };
    for (let i = 0; i < FRAMES; i++) await take(blocks.next());
    const waiting = blocks.next();
    const settled = await Promise.race([
      waiting.then(() => true),
      new Promise((resolve) => setTimeout(resolve, 50, false)),
    ]);
    expect(settled).toBe(false);
    held.shift()?.();
    await take(waiting);
    for (const release of held) release();
    for await (const { frame, release } of blocks) {
      content.push(Buffer.from(frame.subarray(BLOCK_PREFIX)));
      release();
    }
    expect(Buffer.concat(content).equals(bytes)).toBe(true);
    await allFree(pool);
  });
});

describe("the pool of frames", () => {
  it("gives out no more than it has, each with room for a prefix and a block", async () => {
    const pool = new FramePool(FRAMES);
    const frames = new Set<Buffer>();
    const work = Array.from({ length: 50 }, async () => {
      const { frame, release } = await pool.take();
      expect(frame).toHaveLength(BLOCK_PREFIX + BLOCK_SIZE);
      frames.add(frame);
      await new Promise((resolve) => setImmediate(resolve));
      release();
    });
    await Promise.all(work);
    expect(frames.size).toBeLessThanOrEqual(FRAMES);
  });
});
