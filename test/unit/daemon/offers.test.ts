import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { deviceIdFromHash } from "../../../src/core/ids.ts";
import { type Party, stranger } from "../../../src/daemon/views.ts";
import { Waiting } from "./support/waiting.ts";

const device = (n: number) => deviceIdFromHash(Buffer.alloc(32, n));
const paired = (n: number): Party => ({ id: device(n), name: `device ${n}` });
const unpaired = (n: number): Party => stranger(device(n), "alice", []);

describe("An offer", () => {
  it.each([paired(1), unpaired(1)])("waits until it is answered", async (from) => {
    const waiting = new Waiting();
    const [yes, no] = [waiting.offer(from), waiting.offer(from)];
    expect(waiting.ids).toEqual([yes.id, no.id]);
    expect(waiting.offers.find(yes.id).answer()).toBe(true);
    const second = waiting.offers.find(no.id);
    expect(second.answer(new LanxferError("E_DECLINED"))).toBe(true);
    expect(second.answer()).toBe(false);
    expect(await yes.ended).toBe("accepted");
    expect(await no.ended).toBe("E_DECLINED");
    expect(waiting.ids).toEqual([]);
    expect(waiting.changes.filter((change) => change.startsWith("gone"))).toHaveLength(2);
    expect(waiting.clock.timers).toBe(0);
  });

  it.each([paired(1), unpaired(1)])("that nobody answers is over after ten minutes", async (from) => {
    const waiting = new Waiting();
    const { ended, id } = waiting.offer(from);
    await waiting.clock.pass(10 * 60_000 - 1);
    expect(waiting.ids).toEqual([id]);
    await waiting.clock.pass(1);
    expect(await ended).toBe("E_TIMEOUT");
    expect(waiting.ids).toEqual([]);
  });

  it.each([paired(1), unpaired(1)])("is gone with its sender", async (from) => {
    const waiting = new Waiting();
    const { ended, id } = waiting.offer(from);
    waiting.hangUp(id);
    expect(await ended).toBe("E_LOST");
    expect(() => waiting.offers.find(id)).toThrow(`no offer "${id}"`);
    expect(waiting.clock.timers).toBe(0);
  });

  it("is taken away with the trust in its sender", async () => {
    const waiting = new Waiting();
    const [first, second] = [waiting.offer(unpaired(1)), waiting.offer(unpaired(2))];
    waiting.offers.withdraw(device(1), new LanxferError("E_NOT_PAIRED"));
    expect(await first.ended).toBe("E_NOT_PAIRED");
    expect(waiting.ids).toEqual([second.id]);
  });
});

describe("Places for offers", () => {
  const fill = (waiting: Waiting, party: (n: number) => Party, count: number) =>
    Array.from({ length: count }, (_, n) => waiting.offer(party(n), `192.0.2.${n}`));

  it.each([
    ["paired", paired, 16],
    ["that is not paired", unpaired, 4],
  ])("are so many for a device %s", async (_, party, most) => {
    const waiting = new Waiting();
    const offers = fill(waiting, () => party(1), most);
    expect(await waiting.offer(party(1)).ended).toBe("E_BUSY");
    expect(waiting.ids).toHaveLength(most);
    waiting.offers.find(offers[0]?.id ?? "").answer();
    waiting.offer(party(1));
    expect(waiting.ids).toHaveLength(most);
  });

  it.each([
    ["paired", paired, 64],
    ["that are not paired", unpaired, 16],
  ])("are so many for all devices %s", async (_, party, most) => {
    const waiting = new Waiting();
    fill(waiting, party, most);
    expect(await waiting.offer(party(200), "198.51.100.1").ended).toBe("E_BUSY");
    expect(waiting.ids).toHaveLength(most);
  });

  it.each([
    ["192.0.2.1", "192.0.2.1", "192.0.2.2"],
    ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"],
  ])("are eight for new keys at %s", async (address, alike, other) => {
    const waiting = new Waiting();
    for (let n = 0; n < 8; n++) waiting.offer(unpaired(n), address);
    expect(await waiting.offer(unpaired(20), alike).ended).toBe("E_BUSY");
    waiting.offer(unpaired(20), other);
    expect(waiting.ids).toHaveLength(9);
    for (let n = 0; n < 20; n++) waiting.offer(paired(100 + n), address);
    expect(waiting.ids).toHaveLength(29);
  });

  it("of paired devices are not those of others, and the other way round", () => {
    const waiting = new Waiting();
    fill(waiting, unpaired, 16);
    fill(waiting, (n) => paired(100 + n), 64);
    expect(waiting.ids).toHaveLength(80);
    const all = waiting.offers.list().map(({ from }) => from.unpaired !== undefined);
    expect(all).toEqual([...Array(64).fill(false), ...Array(16).fill(true)]);
  });
});

describe("The id of an offer", () => {
  it("may be cut short as long as it is the only one", () => {
    const waiting = new Waiting();
    const { id } = waiting.offer(paired(1), undefined, "abcaaaaaaaaaaaaa");
    waiting.offer(paired(1), undefined, "abdaaaaaaaaaaaaa");
    expect(waiting.offers.find("abc").view.id).toBe(id);
    for (const text of ["ab", "", "x"]) expect(() => waiting.offers.find(text)).toThrow(LanxferError);
  });

  it("of a paired device's means that one, whatever ids others choose", () => {
    const waiting = new Waiting();
    const { id } = waiting.offer(unpaired(9));
    waiting.offer(paired(1), undefined, id);
    waiting.offer(unpaired(8), undefined, id);
    expect(waiting.offers.find(id).from).toBe(device(1));
  });
});
