import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviceIdFromHash, transferIdFrom } from "../../../src/core/ids.ts";
import { claimed, type JournalLine, type JournalRecord, Reading } from "../../../src/transfer/journal-lines.ts";

const peer = deviceIdFromHash(Buffer.alloc(32, 1));
const id = transferIdFrom(Buffer.alloc(10));
const MiB = 1024 * 1024;
const ROOT = "0".repeat(64);
const digests = (count: number) => Buffer.alloc(32 * count, 7).toString("base64");

const OFFER: JournalLine = {
  t: "offer",
  v: 1,
  peer,
  offer: { t: "offer", id, entries: 3, bytes: 5 * MiB, count: 1, items: [{ name: "d", type: "folder" }] },
};
const file = (n: number, size: number, ...path: string[]): JournalLine => ({
  t: "begun",
  n,
  name: path.at(-1) ?? "",
  facts: { path, type: "file", size, mtime: 0 },
});
const folder = (n: number, ...path: string[]): JournalLine => ({
  t: "begun",
  n,
  name: String(n),
  facts: { path, type: "folder", size: 0, mtime: 0 },
});
const text = (...lines: readonly unknown[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const read = (...lines: readonly unknown[]) => readAll(text(...lines));

/** As it is read from a file (lines.ts), a last line without an end left out. */
function readAll(text: string): JournalRecord | undefined {
  const reading = new Reading();
  const lines = text.split("\n").slice(0, -1);
  const length = Buffer.byteLength(lines.map((line) => `${line}\n`).join(""));
  return lines.every((line) => reading.take(line)) ? reading.record(length) : undefined;
}

describe("the lines of a journal", () => {
  it("add up to what is claimed of each path", () => {
    const record = read(
      OFFER,
      folder(0, "d"),
      file(1, 3 * MiB, "d", "large"),
      { t: "written", n: 1, digests: digests(1) },
      { t: "written", n: 1, digests: digests(1) },
      { t: "flushed", n: 1, blocks: 1 },
      file(2, 5, "d", "small"),
      { t: "finished", n: 2, root: ROOT },
    );
    expect(record).toMatchObject({ peer, offer: { id }, next: 3 });
    expect([...(record?.entries.keys() ?? [])]).toEqual(["d", "d/large", "d/small"]);
    const large = record?.entries.get("d/large");
    expect([large?.digests?.count, large?.flushed, large?.root, large?.closed]).toEqual([2, 1, undefined, undefined]);
    expect(record?.entries.get("d/small")?.root).toBe(ROOT);
    expect(record && claimed(record)).toBe(2 * MiB + 5);
  });

  it("count by the newest entry of a path, and not at all when that was dropped", () => {
    const again = [OFFER, file(0, 2 * MiB, "a"), { t: "written", n: 0, digests: digests(2) }, OFFER, file(1, 7, "a")];
    expect(read(...again)?.entries.get("a")).toMatchObject({ n: 1, facts: { size: 7 } });
    expect(read(...again, { t: "dropped", n: 0 })?.entries.get("a")).toMatchObject({ n: 1 });
    expect(read(...again, { t: "dropped", n: 1 })?.entries.size).toBe(0);
  });

  it("forget that a part was closed as soon as more is written", () => {
    const lines = [OFFER, file(0, 3 * MiB, "a"), { t: "written", n: 0, digests: digests(1) }];
    const closed = { t: "closed", n: 0, changed: "123" };
    expect(read(...lines, closed)?.entries.get("a")?.closed).toBe("123");
    const more = { t: "written", n: 0, digests: digests(1) };
    expect(read(...lines, closed, more)?.entries.get("a")?.closed).toBeUndefined();
  });

  it("are believed up to a last one that was cut short, and its bytes do not count", () => {
    const whole = text(OFFER, file(0, 5, "a"));
    for (const torn of ["", "{", '{"t":"finished","n":0,"root":"00']) {
      const record = readAll(whole + torn);
      expect(record?.entries.size).toBe(1);
      expect(record?.length).toBe(Buffer.byteLength(whole));
    }
  });

  it.each<[string, readonly unknown[]]>([
    ["there are none", []],
    ["an offer is missing", [file(0, 5, "a")]],
    ["the peer changes", [OFFER, { ...OFFER, peer: deviceIdFromHash(Buffer.alloc(32, 2)) }]],
    ["the transfer changes", [OFFER, { ...OFFER, offer: { ...OFFER.offer, id: transferIdFrom(Buffer.alloc(10, 1)) } }]],
    ["the version is another", [{ ...OFFER, v: 2 }]],
    ["one is no object", [OFFER, 1]],
    ["one is unknown", [OFFER, { t: "unknown" }]],
    ["one is about nothing", [OFFER, { t: "finished", n: 0, root: ROOT }]],
    ["a number comes twice", [OFFER, file(0, 5, "a"), file(0, 5, "b")]],
    ["there are more digests than blocks", [OFFER, file(0, 5, "a"), { t: "written", n: 0, digests: digests(2) }]],
    ["a digest is cut", [OFFER, file(0, 5, "a"), { t: "written", n: 0, digests: "AAAA" }]],
    ["more is flushed than written", [OFFER, file(0, 5, "a"), { t: "flushed", n: 0, blocks: 1 }]],
    ["a folder is finished", [OFFER, folder(0, "d"), { t: "finished", n: 0, root: ROOT }]],
    [
      "an inner entry is published",
      [OFFER, folder(0, "d"), file(1, 5, "d", "a"), { t: "publishing", n: 1, as: "a", reserved: false }],
    ],
    ["a name leads elsewhere", [OFFER, { ...file(0, 5, "a"), name: ".." }]],
    ["a name is a path", [OFFER, { ...file(0, 5, "a"), name: "../a" }]],
    ["a final name leads elsewhere", [OFFER, file(0, 5, "a"), { t: "publishing", n: 0, as: "/etc/x", reserved: true }]],
  ])("say nothing at all when %s", (_, lines) => {
    expect(read(...lines)).toBeUndefined();
  });

  it("say nothing at all when one in the middle is damaged", () => {
    const lines = text(OFFER, file(0, 5, "a"), { t: "finished", n: 0, root: ROOT }).split("\n");
    expect(readAll([lines[0], `${lines[1]}x`, lines[2], ""].join("\n"))).toBeUndefined();
    expect(readAll([lines[0], "", lines[1], lines[2], ""].join("\n"))).toBeUndefined();
  });

  it("never throw, whatever stands in the file", () => {
    const whole = text(OFFER, folder(0, "d"), file(1, 3 * MiB, "d", "a"), { t: "written", n: 1, digests: digests(2) });
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(40), fc.string(), (at, removed, inserted) => {
        const record = readAll(whole.slice(0, at) + inserted + whole.slice(at + removed));
        expect(record === undefined || record.length <= whole.length + 4 * inserted.length).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
