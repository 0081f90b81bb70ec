import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";

/** Timers that keep this process alive. */
const holding = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

describe("the clock of the system", () => {
  it("tells the time and a time that does not go back", async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(5);
    expect(systemClock.monotonic()).toBeGreaterThan(before);
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
  });

  it("sleeps until the signal, rejects with its reason and leaves nothing behind", async () => {
    const { signal, controller } = abortable();
    const timers = holding();
    const sleep = systemClock.sleep(60_000, signal);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(sleep).rejects.toBe(reason);
    await expect(systemClock.sleep(60_000, signal)).rejects.toBe(reason);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect(holding()).toBe(timers);
  });

  it("lets go of the signal when the sleep is over", async () => {
    const { signal, controller } = abortable();
    await systemClock.sleep(1, signal);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    controller.abort();
  });

  it("runs once after a time, again and again at an interval, and neither keeps the process alive", async () => {
    const timers = holding();
    let once = 0;
    let often = 0;
    const stopOnce = systemClock.after(1, () => once++);
    const stopOften = systemClock.every(1, () => often++);
    expect(holding()).toBe(timers);
    while (often < 3) await systemClock.sleep(2);
    stopOften();
    stopOften();
    stopOnce();
    const seen = often;
    await systemClock.sleep(10);
    expect(often).toBe(seen);
    expect(once).toBe(1);
  });

  it("does not run what was cancelled", async () => {
    let ran = false;
    systemClock.after(1, () => {
      ran = true;
    })();
    await systemClock.sleep(10);
    expect(ran).toBe(false);
  });

  // A timer of the platform holds 31 bits of milliseconds and fires at once above that.
  it("does not cut a delay of more than 24 days short", async () => {
    const ran: string[] = [];
    const controller = new AbortController();
    const cancel = systemClock.after(2 ** 31, () => ran.push("after"));
    const sleep = systemClock.sleep(2 ** 33, controller.signal).then(
      () => ran.push("sleep"),
      () => undefined,
    );
    await systemClock.sleep(20);
    expect(ran).toEqual([]);
    cancel();
    controller.abort();
    await sleep;
  });

  it("runs at the end of such a delay, and not when it was cancelled half way", () => {
    vi.useFakeTimers();
    try {
      const ran: string[] = [];
      systemClock.after(2 ** 32, () => ran.push("whole"));
      const cancel = systemClock.after(2 ** 32, () => ran.push("cancelled"));
      vi.advanceTimersByTime(2 ** 32 - 1);
      expect(ran).toEqual([]);
      cancel();
      vi.advanceTimersByTime(1);
      expect(ran).toEqual(["whole"]);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

function abortable() {
  const controller = new AbortController();
  return { controller, signal: controller.signal };
}
