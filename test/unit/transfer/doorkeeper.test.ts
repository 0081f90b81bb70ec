import { describe, expect, it } from "vitest";
import { Doorkeeper } from "../../../src/transfer/doorkeeper.ts";
import { ManualClock } from "../discovery/support/clock.ts";

const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

function doorkeeper(places = 256) {
  const clock = new ManualClock();
  const begun: string[] = [];
  const gone: string[] = [];
  const keeper = new Doorkeeper<string>(clock, places, {
    begin: (who) => void begun.push(who),
    evict: (who) => void gone.push(who),
  });
  const come = (address: string, who: string) => {
    keeper.enter(address, who);
    keeper.spoke(who);
  };
  /** A stranger whose handshake begins at once, if it begins, and is over. */
  const fail = (address: string, who: string) => {
    come(address, who);
    keeper.leave(who);
  };
  return { clock, keeper, begun, gone, come, fail };
}

describe("places before the gate", () => {
  it("are a quarter of all for one address, then who made no step for longest goes", () => {
    const { keeper, gone, begun } = doorkeeper();
    for (const n of range(64)) keeper.enter("192.0.2.1", `${n}`);
    expect(gone).toEqual([]);
    keeper.spoke("0");
    keeper.enter("192.0.2.1", "64");
    keeper.enter("192.0.2.1", "65");
    expect(gone).toEqual(["1", "2"]);
    expect(begun).toEqual(["0"]);
    for (const who of ["1", "3", "3"]) keeper.leave(who); // out already, or twice
    keeper.enter("192.0.2.1", "66");
    expect(gone).toEqual(["1", "2"]);
    keeper.enter("192.0.2.1", "67");
    expect(gone).toEqual(["1", "2", "4"]);
  });

  it("of those whose handshake has begun are lost only to each other, up to a half", () => {
    const { keeper, gone, begun, come } = doorkeeper(64);
    for (const n of range(10)) come("192.0.2.1", `begun ${n}`);
    expect(begun).toHaveLength(10);
    for (const n of range(100)) keeper.enter("192.0.2.1", `silent ${n}`);
    // 16 of this source: 8 of the first ten stay, and the last of the others.
    expect(gone.filter((who) => who.startsWith("begun"))).toEqual(["begun 0", "begun 1"]);
    expect(gone).toHaveLength(94);
  });

  it("are lost to the others by whoever has most of them", () => {
    const { keeper, gone } = doorkeeper(128);
    keeper.enter("192.0.2.7", "honest");
    for (const n of range(4)) for (const m of range(32)) keeper.enter(`192.0.2.${100 + n}`, `${n}-${m}`);
    expect(gone).toEqual(["0-0"]);
    keeper.enter("192.0.2.7", "honest, too");
    keeper.enter("192.0.2.8", "newcomer");
    expect(gone).toHaveLength(3);
    expect(gone).not.toContain("honest");
  });

  it("are those of strangers first: nobody loses his at an address at which somebody is known", () => {
    const { keeper, gone } = doorkeeper(128);
    keeper.welcome("192.0.2.7");
    for (const n of range(30)) keeper.enter("192.0.2.7", `friend ${n}`);
    for (const n of range(1_000)) keeper.enter(`10.0.${n >> 8}.${n & 255}`, `crowd ${n}`);
    expect(gone).toHaveLength(902);
    expect(gone.filter((who) => who.startsWith("friend"))).toEqual([]);
  });

  it("are free again when somebody is recognised or leaves", () => {
    const { keeper, gone, come } = doorkeeper(8);
    for (const n of range(100)) {
      come("192.0.2.1", `a${n}`);
      come("192.0.2.1", `b${n}`);
      keeper.recognise(`a${n}`, "192.0.2.1");
      keeper.leave(`b${n}`);
    }
    expect(gone).toEqual([]);
  });
});

