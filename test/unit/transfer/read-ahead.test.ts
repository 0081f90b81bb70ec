import { randomBytes } from "node:crypto";
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { FramePool, type Prepared } from "../../../src/transfer/content.ts";
import { BLOCK_PREFIX } from "../../../src/transfer/frames.ts";
import { readAhead } from "../../../src/transfer/read-ahead.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import { type SourceEntry, type Walked, walk } from "../../../src/transfer/source.ts";
import { openFilesBelow } from "../../support/leaks.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

/** More than is read whole (bytes). */
const LARGE = 100_000;
const directory = temporaryDirectories();
const never = new AbortController().signal;

async function folder(count: number): Promise<{ top: string; contents: Map<string, Buffer> }> {
  const top = path.join(await directory(), "top");
  await mkdir(path.join(top, "in"), { recursive: true });
  const contents = new Map<string, Buffer>();
  for (let n = 0; n < count; n++) {
    // Every fiftieth is a large one.
    const name = path.join(n % 3 === 0 ? "in" : "", String(n).padStart(4, "0"));
    contents.set(name, randomBytes(n % 50 === 49 ? LARGE + n : n));
    await writeFile(path.join(top, name), contents.get(name) ?? "");
  }
  return { top, contents };
}

async function listed(top: string): Promise<Walked[]> {
  const all: Walked[] = [];
  for await (const walked of walk({ paths: [top], exclude: [] }, new SmallFiles(), never)) all.push(walked);
  return all;
}

async function prepared(walked: Walked[], wanted: (entry: SourceEntry) => boolean = () => true): Promise<Prepared[]> {
  const files = new SmallFiles();
  return files.during(async () => {
    const all: Prepared[] = [];
    const list = (async function* () {
      yield* walked;
    })();
    for await (const each of readAhead(list, { files, pool: new FramePool(4), wanted })) all.push(each);
    return all;
  });
}

async function contentOf(entry: Prepared): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const { frame, release } of entry.blocks()) {
    parts.push(Buffer.from(frame.subarray(BLOCK_PREFIX)));
    release();
  }
  return Buffer.concat(parts);
}

describe("reading ahead", () => {
  for (const count of [0, 5, 400]) {
    it(`gives ${count} files and their folders in the order of the walk, each with its content`, async () => {
      const { top, contents } = await folder(count);
      const walked = await listed(top);
      const seen: string[] = [];
      for (const each of await prepared(walked)) {
        seen.push(each.entry.source);
        if (each.entry.type === "file") {
          const content = contents.get(path.relative(top, each.entry.source));
          expect(content?.equals(await contentOf(each))).toBe(true);
        }
      }
      expect(seen).toEqual(walked.map((each) => each.kind === "entry" && each.entry.source));
      expect(openFilesBelow(top)).toEqual([]);
    });
  }

  it("does not open what is not wanted before it is asked for after all", async () => {
    const { top } = await folder(100);
    const last = (await prepared(await listed(top), () => false)).at(-1);
    await appendFile(last?.entry.source ?? "", "more");
    await expect(last && contentOf(last)).rejects.toMatchObject({ code: "E_SOURCE_CHANGED" });
  });

  it("says of a file that changed meanwhile only when its turn comes", async () => {
    const { top } = await folder(100);
    const changed = path.join(top, "0052");
    const walked = await listed(top);
    await appendFile(changed, "more");
    const failures: string[] = [];
    for (const each of await prepared(walked)) {
      const failed = (error: unknown) => {
        failures.push(each.entry.source);
        expect(error).toMatchObject({ code: "E_SOURCE_CHANGED" });
      };
      if (each.entry.type === "file") await contentOf(each).catch(failed);
    }
    expect(failures).toEqual([changed]);
  });
});
