import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import {
  type FileSystem,
  Flusher,
  type FlushFileSystem,
  fileSystemOf,
  reportsErrors,
} from "../../../src/transfer/flush.ts";
import { PinnedDir } from "../../../src/transfer/pinned.ts";
import { eventually } from "../../support/process.ts";
import { SkippingClock } from "../../support/skipping-clock.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const WHOLE: FileSystem = { device: 1, whole: true };
const SINGLE: FileSystem = { device: 2, whole: false };

/** Opens `count` files, counts their own flushes, and closes them at the end. */
class Files implements AsyncDisposable {
  readonly root: string;
  readonly handles: FileHandle[] = [];
  flushed = 0;

  private constructor(root: string) {
    this.root = root;
  }

  static async open(count: number): Promise<Files> {
    const files = new Files(await directory());
    for (let i = 0; i < count; i++) {
      const handle = await open(path.join(files.root, String(i)), "w");
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

/** A flusher whose flushes of a file system are counted, and end when they are released. */
class Counted {
  readonly clock = new SkippingClock();
  /** Descriptors it was called with. */
  readonly calls: number[] = [];
  readonly flusher: Flusher;
  release: (done: boolean) => void = () => {};

  constructor(flush?: FlushFileSystem) {
    const held = () =>
      new Promise<boolean>((resolve) => {
        this.release = resolve;
      });
    this.flusher = new Flusher(this.clock, (descriptor) => {
      this.calls.push(descriptor);
      return (flush ?? held)(descriptor);
    });
  }

  all(handles: readonly FileHandle[], on = WHOLE): Promise<void>[] {
    return handles.map((handle) => this.flusher.flush(handle, on));
  }

  began(count: number): Promise<boolean> {
    return eventually(`flush ${count}`, () => (this.calls.length >= count ? true : undefined));
  }
}

const done = async () => true;
const cannot = async () => false;

describe("flushing", () => {
  it("is one fsync for one file", async () => {
    await using files = await Files.open(1);
    const { flusher, calls } = new Counted(done);
    for (const handle of files.handles) await flusher.flush(handle, WHOLE);
    expect([files.flushed, calls]).toEqual([1, []]);
  });

  it("is one flush of the file system for many that wait", async () => {
    await using files = await Files.open(100);
    const counted = new Counted(done);
    await Promise.all(counted.all(files.handles));
    // The first one found nobody waiting; the others came while it was flushed.
    expect([files.flushed, counted.calls]).toEqual([1, [files.handles[1]?.fd]]);
  });

  it("is one fsync for each where a flush of the file system is not as good", async () => {
    await using files = await Files.open(100);
    const counted = new Counted(done);
    await Promise.all(counted.all(files.handles, SINGLE));
    expect([files.flushed, counted.calls]).toEqual([100, []]);
  });

  it("asks each file itself when the flush of the file system failed", async () => {
    await using files = await Files.open(100);
    const counted = new Counted(cannot);
    await Promise.all(counted.all(files.handles));
    expect([files.flushed, counted.calls.length]).toEqual([100, 1]);
  });

  it("tells each file its own failure and no other, and goes on", async () => {
    await using files = await Files.open(40);
    const counted = new Counted(cannot);
    const broken = files.handles[20];
    if (broken !== undefined) broken.sync = () => Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" }));
    const outcomes = await Promise.allSettled(counted.all(files.handles));
    expect(outcomes.map(({ status }) => status).filter((status) => status === "rejected")).toHaveLength(1);
    expect(outcomes[20]).toMatchObject({ status: "rejected", reason: { code: "EIO" } });
    await Promise.all(counted.all(files.handles.slice(0, 1)));
  });

  it("serves who asks during a flush with the next one, never with one that began before", async () => {
    await using files = await Files.open(60);
    const counted = new Counted();
    const early = counted.all(files.handles.slice(0, 30));
    await early[0];
    counted.clock.skip(1_000);
    await counted.began(1);
    let lateDone = false;
    const late = Promise.all(counted.all(files.handles.slice(30))).then(() => {
      lateDone = true;
    });
    counted.release(true);
    await Promise.all(early);
    await counted.flusher.hurry(async () => {
      await counted.began(2);
      expect(lateDone).toBe(false);
      counted.release(true);
      await late;
    });
    expect(counted.calls).toHaveLength(2);
  });

  it("keeps file systems apart: a slow one holds up no other", async () => {
    await using files = await Files.open(60);
    const counted = new Counted();
    const slow = counted.all(files.handles.slice(0, 30));
    await slow[0];
    counted.clock.skip(1_000);
    await counted.began(1);
    await Promise.all(counted.all(files.handles.slice(30), SINGLE));
    counted.release(true);
    await Promise.all(slow);
  });

  it("gathers for a while before a flush of the file system, unless somebody waits for nothing else", async () => {
    await using files = await Files.open(90);
    const counted = new Counted(done);
    const first = counted.all(files.handles.slice(0, 60));
    await first[0];
    await new Promise((resolve) => setImmediate(resolve));
    expect(counted.calls).toHaveLength(0);
    counted.clock.skip(1_000);
    await Promise.all(first);
    expect(counted.calls).toHaveLength(1);
    const second = Promise.all(counted.all(files.handles.slice(60)));
    await counted.flusher.hurry(() => second);
    expect(counted.calls).toHaveLength(2);
  });

  it("reaches a file that was closed, by its name", async () => {
    await using files = await Files.open(1);
    const dir = await PinnedDir.open(files.root);
    const { flusher } = new Counted(done);
    await flusher.flushClosed(dir, "0");
    await expect(flusher.flushClosed(dir, "missing")).rejects.toMatchObject({ code: "ENOENT" });
    await dir.close();
  });

  it.runIf(process.platform === "linux")("really flushes the file system here", async () => {
    await using files = await Files.open(64);
    const dir = await PinnedDir.open(files.root);
    const flusher = new Flusher(new SkippingClock());
    await Promise.all(files.handles.map((handle) => flusher.flush(handle, { device: 1, whole: true })));
    expect(files.flushed).toBe(1);
    await dir.close();
  });
});

describe("a flush of the whole is as good", () => {
  it.runIf(process.platform === "linux")("on memory, and not on a file system of the kernel itself", async () => {
    expect(await fileSystemOf("/dev/shm", 1)).toEqual({ device: 1, whole: true });
    expect(await fileSystemOf("/proc", 2)).toEqual({ device: 2, whole: false });
  });

  it.each([
    ["4.19.0-27-amd64", false],
    ["5.4.0", false],
    ["5.7.19", false],
    ["5.8.0-rc1", true],
    ["5.10.0-28-cloud-amd64", true],
    ["6.1.0", true],
    ["10.0", true],
    ["unknown", false],
  ])("with Linux %s: %s", (kernel, good) => {
    expect(reportsErrors(kernel)).toBe(good);
  });
});
