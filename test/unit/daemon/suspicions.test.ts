import { describe, expect, it } from "vitest";
import { Suspicions } from "../../../src/daemon/record/suspicions.ts";
import { LogLines } from "../../support/log-lines.ts";
import { ManualClock } from "../discovery/support/clock.ts";
import { idOf } from "../identity/support/ids.ts";

const HOUR = 3_600_000;
const [ALICE, BOB, MALLORY] = [idOf("alice"), idOf("bob"), idOf("mallory")];

function suspicious() {
  const clock = new ManualClock();
  const log = new LogLines();
  return { clock, log, suspicions: new Suspicions(clock, log, "/home/me/state") };
}

describe("What speaks against somebody's being who he seems", () => {
  it("is counted each time and logged once an hour for each device", async () => {
    const { clock, log, suspicions } = suspicious();
    for (let n = 0; n < 100; n++) suspicions.otherKey(ALICE, MALLORY);
    suspicions.otherKey(BOB, MALLORY);
    expect(suspicions.otherKeys).toBe(101);
    expect(log.lines.map(({ level, fields }) => [level, fields])).toEqual([
      ["warn", { device: ALICE, got: MALLORY }],
      ["warn", { device: BOB, got: MALLORY }],
    ]);
    await clock.pass(HOUR - 1);
    suspicions.otherKey(ALICE, MALLORY);
    expect(log.lines).toHaveLength(2);
    await clock.pass(1);
    suspicions.otherKey(ALICE, MALLORY);
    expect(log.lines).toHaveLength(3);
  });

  it("is a double for as long as it is met: it is told where, and why nobody is to be paired", async () => {
    const { clock, log, suspicions } = suspicious();
    expect([suspicions.lastDouble, suspicions.doubleError]).toEqual([undefined, undefined]);
    for (let n = 0; n < 60; n++) {
      suspicions.double(`192.0.2.${n}`);
      await clock.pass(60_000);
    }
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatchObject({ level: "warn", fields: { address: "192.0.2.0", state: "/home/me/state" } });
    expect(suspicions.lastDouble?.address).toBe("192.0.2.59");
    expect(suspicions.doubleError).toMatchObject({
      code: "E_CLONE",
      message: "another machine, seen at 192.0.2.59, has the key of this device: /home/me/state was copied",
    });
    suspicions.double("192.0.2.7");
    expect(log.lines).toHaveLength(2);
    await clock.pass(180_000);
    expect(suspicions.lastDouble?.address).toBe("192.0.2.7");
    await clock.pass(1);
    expect([suspicions.lastDouble, suspicions.doubleError]).toEqual([undefined, undefined]);
  });

  it("is one line an hour for a name, however many use it", () => {
    const { log, suspicions } = suspicious();
    for (let n = 0; n < 256; n++) suspicions.otherName(ALICE, idOf(`fake ${n}`), "192.0.2.7");
    suspicions.otherKey(ALICE, MALLORY);
    expect(log.at("warn")).toHaveLength(2);
    expect(log.lines[0]?.fields).toEqual({ device: ALICE, other: idOf("fake 0").slice(0, 8), address: "192.0.2.7" });
    expect(suspicions.otherKeys).toBe(1);
  });
});
