import { describe, expect, it } from "vitest";
import { answerAddress, correct, farewell } from "../../../src/discovery/outgoing.ts";
import { ALL_SERVICES, SERVICE } from "../../../src/discovery/record.ts";

const HOST = "lanxfer-x.local";
const INSTANCE = `x.${SERVICE}`;
const pointer = { name: SERVICE, type: "PTR", ttl: 28_800, data: INSTANCE };
const service = { name: INSTANCE, type: "SRV", ttl: 120, data: { port: 1, target: HOST } };
const text = { name: INSTANCE, type: "TXT", ttl: 4500, data: [] };
const record = (data: string, type = "A") => ({ name: HOST, type, ttl: 120, data, flush: true });
const four = record("192.0.2.2");
const six = record("fe80::2", "AAAA");
const own = ["192.0.2.2", "fe80::2"];

describe("a packet that leaves a link", () => {
  it("has the addresses of this link and no others", () => {
    const library = [record("172.17.0.1"), record("192.0.2.2"), record("fe80::1", "AAAA")];
    const packet = correct({ answers: [pointer, service, text, ...library], additionals: [] }, own);
    expect(packet?.answers.filter(({ name }) => name === HOST)).toEqual([four, six]);
    expect(packet?.additionals).toEqual([]);
  });

  it("has them beside the service, also where the library knows none, as on loopback", () => {
    const packet = correct({ answers: [pointer], additionals: [service, text] }, ["192.0.2.2"]);
    expect(packet?.answers.map(({ type }) => type)).toEqual(["PTR"]);
    expect(packet?.additionals).toContainEqual(four);
  });

  it("has four addresses of each family at most", () => {
    const many = Array.from({ length: 20 }, (_, n) => [`192.0.2.${n}`, `2001:db8::${n}`]).flat();
    const packet = correct({ answers: [service], additionals: [] }, many);
    expect(packet?.answers.map(({ type }) => type)).toEqual(["SRV", ...Array(4).fill("A"), ...Array(4).fill("AAAA")]);
  });

  it("marks as unique what is ours alone, and not the pointer that everybody shares", () => {
    const packet = correct({ answers: [pointer, service, text], additionals: [] }, []);
    expect(packet?.answers).toEqual([
      { ...pointer, ttl: 4500 },
      { ...service, flush: true },
      { ...text, flush: true },
    ]);
  });

  it("takes down our own service with a goodbye, and not the list of everybody's services", () => {
    const shared = { name: ALL_SERVICES, type: "PTR", ttl: 0, data: SERVICE };
    const goodbye = [pointer, service, shared].map((one) => ({ ...one, ttl: 0 }));
    const packet = correct({ answers: goodbye, additionals: [] }, ["192.0.2.2"]);
    expect(packet?.answers.map(({ name, ttl }) => [name, ttl])).toEqual([
      [SERVICE, 0],
      [INSTANCE, 0],
      [HOST, 0],
    ]);
  });

  it("lists our service when asked for all of them", () => {
    const shared = { name: ALL_SERVICES, type: "PTR", ttl: 120, data: SERVICE };
    expect(correct({ answers: [shared], additionals: [] }, own)?.answers).toEqual([shared]);
  });

  it("is not sent when nothing of it may be", () => {
    expect(correct({ answers: [record("172.17.0.1")], additionals: [text] }, own)).toBeUndefined();
  });
});

describe("the answer to a question for our addresses", () => {
  it.each([
    ["A", [four], [six]],
    ["AAAA", [six], [four]],
    ["ANY", [four, six], []],
  ])("of type %s has those, and the others besides", (type, answers, additionals) => {
    expect(answerAddress(HOST, type, own)).toEqual({ answers, additionals });
  });

  it("is none where there are none of that family", () => {
    expect(answerAddress(HOST, "AAAA", ["192.0.2.2"])).toBeUndefined();
    expect(answerAddress(HOST, "TXT", own)).toBeUndefined();
  });
});

describe("the goodbye of a former name", () => {
  it("takes back the instance, and neither the host nor the list of everybody's services", () => {
    const shared = { name: ALL_SERVICES, type: "PTR", ttl: 120, data: SERVICE };
    const { answers, additionals } = farewell([pointer, service, text, shared, record("192.0.2.2")]);
    expect(answers.map(({ type, name, ttl, flush = false }) => [type, name, ttl, flush])).toEqual([
      ["PTR", SERVICE, 0, false],
      ["SRV", INSTANCE, 0, true],
      ["TXT", INSTANCE, 0, true],
    ]);
    expect(additionals).toEqual([]);
  });
});
