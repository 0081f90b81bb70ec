import type { StatsFs } from "node:fs";
import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { transferIdFrom } from "../../../src/core/ids.ts";
import { Admission, type Limits } from "../../../src/daemon/incoming/admission.ts";
import type { Offer } from "../../../src/transfer/incoming.ts";
import { idOf } from "../identity/support/ids.ts";

const ROOMY = { bavail: 1_000_000, blocks: 1_000_000, bsize: 4_096 } as StatsFs; // what is looked at
const LIMITS: Limits = { reserve: 0, transfer: 0, entries: 1_000, parallel: 64 };

function admission(limits: Partial<Limits> = {}, space: () => Promise<StatsFs> = async () => ROOMY): Admission {
  return new Admission(space, () => ({ ...LIMITS, ...limits }));
}

const offer = (changes: Partial<Offer> = {}): Offer => ({
  t: "offer",
  id: transferIdFrom(Buffer.alloc(10)),
  entries: 1,
  bytes: 1,
  count: 1,
  items: [{ name: "a", type: "file" }],
  ...changes,
});

/** How many transfers this device gets until it is told that it has too many. */
async function fill(to: Admission, device: string): Promise<number> {
  for (let n = 0; ; n++) {
    const refused = await to.reserve(idOf(device), offer(), 0).then(
      () => undefined,
      (error: LanxferError) => error.code,
    );
    if (refused === undefined) continue;
    expect(refused).toBe("E_BUSY");
    return n;
  }
}

describe("places for transfers", () => {
  it("are half taken by one device that wants all, and there is always one for whoever has none", async () => {
    const to = admission();
    expect(await fill(to, "greedy")).toBe(32);
    expect(await fill(to, "second")).toBe(16);
    for (const name of ["third", "fourth", "fifth", "sixth"]) expect(await fill(to, name)).toBeGreaterThan(0);
    expect(to.running).toBeLessThanOrEqual(64);
  });

  it.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [4, 2],
    [1024, 512],
  ])("of %i in all are %i for one device", async (parallel, share) => {
    expect(await fill(admission({ parallel }), "greedy")).toBe(share);
  });

  it("come back when a transfer is over, or could not begin", async () => {
    const to = admission({ parallel: 1 });
    const promised = await to.reserve(idOf("a"), offer(), 0);
    await expect(to.reserve(idOf("b"), offer(), 0)).rejects.toMatchObject({ code: "E_BUSY" });
    to.release(promised);
    const large = offer({ bytes: Number.MAX_SAFE_INTEGER });
    await expect(to.reserve(idOf("b"), large, 0)).rejects.toMatchObject({ code: "E_NO_SPACE" });
    await to.reserve(idOf("b"), offer(), 0);
  });
});

describe("room", () => {
  it("is promised once, also to offers that come in the same moment, less what has come by now", async () => {
    const to = admission({}, async () => ({ ...ROOMY, bavail: 10, bsize: 1_000, blocks: 10 }));
    const both = await Promise.allSettled([1, 2].map((n) => to.reserve(idOf(`${n}`), offer({ bytes: 6_000 }), 0)));
    const promised = both.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    expect(promised).toHaveLength(1);
    for (const each of promised) each.moved = 6_000;
    await to.reserve(idOf("3"), offer({ bytes: 6_000 }), 0);
  });

  it("is not set aside for what is there, until it has to be written", async () => {
    const to = admission({}, async () => ({ ...ROOMY, bavail: 10, bsize: 1_000, blocks: 10 }));
    const large = offer({ bytes: 50_000 });
    await expect(to.reserve(idOf("1"), large, 0)).rejects.toMatchObject({ code: "E_NO_SPACE" });
    await expect(to.reserve(idOf("1"), large, 0, { entries: 1, bytes: 39_000 })).rejects.toMatchObject({
      details: { needs: 11_000, has: 10_000 },
    });
    const promised = await to.reserve(idOf("1"), large, 0, { entries: 1, bytes: 45_000 });
    expect([to.covers(promised, 3_000), to.covers(promised, 2_000), to.covers(promised, 1)]).toEqual([
      true,
      true,
      false,
    ]);
    await expect(to.setAside(promised)).rejects.toMatchObject({ code: "E_NO_SPACE" });
    promised.moved = 45_000;
    await to.setAside(promised);
    expect(to.covers(promised, 50_000)).toBe(true);
  });

  it.each<[string, Partial<Offer>]>([
    ["entries", { entries: 1_001 }],
    ["bytes", { bytes: 5_001 }],
  ])("is not looked for when there are too many %s", async (_, changes) => {
    const to = admission({ transfer: 5_000 }, async () => {
      throw new Error("looked");
    });
    await expect(to.reserve(idOf("a"), offer(changes), 0)).rejects.toMatchObject({ code: "E_LIMIT" });
  });

  it("that cannot be told is the inbox's fault", async () => {
    const to = admission({}, async () => {
      throw Object.assign(new Error("gone"), { code: "ENOENT" });
    });
    await expect(to.reserve(idOf("a"), offer(), 0)).rejects.toBeInstanceOf(LanxferError);
    await expect(to.reserve(idOf("a"), offer(), 0)).rejects.toMatchObject({ code: "E_INBOX" });
    expect(to.running).toBe(0);
  });
});
