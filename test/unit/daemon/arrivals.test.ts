import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { HistoryView, TransferView } from "../../../src/control/schema.ts";
import { deviceIdFromHash, transferIdFrom } from "../../../src/core/ids.ts";
import { Arrivals } from "../../../src/daemon/incoming/arrivals.ts";
import { LogLines } from "../../support/log-lines.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();
const [anna, carl] = [1, 2].map((byte) => deviceIdFromHash(Buffer.alloc(32, byte))) as [
  ReturnType<typeof deviceIdFromHash>,
  ReturnType<typeof deviceIdFromHash>,
]; // two of two
const idOf = (n: number) => transferIdFrom(Buffer.alloc(10, n));
const ROOT = "0".repeat(64);
type Item = TransferView["items"][number];
const file = (name: string, as = name, change: Partial<Item> = {}): Item => ({
  name,
  type: "file",
  as,
  path: `/inbox/${as}`,
  root: ROOT,
  there: false,
  ...change,
});
const folder = (name: string, as = name, change: Partial<Item> = {}): Item => ({
  ...file(name, as),
  type: "folder",
  root: null,
  ...change,
});
const transfer = (n: number, items: Item[], peer = anna) => ({ id: idOf(n), peer: { id: peer, name: "anna" }, items });

async function store() {
  const at = await directory();
  const log = new LogLines();
  const kept = path.join(at, "arrived");
  const journal = async (bytes = 10) => {
    await writeFile(path.join(at, "journal"), Buffer.alloc(bytes, "x"), { mode: 0o600 });
    return path.join(at, "journal");
  };
  const names = (arrivals: Arrivals, name: string, peer = anna, inbox = "/inbox") =>
    arrivals.find(peer, new Set([name]), inbox).map(({ as }) => as);
  return { at, kept, log, journal, names, arrivals: new Arrivals(kept, log) };
}

