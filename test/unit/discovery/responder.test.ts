import { beforeEach, describe, expect, it } from "vitest";
import { ownQuestion, type Query } from "../../../src/discovery/question.ts";
import { ALL_SERVICES, ownRecord, SERVICE } from "../../../src/discovery/record.ts";
import { Responder } from "../../../src/discovery/responder.ts";
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
    responder.take(ask(SERVICE));
    await clock.pass(19);
    expect(answered).toEqual([]);
    await clock.pass(101);
    expect(answered).toEqual([`PTR ${SERVICE}`]);
  });

  it("answers at once what only it can answer", () => {
    for (const type of ["SRV", "TXT", "ANY"]) responder.take(ask(own.instance, type));
    for (const type of ["A", "AAAA"]) responder.take(ask(own.host.toUpperCase(), type));
    responder.take(ask(ALL_SERVICES));
    expect(answered).toHaveLength(6);
  });

  it("answers a flood of questions once a second", async () => {
    for (let ms = 0; ms < 10_000; ms++) {
      responder.take(ask(SERVICE));
      await Promise.resolve();
      if (ms % 100 === 0) await clock.pass(100);
    }
    expect(answered.length).toBeGreaterThanOrEqual(9);
    expect(answered.length).toBeLessThanOrEqual(11);
  });

  it("ignores questions about others", async () => {
    responder.take(ask("_ipp._tcp.local"));
    responder.take(ask(`bert.${SERVICE}`, "SRV"));
    responder.take(ask("lanxfer-x"));
    responder.take(ask(SERVICE, "UNKNOWN_4711"));
    await clock.pass(1000);
    expect(answered).toEqual([]);
  });

  it("does not tell an asker what it knows already, as long as it will go on knowing it", async () => {
    responder.take(ask(SERVICE, "PTR", known(4000)));
    await clock.pass(500);
    expect(answered).toEqual([]);
    responder.take(ask(SERVICE, "PTR", known(10)));
    await clock.pass(500);
    expect(answered).toHaveLength(1);
  });

  it("does not answer its own question, which comes back to it", async () => {
    responder.take(ownQuestion(own));
    await clock.pass(1000);
    expect(answered).toEqual([]);
  });

  it("answers nothing more when it is closed", async () => {
    responder.take(ask(SERVICE));
    responder.close();
    await clock.pass(1000);
    expect(answered).toEqual([]);
    expect(clock.timers).toBe(0);
  });
});
