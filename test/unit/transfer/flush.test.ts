import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Flusher } from "../../../src/transfer/flush.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();

/** Opens `count` files, counts their own flushes, and closes them at the end. */
class Files implements AsyncDisposable {
  readonly handles: FileHandle[] = [];
  flushed = 0;

  static async open(count: number): Promise<Files> {
    const files = new Files();
    const root = await directory();
    for (let i = 0; i < count; i++) {
      const handle = await open(path.join(root, String(i)), "w");
      const sync = handle.sync.bind(handle);
      handle.sync = () => {
        files.flushed++;
        return sync();
      };
      files.handles.push(handle);
    }
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.handles) await handle.close();
  }
}

describe("flushing", () => {
  it("is one fsync for one file", async () => {
    await using files = await Files.open(1);
    let whole = 0;
    const flusher = new Flusher(async () => void whole++);
    for (const handle of files.handles) await flusher.flush(handle);
    expect([files.flushed, whole]).toEqual([1, 0]);
  });

  it("begins with one flush of the file system for many that wait, and still asks each file", async () => {
    await using files = await Files.open(100);
    let whole = 0;
    const flusher = new Flusher(async () => void whole++);
    await Promise.all(files.handles.map((handle) => flusher.flush(handle)));
    // The first one found nobody waiting; the others came while it was flushed.
    expect([files.flushed, whole]).toEqual([100, 1]);
  });

  it("tells each file its own failure and no other, and goes on", async () => {
    await using files = await Files.open(40);
    const flusher = new Flusher(async () => {});
    const broken = files.handles[20];
    if (broken !== undefined) broken.sync = () => Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" }));
    const outcomes = await Promise.allSettled(files.handles.map((handle) => flusher.flush(handle)));
    expect(outcomes.map(({ status }) => status).filter((status) => status === "rejected")).toHaveLength(1);
    expect(outcomes[20]).toMatchObject({ status: "rejected", reason: { code: "EIO" } });
    await Promise.all(files.handles.slice(0, 1).map((handle) => flusher.flush(handle)));
  });

  it("serves who asks during a flush with the next one, never with one that began before", async () => {
    await using files = await Files.open(60);
    const began: number[] = [];
    let release: () => void = () => {};
    const flusher = new Flusher(async () => {
      began.push(began.length);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    const flush = (from: number, to: number) => files.handles.slice(from, to).map((handle) => flusher.flush(handle));
    const early = flush(0, 30);
    await early[0];
    while (began.length < 1) await new Promise((resolve) => setImmediate(resolve));
    let lateDone = false;
    const late = flush(30, 60);
    void Promise.all(late).then(() => {
      lateDone = true;
    });
    release();
    await Promise.all(early);
    expect(lateDone).toBe(false);
    while (began.length < 2) await new Promise((resolve) => setImmediate(resolve));
    release();
    await Promise.all(late);
    expect(began).toHaveLength(2);
  });

  it.runIf(process.platform === "linux")("really flushes the file system here", async () => {
    await using files = await Files.open(64);
    const flusher = new Flusher();
    await Promise.all(files.handles.map((handle) => flusher.flush(handle)));
    expect(files.flushed).toBe(64);
  });
});