describe("turns", () => {
  it("come at once, and none comes to who says nothing", () => {
    const { keeper, begun, come } = doorkeeper();
    keeper.enter("192.0.2.1", "silent");
    come("192.0.2.1", "speaks");
    expect(begun).toEqual(["speaks"]);
  });

  it("are 60 and then 10 a second for an address of strangers, and others do not wait for it", async () => {
    const { clock, begun, come, fail } = doorkeeper();
    for (const n of range(60)) fail("192.0.2.1", `${n}`);
    expect(begun).toHaveLength(60);
    for (const n of range(40)) come("192.0.2.1", `late ${n}`);
    expect(begun).toHaveLength(60);
    come("192.0.2.2", "other");
    expect(begun.at(-1)).toBe("other");
    await clock.pass(1_000);
    expect(begun.slice(61)).toEqual(range(10).map((n) => `late ${n}`));
    await clock.pass(10_000);
    expect(begun).toHaveLength(101);
    expect(clock.timers).toBe(0);
  });

  it("are 200 and then 100 a second for all strangers together, one source after another", async () => {
    const { clock, begun, come, fail } = doorkeeper();
    for (const n of range(200)) fail(`10.0.0.${n}`, `${n}`);
    for (const n of range(50)) come("10.0.1.1", `crowd ${n}`);
    come("10.0.1.2", "alone");
    expect(begun).toHaveLength(200);
    await clock.pass(20);
    expect(begun.slice(200)).toEqual(["crowd 0", "alone"]);
    await clock.pass(80);
    expect(begun).toHaveLength(210);
  });

  it("are not used up by who is recognised", () => {
    const { keeper, begun, come } = doorkeeper();
    for (const n of range(2_000)) {
      come("192.0.2.1", `${n}`);
      keeper.recognise(`${n}`, "192.0.2.1");
    }
    expect(begun).toHaveLength(2_000);
  });

  it("of an address at which somebody is known are its own, whatever strangers do elsewhere", () => {
    const { keeper, begun, come, fail } = doorkeeper();
    keeper.welcome("::ffff:192.0.2.7");
    for (const n of range(1_000)) fail(`10.0.${n >> 8}.${n & 255}`, `${n}`);
    expect(begun).toHaveLength(200);
    come("192.0.2.7", "friend");
    expect(begun.at(-1)).toBe("friend");
  });

  it("of a known address that a stranger shares come 100 a second, to the first to come", async () => {
    const { clock, keeper, begun, come, fail } = doorkeeper();
    keeper.welcome("192.0.2.7");
    for (const n of range(60)) fail("192.0.2.7", `${n}`);
    for (const n of range(20)) come("192.0.2.7", `crowd ${n}`);
    come("192.0.2.7", "friend");
    expect(begun).toHaveLength(60);
    await clock.pass(210);
    expect(begun.at(-1)).toBe("friend");
  });

  it("are there at once when somebody becomes known at an address that has none left", () => {
    const { keeper, begun, come, fail } = doorkeeper();
    for (const n of range(60)) fail("192.0.2.7", `${n}`);
    come("192.0.2.7", "friend");
    expect(begun).toHaveLength(60);
    keeper.welcome("192.0.2.7");
    expect(begun.at(-1)).toBe("friend");
  });

  it("come to nobody after the end", async () => {
    const { clock, keeper, begun, come, fail } = doorkeeper();
    for (const n of range(60)) fail("192.0.2.1", `${n}`);
    come("192.0.2.1", "late");
    keeper.close();
    await clock.pass(10_000);
    expect(begun).toHaveLength(60);
    expect(clock.timers).toBe(0);
  });
});

describe("a source", () => {
  it("is the subnet of an IPv6 address, since a host has as many addresses as it likes", () => {
    const { begun, fail, come } = doorkeeper();
    for (const n of range(100)) fail(`2001:db8::${n.toString(16)}`, `${n}`);
    expect(begun).toHaveLength(60);
    come("2001:db8:0:1::1", "another subnet");
    come("fe80::1%eth0", "on the link");
    expect(begun.slice(60)).toEqual(["another subnet", "on the link"]);
  });

  it("is an IPv4 address, however a socket writes it", () => {
    const { begun, fail } = doorkeeper();
    for (const n of range(100)) fail(n % 2 ? "::ffff:192.0.2.66" : "192.0.2.66", `${n}`);
    expect(begun).toHaveLength(60);
  });

  it("is the address itself where somebody is known, whatever its neighbours do", () => {
    const { keeper, begun, come, fail } = doorkeeper();
    keeper.welcome("fe80::7%eth0");
    for (const n of range(1_000)) fail(`fe80::bad:${n.toString(16)}%eth0`, `${n}`);
    expect(begun).toHaveLength(60);
    come("fe80::7%eth0", "friend");
    expect(begun.at(-1)).toBe("friend");
    come("fe80::8%eth0", "neighbour");
    expect(begun.at(-1)).toBe("friend");
  });

  it("is forgotten when it was quiet longest, so that inventing them costs us nothing", async () => {
    const { clock, begun, come, fail } = doorkeeper();
    for (const n of range(61)) fail("192.0.2.1", `${n}`);
    expect(begun).toHaveLength(60);
    for (const n of range(1_024)) fail(`10.0.${n >> 8}.${n & 255}`, `other ${n}`);
    await clock.pass(2_000);
    const before = begun.length;
    for (const n of range(60)) come("192.0.2.1", `again ${n}`);
    expect(begun.slice(before)).toHaveLength(60);
  });
});
