import { describe, expect, it } from "vitest";
import { Doorkeeper } from "../../../src/transfer/doorkeeper.ts";
import { ManualClock } from "../discovery/support/clock.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("the doorkeeper", () => {
  it("lets 64 of one address wait, then the oldest of them goes", () => {
    const keeper = new Doorkeeper<number>(new ManualClock());
    for (const n of numbers(64)) expect(keeper.enter("a", n)).toBeUndefined();
    expect([64, 65].map((n) => keeper.enter("a", n))).toEqual([0, 1]);
    keeper.leave(0); // is out already: makes no room
    expect(keeper.enter("a", 66)).toBe(2);
    keeper.leave(66);
    expect(keeper.enter("a", 67)).toBeUndefined();
  });

  it("lets 128 wait in all: the oldest of the largest crowd goes, not of somebody else", () => {
    const keeper = new Doorkeeper<string>(new ManualClock());
    expect(keeper.enter("honest", "honest")).toBeUndefined();
    for (const n of numbers(60)) keeper.enter("a", `a${n}`);
    for (const n of numbers(64)) keeper.enter("b", `b${n}`);
    for (const n of numbers(3)) expect(keeper.enter("c", `c${n}`)).toBeUndefined();
    expect(keeper.enter("c", "c3")).toBe("b0");
    expect(keeper.enter("honest", "honest 2")).toBe("b1");
    keeper.leave("honest");
    keeper.leave("honest 2");
    for (const n of numbers(500)) expect(keeper.enter(`spoofed ${n}`, `x${n}`) ?? "").not.toMatch(/^honest/);
  });

  it("turns away an address whose handshakes fail all the time, until it has been quiet", async () => {
    const clock = new ManualClock();
    const keeper = new Doorkeeper<number>(clock);
    const comes = (address: string, n: number) => {
      const outcast = keeper.enter(address, n);
      keeper.leave(n);
      return outcast === undefined;
    };
    for (const n of numbers(60)) {
      expect(comes("a", n)).toBe(true);
      keeper.failed("a");
    }
    expect(comes("a", 100)).toBe(false);
    expect(comes("b", 101)).toBe(true);
    for (const n of numbers(1_000)) expect(comes("b", n)).toBe(true); // what succeeds costs nothing
    await clock.pass(1_000);
    expect(comes("a", 102)).toBe(true);
    for (let n = 0; n < 10; n++) keeper.failed("a");
    expect(comes("a", 103)).toBe(false);
    await clock.pass(60_000);
    for (let n = 0; n < 60; n++) keeper.failed("a");
    expect(comes("a", 104)).toBe(false);
  });

  it("does not hold what strangers do against an address from which somebody known comes", () => {
    const keeper = new Doorkeeper<number>(new ManualClock());
    keeper.welcome("shared");
    for (let n = 0; n < 1_000; n++) keeper.failed("shared");
    expect(keeper.enter("shared", 1)).toBeUndefined();
  });

  it("counts the addresses of an IPv6 subnet as one, since a host has as many as it likes", () => {
    const keeper = new Doorkeeper<number>(new ManualClock());
    for (const n of numbers(64)) expect(keeper.enter(`2001:db8::${n.toString(16)}`, n)).toBeUndefined();
    expect(keeper.enter("2001:db8::ffff:1", 64)).toBe(0);
    expect(keeper.enter("2001:db8:0:1::1", 65)).toBeUndefined();
    expect(keeper.enter("fe80::1%eth0", 66)).toBeUndefined();
  });

  it("counts IPv4 as IPv4 on a socket of both families", () => {
    const keeper = new Doorkeeper<number>(new ManualClock());
    for (const n of numbers(60)) keeper.failed(n % 2 ? "::ffff:192.0.2.66" : "192.0.2.66");
    expect(keeper.enter("192.0.2.66", 1)).toBe(1);
    expect(keeper.enter("::ffff:192.0.2.66", 2)).toBe(2);
    expect(keeper.enter("::ffff:192.0.2.7", 3)).toBeUndefined();
  });

  it("lets a known address of an IPv6 subnet in, whatever its neighbours do", () => {
    const keeper = new Doorkeeper<string>(new ManualClock());
    const friend = "fe80::7%eth0";
    expect(keeper.enter(friend, "friend")).toBeUndefined();
    keeper.leave("friend");
    keeper.welcome(friend);
    for (const n of numbers(1_000)) keeper.failed(`fe80::bad:${n.toString(16)}%eth0`);
    expect(keeper.enter("fe80::bad:1%eth0", "mallory")).toBe("mallory");
    expect(keeper.enter("fe80::8%eth0", "neighbour")).toBe("neighbour");
    expect(keeper.enter(friend, "friend")).toBeUndefined();
    expect(keeper.enter("fe80::7%wlan0", "elsewhere")).toBeUndefined();
  });

  it("forgets addresses that were quiet longest, so that inventing them costs us nothing", async () => {
    const keeper = new Doorkeeper<number>(new ManualClock());
    for (let n = 0; n < 60; n++) keeper.failed("first");
    expect(keeper.enter("first", 0)).toBe(0);
    for (const n of numbers(1_023)) keeper.failed(`address ${n}`);
    expect(keeper.enter("first", 1)).toBe(1);
    for (const n of numbers(1_024)) keeper.failed(`other ${n}`);
    expect(keeper.enter("first", 2)).toBeUndefined();
  });
});
