import path from "node:path";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import type { DeviceId } from "../../../src/core/ids.ts";
import { Claims } from "../../../src/daemon/incoming/claims.ts";
import { KEPT_FOR_MS } from "../../../src/daemon/incoming/interrupted.ts";
import { LandedTransfers } from "../../../src/daemon/incoming/landed.ts";
import { History } from "../../../src/daemon/record/history.ts";
import { hasArrived } from "../../../src/daemon/record/history-lines.ts";
import { Transfers } from "../../../src/daemon/record/transfers.ts";
import { historyView } from "../../../src/daemon/views.ts";
import { temporaryDirectories } from "../../support/temporary.ts";
import { ManualClock } from "../discovery/support/clock.ts";
import { device, MB, transfer, Waiting } from "./support/interrupted.ts";

const directory = temporaryDirectories();

describe("interrupted transfers", () => {
  it("are kept for seven days, then given up with a line in the history", async () => {
    const waiting = await Waiting.open(await directory());
    const stop = waiting.interrupted.watch();
    await waiting.add(device(1), 1);
    await waiting.clock.pass(KEPT_FOR_MS / 2);
    await waiting.add(device(1), 2);
    await waiting.clock.pass(KEPT_FOR_MS / 2 - 1);
    expect(waiting.ended).toEqual([]);
    await waiting.clock.pass(2 * 60 * 60_000);
    await expect.poll(() => waiting.reasons).toEqual(["E_TIMEOUT"]);
    expect(await waiting.staged()).toEqual([transfer(2)]);
    stop();
    expect(waiting.clock.timers).toBe(0);
  });

  it("of one device are 64 at most: its oldest goes, nobody else's", async () => {
    const waiting = await Waiting.open(await directory());
    await waiting.add(device(2), 200);
    for (let n = 1; n <= 65; n++) await waiting.add(device(1), n);
    expect(waiting.reasons).toEqual(["E_LIMIT"]);
    expect(waiting.ended[0]?.view.id).toBe(transfer(1));
    expect(await waiting.staged()).toHaveLength(65);
  });

  it("make room, the oldest first, but only if that is enough", async () => {
    const waiting = await Waiting.open(await directory());
    for (const n of [1, 2, 3]) await waiting.add(device(n), n, 10 * MB);
    expect(await waiting.interrupted.makeRoom(31 * MB)).toBe(false);
    expect(waiting.ended).toEqual([]);
    expect(await waiting.interrupted.makeRoom(11 * MB)).toBe(true);
    expect(waiting.ended.map(({ view }) => view.id)).toEqual([transfer(1), transfer(2)]);
    expect(waiting.reasons).toEqual(["E_NO_SPACE", "E_NO_SPACE"]);
    expect(await waiting.staged()).toEqual([transfer(3)]);
  });

  it("that were taken to go on are nobody's to remove", async () => {
    const waiting = await Waiting.open(await directory());
    const kept = await waiting.add(device(1), 1);
    expect(waiting.interrupted.take(device(2), transfer(1))).toBeUndefined();
    expect(waiting.interrupted.take(device(1), transfer(1))?.kept).toBe(kept);
    expect(waiting.interrupted.take(device(1), transfer(1))).toBeUndefined();
    expect(await waiting.interrupted.makeRoom(1)).toBe(false);
    await waiting.interrupted.forget(device(1), transfer(1), new LanxferError("E_CANCELLED"));
    await waiting.interrupted.forgetAll(new LanxferError("E_NOT_PAIRED"), (id) => id === device(1));
    expect(await waiting.staged()).toEqual([transfer(1)]);
  });

  it("end when the user cancels one, or trust in its device ends", async () => {
    const waiting = await Waiting.open(await directory());
    for (const n of [1, 2, 3]) await waiting.add(device(n > 1 ? 2 : 1), n);
    await waiting.interrupted.forget(device(1), transfer(1), new LanxferError("E_CANCELLED"));
    await waiting.interrupted.forgetAll(new LanxferError("E_NOT_PAIRED"), (id) => id === device(2));
    expect(waiting.reasons).toEqual(["E_CANCELLED", "E_NOT_PAIRED", "E_NOT_PAIRED"]);
    expect(await waiting.staged()).toEqual([]);
  });
});

