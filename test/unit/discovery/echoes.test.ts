import { describe, expect, it } from "vitest";
import { askDoubles, doublesOf, type Echoes, hearEcho, judgeEcho } from "../../../src/discovery/echoes.ts";
import type { Endpoint } from "../../../src/discovery/types.ts";

const MINUTE = 60_000;
const at = (address: string, port = 1): Endpoint => ({ address, port, interface: "eth0", source: "mdns" });

/** Hears one after another and says which were to be asked. */
function hearing(...heard: readonly (readonly [time: number, endpoint: Endpoint, name?: string])[]) {
  let echoes: Echoes = new Map();
  const asked: string[] = [];
  for (const [time, endpoint, name = "desk"] of heard) {
    const step = hearEcho(echoes, name, endpoint, time);
    echoes = step.echoes;
    if (step.ask) asked.push(`${endpoint.address}:${endpoint.port} at ${time}`);
  }
  return { echoes, asked };
}

describe("A place that announces the id of this device", () => {
  it("is asked when it is heard first, and then once a minute while it goes on", () => {
    const { asked } = hearing(...Array.from({ length: 26 }, (_, n) => [n * 5_000, at("192.0.2.7")] as const));
    expect(asked).toEqual(["192.0.2.7:1 at 0", "192.0.2.7:1 at 60000", "192.0.2.7:1 at 120000"]);
  });

  it("is another place at another address or port", () => {
    const { asked } = hearing([0, at("192.0.2.7")], [1, at("192.0.2.8")], [2, at("192.0.2.7", 2)]);
    expect(asked).toHaveLength(3);
  });

  it("is asked for a few only, however many there are, until those are forgotten", () => {
    const crowd = Array.from({ length: 200 }, (_, n) => [n, at(`192.0.2.${n}`)] as const);
    const { asked, echoes } = hearing(...crowd, [2 * MINUTE + 8, at("198.51.100.1")]);
    expect(asked).toHaveLength(9);
    expect(asked.at(-1)).toMatch(/^198\.51\.100\.1/);
    expect(echoes.size).toBeLessThanOrEqual(8);
  });
});

describe("A double", () => {
  const heard = hearing([0, at("192.0.2.7"), "desk2"], [0, at("192.0.2.8"), "liar"]).echoes;

  it("is a place where our own key answers", () => {
    expect(doublesOf(heard)).toEqual([]);
    const judged = judgeEcho(judgeEcho(heard, at("192.0.2.7"), true), at("192.0.2.8"), false);
    expect(doublesOf(judged)).toEqual(["desk2"]);
    expect(judgeEcho(heard, at("198.51.100.1"), true)).toBe(heard);
  });

  it("is none any more after it left three questions in a row unanswered", () => {
    const answers = [true, false, false, true, false, false, false];
    let echoes = heard;
    const doubles = answers.map((answer) => {
      echoes = judgeEcho(echoes, at("192.0.2.7"), answer);
      return doublesOf(echoes).length;
    });
    expect(doubles).toEqual([1, 1, 1, 1, 1, 1, 0]);
  });

  it("is asked every minute as long as it answers, heard or not; others are not", () => {
    let echoes = judgeEcho(heard, at("192.0.2.7"), true);
    const asked: number[] = [];
    for (let time = 0; time <= 10 * MINUTE; time += 1_000) {
      const step = askDoubles(echoes, time);
      echoes = step.echoes;
      for (const endpoint of step.asked) {
        expect(endpoint).toEqual(at("192.0.2.7"));
        asked.push(time / MINUTE);
      }
      if (step.asked.length > 0) echoes = judgeEcho(echoes, at("192.0.2.7"), time <= 5 * MINUTE);
    }
    expect(asked).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("keeps its place among those that are heard", () => {
    const judged = judgeEcho(heard, at("192.0.2.7"), true);
    expect(doublesOf(hearEcho(judged, "other", at("192.0.2.9"), 10 * MINUTE).echoes)).toEqual(["desk2"]);
    expect(doublesOf(hearEcho(judged, "desk3", at("192.0.2.7"), 10 * MINUTE).echoes)).toEqual(["desk3"]);
  });
});
