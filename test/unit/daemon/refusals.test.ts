import { expect, it } from "vitest";
import { Refusals } from "../../../src/daemon/record/refusals.ts";
import { LogLines } from "../../support/log-lines.ts";
import { ManualClock } from "../discovery/support/clock.ts";

it("refused connections are all counted, and logged once a burst", async () => {
  const clock = new ManualClock();
  const log = new LogLines();
  const refusals = new Refusals(clock, log);
  const lines = () => log.lines.map(({ message, fields }) => [message, fields]);
  for (let n = 0; n < 1_000; n++) refusals.add("tls");
  refusals.add("E_NOT_PAIRED");
  expect(refusals.counts).toEqual({ tls: 1_000, E_NOT_PAIRED: 1 });
  expect(lines()).toEqual([["connection refused", { reason: "tls" }]]);
  await clock.pass(60_000);
  expect(lines()[1]).toEqual(["more connections refused", { tls: 999, E_NOT_PAIRED: 1, seconds: 60 }]);
  await clock.pass(60_000);
  expect(clock.timers).toBe(0);
  refusals.add("tls");
  expect(lines()).toHaveLength(3);
  expect(lines()[2]).toEqual(["connection refused", { reason: "tls" }]);
  expect(refusals.counts["tls"]).toBe(1_001);
  refusals.close();
  expect(clock.timers).toBe(0);
});
