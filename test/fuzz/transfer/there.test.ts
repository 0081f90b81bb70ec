import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { deviceIdFromHash, transferIdFrom } from "../../../src/core/ids.ts";
import { inMemory } from "../../../src/transfer/content.ts";
import { type EarlierItem, findEarlier, thereItems } from "../../../src/transfer/earlier.ts";
import { EarlierReader } from "../../../src/transfer/earlier-reader.ts";
import { BLOCK_PREFIX } from "../../../src/transfer/frames.ts";
import { PinnedDir } from "../../../src/transfer/pinned.ts";
import { Resumption } from "../../../src/transfer/resumption.ts";
import { SmallFiles } from "../../../src/transfer/small-files.ts";
import type { SourceEntry } from "../../../src/transfer/source.ts";
import { parseMessage } from "../../../src/transfer/wire.ts";
import { rootOf } from "../../support/root.ts";

const CONTENT = Buffer.from("hello");
const ROOT = rootOf(CONTENT);
const never = new AbortController().signal;
const own = (name: string): SourceEntry => ({
  path: ["d", name],
  source: `/s/d/${name}`,
  type: "file",
  size: CONTENT.length,
  mtime: 7,
  modified: 7.5,
  executable: false,
  inode: 1,
});

/** What a receiver may say it has: now and then the truth. */
const item = fc.record(
  {
    path: fc.oneof(fc.constantFrom(["d", "a"], ["d", "b"], ["d"], ["a"]), fc.array(fc.string({ unit: "binary" }))),
    type: fc.constantFrom("file", "folder"),
    size: fc.oneof(fc.constant(CONTENT.length), fc.maxSafeInteger()),
    mtime: fc.oneof(fc.constant(7), fc.maxSafeInteger()),
    executable: fc.boolean(),
    blocks: fc.oneof(fc.constant(1), fc.nat(3)),
    root: fc.constantFrom(ROOT, "0".repeat(64)),
    as: fc.constantFrom("a", ".."),
    there: fc.boolean(),
  },
  { requiredKeys: ["path", "type", "size", "mtime", "blocks"] },
);

describe("a sender that is told what is there", () => {
  it("takes up its own content and nothing else, or breaks off with an error of the protocol", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 6 }), fc.boolean(), async (items, asked) => {
        const totals = { items: [], entries: 3, bytes: 10, skipped: 0, excluded: 0, stamp: "" };
        const resumption = new Resumption(totals, undefined, asked);
        try {
          const message = parseMessage({ t: "have", items });
          if (message.t === "have") resumption.heard(message.items);
          resumption.complete();
          await resumption.begin();
          for (const name of ["a", "b"]) {
            const prepared = inMemory(own(name), Buffer.concat([Buffer.alloc(BLOCK_PREFIX), CONTENT]));
            const taken = await resumption.takeUp(prepared, never);
            if (taken !== undefined) expect([taken.count, taken.root()]).toEqual([1, ROOT]);
          }
          resumption.end();
        } catch (error) {
          expect(error).toBeInstanceOf(LanxferError);
          if (error instanceof LanxferError) expect(error.code).toMatch(/^E_(PROTO|NAME|SOURCE_CHANGED)$/);
        }
        expect(resumption.already.bytes).toBe(resumption.already.entries * CONTENT.length);
        if (!asked) expect(resumption.already.entries).toBe(0);
        expect(resumption.bytes).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("the journal of what came earlier, whatever stands in it,", () => {
  let root: string;
  let inbox: PinnedDir;
  const files = new SmallFiles();
  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), "lanxfer-fuzz-"));
    await mkdir(path.join(root, "inbox", "d", "e"), { recursive: true });
    await writeFile(path.join(root, "secret"), CONTENT);
    for (const name of ["a", "e/b"]) {
      const file = path.join(root, "inbox", "d", name);
      await writeFile(file, CONTENT);
      await utimes(file, 0, 0);
    }
    await symlink("../../secret", path.join(root, "inbox", "d", "link"));
    await symlink("../..", path.join(root, "inbox", "d", "up"));
    inbox = await PinnedDir.open(path.join(root, "inbox"));
  });
  afterAll(async () => {
    await inbox.close();
    await rm(root, { recursive: true });
  });

  const offer = {
    ...{ t: "offer", id: transferIdFrom(Buffer.alloc(10)), entries: 9, bytes: 9, count: 1 },
    items: [{ name: "d", type: "folder" }],
  };
  const header = JSON.stringify({ t: "offer", v: 1, peer: deviceIdFromHash(Buffer.alloc(32)), offer });
  // Anything that no name may be puts all of a journal in doubt.
  const name = fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom("a", "b", "e", "link", "up", "secret") },
    { weight: 1, arbitrary: fc.constantFrom("..", "../secret", "/etc/passwd", "up/secret", "") },
  );
  const begun = fc.record({
    t: fc.constant("begun" as const),
    name,
    facts: fc.record({
      path: fc.oneof(
        fc.constantFrom(["d"], ["d", "a"], ["d", "e"], ["d", "e", "b"], ["d", "up"], ["d", "up", "secret"]),
        fc.array(name, { minLength: 1, maxLength: 4 }),
      ),
      type: fc.constantFrom("file", "folder"),
      size: fc.constant(CONTENT.length),
      mtime: fc.constant(0),
    }),
  });
  const other = fc.oneof(
    fc.record({ t: fc.constant("finished" as const), n: fc.nat(6), root: fc.constant(ROOT) }),
    fc.record({
      t: fc.constant("publishing" as const),
      n: fc.nat(6),
      as: fc.constantFrom("d", "up"),
      reserved: fc.boolean(),
    }),
    fc.record({ t: fc.constant("dropped" as const), n: fc.nat(6) }),
  );
  const line = fc.oneof({ weight: 20, arbitrary: begun }, { weight: 1, arbitrary: other });

  it("leads to nothing outside of the inbox", async () => {
    const journal = path.join(root, "journal");
    let told = 0;
    const begins = [
      { t: "begun", n: 0, name: "0", facts: { path: ["d"], type: "folder", size: 0, mtime: 0 } },
      { t: "publishing", n: 0, as: "d", reserved: true },
    ];
    await files.during(() =>
      fc.assert(
        fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
          // In order, as a journal is, or it is not believed; and mostly of files that are complete.
          let n = 0;
          const ordered = lines.flatMap((one): object[] => {
            if (one.t !== "begun") return [one];
            const begun = { ...one, n: ++n };
            return one.facts.type === "file" ? [begun, { t: "finished", n, root: ROOT }] : [begun];
          });
          await writeFile(
            journal,
            [header, ...[...begins, ...ordered].map((one) => JSON.stringify(one)), ""].join("\n"),
          );
          const arrival = {
            name: "d",
            type: "folder",
            as: "d",
            root: null,
            facts: undefined,
            journal,
            forget: () => {},
          } as const;
          const found = new Map<string, readonly EarlierItem[]>();
          await findEarlier(inbox, [arrival], [{ name: "d", type: "folder" }], files, found);
          const items = [...thereItems(found, new Map(), 100)];
          told += items.length;
          const reader = new EarlierReader(inbox, Buffer.alloc, never);
          for (const file of [...found.values()].flat().flatMap((one) => [...one.files()])) {
            expect(["d/a", "d/e/b"]).toContain(file.names.join("/"));
            for await (const { data } of reader.blocks(file)) expect(data.equals(CONTENT)).toBe(true);
          }
          await reader.close();
        }),
        { numRuns: 1_500 },
      ),
    );
    expect(told).toBeGreaterThan(10); // or nothing was looked at
  });
});
