import { describe, expect, it } from "vitest";
import { beginReckoning, type Reckoning, reckon } from "../../../src/daemon/outgoing/queue-time.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const NOW = Date.UTC(2026, 4, 1);
const Y1970 = 0;
const Y2099 = Date.UTC(2099, 0, 1);

/** A machine with a wall clock that can be set, and a steady one that only counts while it runs. */
class Machine {
  wall = NOW;
  steady = 0;
  reckoning: Reckoning = beginReckoning({ lived: 0, wall: NOW }, this.instant);

  get instant() {
    return { wall: this.wall, steady: this.steady };
  }

  get lived(): number {
    this.reckoning = reckon(this.reckoning, this.instant);
    return this.reckoning.lived;
  }

  run(ms: number): this {
    for (let left = ms; left > 0; left -= 10 * MINUTE) {
      const step = Math.min(left, 10 * MINUTE);
      this.wall += step;
      this.steady += step;
      void this.lived;
    }
    return this;
  }

  sleep(ms: number): this {
    this.wall += ms;
    return this;
  }

  set(wall: number): this {
    this.wall = wall;
    return this;
  }

  /** Ends the program and starts it `ms` later, with another steady clock. */
  restart(ms: number, wall = this.wall + ms): this {
    void this.lived;
    const { lived, wall: shown } = this.reckoning;
    this.wall = wall;
    this.steady = 1_000_000 + Math.trunc(ms % 1_000);
    this.reckoning = beginReckoning({ lived, wall: shown }, this.instant);
    return this;
  }
}

describe("queue time", () => {
  it("is time, as long as the program runs, sleeps for a night and is started again", () => {
    const machine = new Machine();
    expect(machine.run(3 * HOUR).lived).toBe(3 * HOUR);
    expect(machine.sleep(8 * HOUR).lived).toBe(11 * HOUR);
    expect(machine.restart(2 * HOUR).lived).toBe(13 * HOUR);
    expect(machine.run(MINUTE).lived).toBe(13 * HOUR + MINUTE);
  });

  it("takes a day for what it did not see, however long that was", () => {
    expect(new Machine().sleep(90 * DAY).lived).toBe(DAY);
    expect(new Machine().restart(90 * DAY).lived).toBe(DAY);
    expect(new Machine().set(Y2099).lived).toBe(DAY);
    expect(new Machine().restart(MINUTE, Y2099).lived).toBe(DAY);
  });

  it("never goes back", () => {
    const machine = new Machine().run(HOUR);
    for (const wall of [Y1970, NOW, Y2099, NOW - DAY, Y1970]) {
      const before = machine.lived;
      expect(machine.set(wall).lived).toBeGreaterThanOrEqual(before);
      expect(machine.restart(5, wall).lived).toBeGreaterThanOrEqual(before);
    }
  });

  it("does not age on a machine that begins each start in 1970 and is set right minutes later", () => {
    const machine = new Machine();
    let right = NOW;
    for (let start = 0; start < 50; start++) {
      machine.restart(30_000, Y1970).run(5 * MINUTE);
      right += 30_000 + 5 * MINUTE;
      machine.set(right);
    }
    expect(machine.lived).toBe(right - NOW);
  });

  it("costs a day at most when the clock is years ahead for a while", () => {
    const machine = new Machine().restart(MINUTE, Y2099).run(10 * MINUTE);
    machine.set(NOW + 11 * MINUTE).run(2 * HOUR);
    expect(machine.lived).toBeLessThanOrEqual(DAY + 3 * HOUR);
    // By then the clock is believed again, and what is not seen counts again.
    const before = machine.lived;
    expect(machine.restart(5 * HOUR).lived - before).toBe(5 * HOUR);
  });

  it("goes on with what it has seen where the clock stays in the past for good", () => {
    const machine = new Machine().restart(MINUTE, Y1970).run(3 * HOUR);
    expect(machine.lived).toBe(3 * HOUR);
    expect(machine.restart(HOUR).lived).toBe(4 * HOUR);
  });

  it("gives a week to what is queued for a week, whatever the clock does once", () => {
    for (const wall of [Y1970, Y2099]) {
      for (const upset of [(m: Machine) => m.set(wall), (m: Machine) => m.restart(MINUTE, wall)]) {
        const machine = new Machine().run(HOUR);
        const expiresAt = machine.lived + WEEK;
        upset(machine).run(HOUR);
        expect(machine.lived).toBeLessThan(expiresAt - 5 * DAY);
        machine.set(NOW + 2 * HOUR).run(HOUR);
        expect(machine.lived).toBeLessThan(expiresAt - 5 * DAY);
        machine.run(WEEK);
        expect(machine.lived).toBeGreaterThanOrEqual(expiresAt);
      }
    }
  });
});
