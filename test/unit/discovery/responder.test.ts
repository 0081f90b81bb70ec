import { beforeEach, describe, expect, it } from "vitest";
import { ALL_SERVICES, ownRecord, SERVICE } from "../../../src/discovery/record.ts";
import { type Query, Responder } from "../../../src/discovery/responder.ts";
import { ManualClock } from "./support/clock.ts";
import { idOf } from "./support/packets.ts";

const own = ownRecord({ id: idOf("own"), name: "Own", port: 1 }, "b");
const ask = (name: string, type = "PTR", answers: Query["answers"] = []): Query => ({
  questions: [{ name, type }],
  answers,
});
const known = (ttl: number) => [{ type: "PTR", ttl, data: own.instance }];

let clock: ManualClock;
let answered: string[];
let responder: Responder;

beforeEach(() => {
  clock = new ManualClock();
  answered = [];
  responder = new Responder(own, { clock, random: () => 0.5 }, ({ questions }) => {
    answered.push(...questions.map(({ name, type }) => `${type} ${name}`));
  });
});

describe("the responder", () => {
  it("waits a moment before it answers what others answer too", async () => {
    responder.take(ask(SERVICE), "another");
    await clock.pass(19);
    expect(answered).toEqual([]);
    await clock.pass(101);
    expect(answered).toEqual([`PTR ${SERVICE}`]);
  });

  it("answers at once what only it can answer", () => {
    for (const type of ["SRV", "TXT", "ANY"]) responder.take(ask(own.instance, type), "another");
    responder.take(ask(own.host.toUpperCase(), "A"), "another");
    responder.take(ask(ALL_SERVICES), "another");
    expect(answered).toHaveLength(5);
  });

  it("answers a flood of questions once a second", async () => {
    for (let ms = 0; ms < 10_000; ms++) {
      responder.take(ask(SERVICE), "another");
      await Promise.resolve();
      if (ms % 100 === 0) await clock.pass(100);
    }
    expect(answered.length).toBeGreaterThanOrEqual(9);
    expect(answered.length).toBeLessThanOrEqual(11);
  });

  it("ignores questions about others", async () => {
    responder.take(ask("_ipp._tcp.local"), "another");
    responder.take(ask(`bert.${SERVICE}`, "SRV"), "another");
    responder.take(ask("lanxfer-x"), "another");
    responder.take(ask(SERVICE, "UNKNOWN_4711"), "another");
    await clock.pass(1000);
    expect(answered).toEqual([]);
  });

  it("does not tell an asker what it knows already, as long as it will go on knowing it", async () => {
    responder.take(ask(SERVICE, "PTR", known(4000)), "another");
    await clock.pass(500);
    expect(answered).toEqual([]);
    responder.take(ask(SERVICE, "PTR", known(10)), "another");
    await clock.pass(500);
    expect(answered).toHaveLength(1);
  });

  it("answers the question of its own machine only in company, where others hear the answer", async () => {
    responder.take(ask(SERVICE), "this machine");
    await clock.pass(1000);
    expect(answered).toEqual([]);
    responder.noticeCompany();
    responder.take(ask(SERVICE), "this machine");
    await clock.pass(1000);
    expect(answered).toHaveLength(1);
    await clock.pass(30_000);
    responder.take(ask(SERVICE), "this machine");
    await clock.pass(1000);
    expect(answered).toHaveLength(1);
  });

  it("answers nothing more when it is closed", async () => {
    responder.take(ask(SERVICE), "another");
    responder.close();
    await clock.pass(1000);
    expect(answered).toEqual([]);
    expect(clock.timers).toBe(0);
  });
});
