import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { LanxferError } from "../../../src/core/errors.ts";
import { deviceIdFromHash, transferIdFrom } from "../../../src/core/ids.ts";
import type { TransferStart } from "../../../src/daemon/record/transfer-record.ts";
import { Transfers } from "../../../src/daemon/record/transfers.ts";

const device = (n: number) => ({ id: deviceIdFromHash(new Uint8Array(32).fill(n)), name: `device ${n}` });
const id = (n: number) => transferIdFrom(new Uint8Array(10).fill(n));

function start(over: Partial<TransferStart> = {}): TransferStart {
  const items = [{ name: "a", type: "file" }] as const;
  const facts = { items, entries: 1, bytes: 10, note: null };
  return { id: id(1), direction: "in", peer: device(1), ...facts, state: "running", ...over };
}

describe("the record of transfers", () => {
  it("finds the running one of two devices that chose the same id", () => {
    const transfers = new Transfers(systemClock, () => {});
    const ended = transfers.start(start(), () => {});
    ended.end(new LanxferError("E_LOST"));
    const running = transfers.start(start({ peer: device(2) }), () => {});
    expect(transfers.find(id(1))).toBe(running);
    running.end(undefined);
    expect(() => transfers.find(id(1))).toThrow('no transfer "');
  });

  it("finds by a prefix that fits one, and by no other", () => {
    const transfers = new Transfers(systemClock, () => {});
    const one = transfers.start(start(), () => {});
    const other = transfers.start(start({ id: id(200) }), () => {});
    expect(transfers.find(id(1).slice(0, 3))).toBe(one);
    expect(transfers.find(id(200))).toBe(other);
    for (const unknown of ["", "zzz"]) expect(() => transfers.find(unknown)).toThrow(LanxferError);
  });

  it("keeps every running one and the last 200 that ended", () => {
    const transfers = new Transfers(systemClock, () => {});
    const first = transfers.start(start({ id: id(0) }), () => {});
    for (let n = 1; n <= 250; n++) transfers.start(start({ id: id(n), peer: device(n) }), () => {}).end(undefined);
    transfers.start(start({ id: id(255), peer: device(255) }), () => {});
    expect(transfers.list(true)).toHaveLength(202);
    expect(transfers.list(false).map((view) => view.id)).toEqual([first.view.id, id(255)]);
  });

  it("shows how each one ended, once", () => {
    const seen: string[] = [];
    const transfers = new Transfers(systemClock, (record) => seen.push(record.view.state));
    const record = transfers.start(start(), () => {});
    record.patch({ moved: 4 });
    record.published(0, { name: "a", as: "a (1)", path: "/inbox/a (1)", root: "00", there: false });
    record.end(undefined);
    expect(record.view).toMatchObject({ state: "done", moved: 10, error: null, items: [{ as: "a (1)" }] });
    expect(seen).toEqual(["running", "running", "running", "done"]);
    let cancelled = 0;
    const late = transfers.start(start({ id: id(9) }), () => cancelled++);
    late.end(new LanxferError("E_CANCELLED_BY_PEER"));
    late.cancel(new LanxferError("E_CANCELLED"));
    expect([late.view.state, cancelled]).toEqual(["cancelled", 0]);
  });

  it("shows what one waits for until it goes on or ends, and does not count it as running meanwhile", () => {
    const transfers = new Transfers(systemClock, () => {});
    const record = transfers.start(start(), () => {});
    record.waits(new LanxferError("E_LOST", { peer: "alice" }));
    expect(record.view).toMatchObject({ state: "waiting", waitingFor: { code: "E_LOST" }, endedAt: null });
    expect(transfers.list(false)).toHaveLength(1);
    expect(transfers.running()).toEqual([]);
    record.patch({ state: "running", resumed: 7 });
    expect(record.view).toMatchObject({ state: "running", waitingFor: null, resumed: 7 });
    expect(transfers.running()).toEqual([record]);
    record.waits(undefined);
    record.end(new LanxferError("E_CANCELLED"));
    expect(record.view).toMatchObject({ state: "cancelled", waitingFor: null, resumed: 7 });
  });

  it("lists a name that was changed once, however many attempts tell of it", () => {
    const record = new Transfers(systemClock, () => {}).start(start(), () => {});
    for (const path of ["d/a:b", "d/a:b", "d/c"]) record.renamed(path, "other");
    expect(record.view.renamed.map(({ path }) => path)).toEqual(["d/a:b", "d/c"]);
  });
});