describe("what has landed", () => {
  it("is found by the device that sent it and the name that it had, the newest first", async () => {
    const { arrivals, journal, names } = await store();
    await arrivals.add(transfer(1, [file("a"), file("b")]), await journal());
    await arrivals.add(transfer(2, [file("a", "a (1)")]), await journal());
    await arrivals.add(transfer(3, [file("a", "a (2)")], carl), await journal());
    expect(names(arrivals, "a")).toEqual(["a (1)", "a"]);
    expect(names(arrivals, "a", carl)).toEqual(["a (2)"]);
    expect(names(arrivals, "a (1)")).toEqual([]);
    expect(names(arrivals, "a", anna, "/elsewhere")).toEqual([]);
    expect(arrivals.find(anna, new Set(["b"]), "/inbox")).toMatchObject([{ name: "b", root: ROOT, journal: null }]);
  });

  it("is under a name what came last there, from whomever", async () => {
    const { arrivals, journal, names } = await store();
    await arrivals.add(transfer(1, [file("a")]), await journal());
    await arrivals.add(transfer(2, [file("x", "a")], carl), await journal());
    expect(names(arrivals, "a")).toEqual([]);
    expect(names(arrivals, "x", carl)).toEqual(["a"]);
  });

  it("is not what did not come", async () => {
    const { arrivals, journal, names } = await store();
    await arrivals.add(transfer(1, [file("b", "b", { path: null })]), await journal());
    expect(names(arrivals, "b")).toEqual([]);
  });

  it("is found, a file, by what was said of it when it was there again", async () => {
    const { arrivals, names } = await store();
    await arrivals.load([transfer(2, [file("a", "a", { there: true })])] as unknown as HistoryView[]); // all that is read of it
    expect(names(arrivals, "a")).toEqual(["a"]);
  });

  it("is the newest again when it was there again, and so is its journal", async () => {
    const { arrivals, journal, kept } = await store();
    const MiB = 1024 * 1024;
    const again = (n: number) => arrivals.add(transfer(n, [folder("d", "d", { there: true })]), "");
    const other = async (n: number) => arrivals.add(transfer(n, [folder(`e${n}`)]), await journal(22 * MiB));
    await arrivals.add(transfer(1, [folder("d")]), await journal(22 * MiB));
    await other(2);
    await again(3);
    await other(4);
    expect((await readdir(kept)).toSorted()).toEqual([1, 4].map((n) => `${anna}.${idOf(n)}`).toSorted());
    const lines = Array.from({ length: 10_000 }, (_, n) => file(`${n}`));
    await again(5);
    await arrivals.add(transfer(6, lines.slice(1)), "");
    expect(arrivals.find(anna, new Set(["d"]), "/inbox")).toMatchObject([
      { journal: expect.stringContaining(idOf(1)) },
    ]);
  });

  it("is not told of again once it was not what it was taken for, until it comes again", async () => {
    const { arrivals, journal, names } = await store();
    await arrivals.add(transfer(1, [file("a")]), await journal());
    const [found] = arrivals.find(anna, new Set(["a"]), "/inbox");
    found?.forget();
    expect(names(arrivals, "a")).toEqual([]);
    await arrivals.add(transfer(2, [file("a")]), await journal());
    found?.forget();
    expect(names(arrivals, "a")).toEqual(["a"]);
  });

  it("is known again at the next start, as far as there are journals", async () => {
    const { arrivals, journal, kept, log } = await store();
    await arrivals.add(transfer(1, [folder("d")]), await journal());
    const lines = [transfer(2, [folder("e")]), transfer(1, [folder("d")])] as unknown as HistoryView[]; // all that is read of them
    await writeFile(path.join(kept, "something else"), "");
    const next = new Arrivals(kept, log);
    await next.load(lines);
    const [d] = next.find(anna, new Set(["d"]), "/inbox");
    expect(await readFile(d?.journal ?? "", "utf8")).toBe("x".repeat(10));
    expect((await stat(d?.journal ?? "")).mode & 0o777).toBe(0o600);
    expect((await stat(kept)).mode & 0o777).toBe(0o700);
    expect(next.find(anna, new Set(["e"]), "/inbox")).toMatchObject([{ journal: null }]);
  });

  it("has journals only of folders that came, and of those as many as there is room for", async () => {
    const { arrivals, journal, kept } = await store();
    await arrivals.add(transfer(1, [file("a"), folder("d", "d", { there: true })]), await journal());
    expect(await readdir(kept).catch(() => [])).toEqual([]);
    const MiB = 1024 * 1024;
    await arrivals.add(transfer(9, [folder("huge")]), await journal(33 * MiB));
    for (let n = 1; n <= 3; n++) await arrivals.add(transfer(n, [folder(`d${n}`)]), await journal(22 * MiB));
    expect((await readdir(kept)).toSorted()).toEqual([2, 3].map((n) => `${anna}.${idOf(n)}`).toSorted());
    await arrivals.add(transfer(3, [folder("d3")]), await journal(5));
    expect((await stat(path.join(kept, `${anna}.${idOf(3)}`))).size).toBe(5);
  });

  it("is told of in the log when its journal cannot be kept, and known all the same", async () => {
    const { arrivals, journal, kept, log, names } = await store();
    await writeFile(kept, "");
    await arrivals.add(transfer(1, [folder("d"), file("a")]), await journal());
    expect(log.at("warn")).toEqual([expect.stringMatching(/^what came is not known to be there/)]);
    expect([...names(arrivals, "d"), ...names(arrivals, "a")]).toEqual(["d", "a"]);
    expect(arrivals.find(anna, new Set(["d"]), "/inbox")).toMatchObject([{ journal: null }]);
  });

  it("is bounded", async () => {
    const { arrivals, journal, names } = await store();
    await arrivals.add(
      transfer(
        1,
        Array.from({ length: 10_001 }, (_, n) => file(`${n}`)),
      ),
      await journal(),
    );
    expect(names(arrivals, "0")).toEqual([]);
    expect(names(arrivals, "10000")).toEqual(["10000"]);
  });
});
