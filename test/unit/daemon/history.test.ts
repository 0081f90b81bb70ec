import { appendFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { HistoryView, HookView } from "../../../src/control/schema.ts";
import { History } from "../../../src/daemon/record/history.ts";
import { temporaryDirectories } from "../../support/temporary.ts";

const directory = temporaryDirectories();

function line(n: number, change: Partial<HistoryView> = {}): HistoryView {
  return {
    v: 1,
    at: new Date(Date.UTC(2026, 4, 1, 0, 0, n)).toISOString(),
    id: `transfer${n}`,
    direction: "in",
    peer: { id: "anna", name: "anna" },
    result: "done",
    items: [{ name: "a", type: "file", as: "a (1)", path: "/inbox/a (1)", root: "00", there: false }],
    count: 1,
    entries: 1,
    bytes: 5,
    already: { entries: 0, bytes: 0 },
    ms: 12,
    error: null,
    note: null,
    sourceChanged: false,
    hook: null,
    ...change,
  };
}

function hook(change: Partial<HookView> = {}): HookView {
  return { state: "waiting", attempts: 0, exit: null, signal: null, ms: null, problem: null, stderr: "", ...change };
}

const ended = hook({ state: "failed", attempts: 1, exit: 3, ms: 20, stderr: "no" });

describe("the history", () => {
  it("gives back what was written down, the newest first, as much as is wanted", async () => {
    const history = await History.open(path.join(await directory(), "history.jsonl"));
    const lines = [0, 1, 2].map((n) => line(n));
    for (const each of lines) await history.append(each);
    expect(await history.read({ limit: 10 })).toEqual({ history: lines.toReversed(), damaged: 0 });
    expect((await history.read({ limit: 1 })).history).toEqual([lines[2]]);
    const filter = ({ id }: HistoryView) => id !== "transfer2";
    expect((await history.read({ limit: 1, filter })).history).toEqual([lines[1]]);
    await history.close();
  });

  it("says last what has become of a hook", async () => {
    const history = await History.open(path.join(await directory(), "history.jsonl"));
    const [first, second] = [line(0, { hook: hook() }), line(1, { hook: hook() })];
    await history.append(first);
    await history.hookChanged(first, hook({ state: "running", attempts: 1 }));
    await history.append(second);
    await history.hookChanged(first, ended);
    expect((await history.read({ limit: 10 })).history).toEqual([second, { ...first, hook: ended }]);
    await history.close();
  });

  it("does not take the hook of one transfer for that of another with the same id", async () => {
    const history = await History.open(path.join(await directory(), "history.jsonl"));
    const mine = line(0, { hook: hook() });
    const others = [line(1, { id: mine.id, hook: hook() }), line(0, { peer: { id: "bert", name: "b" }, hook: hook() })];
    for (const each of [mine, ...others]) await history.append(each);
    await history.hookChanged(mine, ended);
    expect((await history.read({ limit: 10 })).history.map((each) => each.hook?.state)).toEqual([
      "waiting",
      "waiting",
      "failed",
    ]);
    await history.close();
  });

  it("reads the lines of the first version", async () => {
    const file = path.join(await directory(), "history.jsonl");
    const item = { name: "a", type: "file", as: "a", path: null };
    const old = {
      v: 1,
      at: "2026-05-01T12:00:00.000Z",
      id: "aaaaaaaaaaaaaaaa",
      direction: "out",
      peer: { id: "anna", name: "anna" },
      result: "done",
      items: [item, item],
      entries: 2,
      bytes: 5,
      ms: 12,
      error: null,
    };
    await writeFile(file, `${JSON.stringify(old)}\n`);
    const history = await History.open(file);
    expect(await history.read({ limit: 10 })).toEqual({
      history: [
        {
          ...old,
          items: [
            { ...item, root: null, there: false },
            { ...item, root: null, there: false },
          ],
          count: 2,
          already: { entries: 0, bytes: 0 },
          note: null,
          sourceChanged: false,
          hook: null,
        },
      ],
      damaged: 0,
    });
    await history.close();
  });

  it.each([
    ["half of a line", JSON.stringify(line(1)).slice(0, 40)],
    ["bytes of another file", "\x7fELF\x02\x01\x01\0"],
    ["JSON that is nothing of ours", '{"v":1,"items":3}'],
    ["a line of a later version", JSON.stringify({ ...line(1), v: 2 })],
    ["a hook of nothing", '{"v":1,"hookOf":{},"hook":{}}'],
    ["null", "null"],
    ["a transfer whose time is a number", JSON.stringify({ ...line(1), at: 5 })],
    ["__proto__", '{"__proto__":{"v":1}}'],
  ])("passes over and counts %s", async (_, damaged) => {
    const file = path.join(await directory(), "history.jsonl");
    const history = await History.open(file);
    await history.append(line(0));
    await appendFile(file, `${damaged}\n`);
    await history.append(line(2));
    expect(await history.read({ limit: 10 })).toEqual({ history: [line(2), line(0)], damaged: 1 });
    expect(await history.read({ limit: 1 })).toMatchObject({ damaged: 0 });
    await history.read({ limit: 10 });
    expect(history.damaged).toBe(1);
    await history.close();
    expect(await readFile(file, "latin1")).toContain(Buffer.from(damaged).toString("latin1"));
  });

  it("cannot be opened where there is something else, and says so", async () => {
    const dir = await directory();
    await expect(History.open(dir)).rejects.toMatchObject({ code: "E_STATE", details: { path: dir } });
  });
});
