import { describe, expect, it } from "vitest";
import { askerOf, ownQuestion, type Query } from "../../../src/discovery/question.ts";
import { ownRecord, SERVICE } from "../../../src/discovery/record.ts";
import { codec, idOf } from "./support/packets.ts";

describe("a question", () => {
  const mine = ownRecord({ id: idOf("anna"), name: "Anna", port: 1 }, "b");
  const decoded = (query: object) => codec.decode(codec.encode({ type: "query", ...query })) as unknown as Query;

  it("of ours names us, and is read so by others", () => {
    expect(askerOf(decoded(ownQuestion(mine)))).toBe(mine.instance.toLowerCase());
  });

  it.each<[string, object]>([
    ["names nobody", { answers: [] }],
    ["names everybody it knows", { answers: [...ownQuestion(mine).answers, ...ownQuestion(mine).answers] }],
    [
      "names one that it heard of a while ago",
      { answers: ownQuestion(mine).answers.map((one) => ({ ...one, ttl: 3000 })) },
    ],
    [
      "asks for other services, too",
      { questions: [...ownQuestion(mine).questions, { name: "_ipp._tcp.local", type: "PTR" }] },
    ],
    ["asks for something else", { questions: [{ name: "_ipp._tcp.local", type: "PTR" }] }],
    [
      "names a service of another type",
      { answers: [{ name: SERVICE, type: "PTR", ttl: 4500, data: "x._ipp._tcp.local" }] },
    ],
    ["has another record", { answers: [{ name: SERVICE, type: "A", ttl: 4500, data: "192.0.2.7" }] }],
  ])("that %s is nobody's sign of life", (_, change) => {
    expect(askerOf(decoded({ ...ownQuestion(mine), ...change }))).toBeUndefined();
  });
});
