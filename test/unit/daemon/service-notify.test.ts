import { describe, expect, it } from "vitest";
import { announceReady, beatInterval, notify } from "../../../src/daemon/host/service-notify.ts";
import { LogLines } from "../../support/log-lines.ts";
import { ManualClock } from "../discovery/support/clock.ts";

const SOCKET = { NOTIFY_SOCKET: "/run/nobody/notify" };
const WATCHED = { ...SOCKET, WATCHDOG_USEC: "60000000" };

/** A daemon whose control socket answers as `alive` says, and what its service manager hears. */
async function started(env: Record<string, string>, alive: (signal: AbortSignal) => Promise<string>) {
  const clock = new ManualClock();
  const log = new LogLines();
  const heard: (readonly string[])[] = [];
  const send = async (facts: readonly string[]) => void heard.push(facts);
  const quiet = await announceReady(alive, { env, pid: 7, clock, log, send });
  return { clock, log, heard, quiet };
}

describe("The service manager", () => {
  it("hears that the start is over, then a third of its time apart that the daemon is alive", async () => {
    let answers = 0;
    const { clock, heard, quiet } = await started(WATCHED, async () => `${answers++} transfers`);
    expect(heard).toEqual([["READY=1", "STATUS=0 transfers"]]);
    await clock.pass(40_000);
    expect(heard.slice(1)).toEqual([
      ["WATCHDOG=1", "STATUS=1 transfers"],
      ["WATCHDOG=1", "STATUS=2 transfers"],
    ]);
    quiet();
    await clock.pass(100_000);
    expect(heard).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });

  it("hears nothing for as long as the control socket does not answer, and the log says so", async () => {
    let answers = true;
    const alive = async (signal: AbortSignal) => {
      if (!answers) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      return "fine";
    };
    const { clock, heard, log } = await started(WATCHED, alive);
    answers = false;
    await clock.pass(70_000);
    expect(heard).toHaveLength(1);
    expect(log.lines.filter(({ message }) => message === "service manager not told").length).toBeGreaterThan(0);
    answers = true;
    await clock.pass(40_000);
    expect(heard.at(-1)).toEqual(["WATCHDOG=1", "STATUS=fine"]);
  });

  it("is not told anything where there is none", async () => {
    const { clock, heard } = await started({ WATCHDOG_USEC: "60000000" }, async () => "fine");
    await clock.pass(100_000);
    expect(heard).toEqual([]);
    await notify({}, ["READY=1"]);
  });

  it("is told a status also without a watchdog, or with one that is for another process", () => {
    expect(beatInterval({}, 7)).toBe(20_000);
    expect(beatInterval({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "8" }, 7)).toBe(20_000);
    expect(beatInterval({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "7" }, 7)).toBe(1_000);
    expect(beatInterval({ WATCHDOG_USEC: "nonsense" }, 7)).toBe(20_000);
  });
});