describe("transfers that landed", () => {
  const record = (clock: ManualClock, peer: DeviceId, n: number, error?: LanxferError) => {
    const items = [
      { name: "a", type: "file" as const },
      { name: "b", type: "folder" as const },
    ];
    const start = { id: transfer(n), direction: "in" as const, peer: { id: peer, name: "anna" }, items };
    const made = new Transfers(clock, () => {}).start(
      { ...start, note: null, entries: 2, bytes: 5, state: "running" },
      () => {},
    );
    made.published(0, { name: "a", as: "a (1)", path: "/inbox/a (1)", root: "00", there: false });
    if (error === undefined) made.published(1, { name: "b", as: "b", path: "/inbox/b", root: null, there: false });
    made.end(error);
    return made;
  };
  const names = [
    { item: 0, as: "a (1)" },
    { item: 1, as: "b" },
  ];

  it("are known by device and id, with the names they got, for seven days", async () => {
    const clock = new ManualClock();
    const landed = new LandedTransfers(clock);
    landed.add(record(clock, device(1), 1).view);
    expect(landed.find(device(1), transfer(1))).toEqual(names);
    expect(landed.find(device(2), transfer(1))).toBeUndefined();
    expect(landed.find(device(1), transfer(2))).toBeUndefined();
    await clock.pass(KEPT_FOR_MS + 1);
    landed.add(record(clock, device(1), 2).view);
    expect(landed.find(device(1), transfer(1))).toBeUndefined();
    expect(landed.find(device(1), transfer(2))).toEqual(names);
  });

  it("are read back from the history: those that arrived, here, lately", async () => {
    const clock = new ManualClock();
    const history = await History.open(path.join(await directory(), "history.jsonl"));
    await history.append(historyView(record(clock, device(1), 1).view, 1, null));
    await clock.pass(KEPT_FOR_MS);
    await history.append(historyView(record(clock, device(1), 2).view, 1, null));
    await history.append(historyView(record(clock, device(1), 3, new LanxferError("E_CANCELLED")).view, 1, null));
    await history.append({ ...historyView(record(clock, device(1), 4).view, 1, null), direction: "out" });
    await clock.pass(1);
    const landed = new LandedTransfers(clock);
    landed.load((await history.read({ limit: 10, filter: hasArrived })).history);
    await history.close();
    expect([1, 2, 3, 4].map((n) => landed.find(device(1), transfer(n)))).toEqual([
      undefined,
      names,
      undefined,
      undefined,
    ]);
  });
});

describe("a transfer of more items than an offer lists", () => {
  it("is remembered with the names of those that were listed: the others are in no order", () => {
    const clock = new ManualClock();
    const items = Array.from({ length: 64 }, (_, n) => ({ name: `${n}`, type: "file" as const }));
    const facts = { items, count: 66, entries: 66, bytes: 0, note: null };
    const peer = { id: device(1), name: "anna" };
    const start = { id: transfer(1), direction: "in", peer, ...facts, state: "running" } as const;
    const made = new Transfers(clock, () => {}).start(start, () => {});
    for (const item of [65, 0, 64, ...items.keys()]) {
      made.published(item, { name: `${item}`, as: `as ${item}`, path: `/inbox/as ${item}`, root: "00", there: false });
    }
    expect(made.view.items.slice(63).map(({ name, as }) => [name, as])).toEqual([
      ["63", "as 63"],
      ["65", "as 65"],
      ["64", "as 64"],
    ]);
    const landed = new LandedTransfers(clock);
    landed.add(made.view);
    expect(landed.find(device(1), transfer(1))).toEqual([...items.keys()].map((item) => ({ item, as: `as ${item}` })));
  });
});

describe("a claim on a transfer", () => {
  it("is taken over by whoever comes later, when the older one has ended", async () => {
    const claims = new Claims();
    const told: string[] = [];
    const free = await claims.take("a", (reason) => void told.push(`first ${reason.code}`));
    const second = claims.take("a", (reason) => void told.push(`second ${reason.code}`));
    const third = claims.take("a", () => {});
    await claims.take("b", () => {});
    expect(told).toEqual(["first E_BUSY", "first E_BUSY"]);
    free();
    const freeSecond = await second;
    await expect.poll(() => told).toEqual(["first E_BUSY", "first E_BUSY", "second E_BUSY"]);
    freeSecond();
    (await third)();
  });
});
