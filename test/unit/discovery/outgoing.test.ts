import { describe, expect, it } from "vitest";
import { correct } from "../../../src/discovery/outgoing.ts";
import { ALL_SERVICES, SERVICE } from "../../../src/discovery/record.ts";

const HOST = "lanxfer-x.local";
const INSTANCE = `x.${SERVICE}`;
const pointer = { name: SERVICE, type: "PTR", ttl: 28_800, data: INSTANCE };
const service = { name: INSTANCE, type: "SRV", ttl: 120, data: { port: 1, target: HOST } };
const text = { name: INSTANCE, type: "TXT", ttl: 4500, data: [] };
const address = (data: string, type = "A") => ({ name: HOST, type, ttl: 120, data });
const ours = { name: HOST, type: "A", ttl: 120, data: "192.0.2.2", flush: true };

describe("a packet that leaves a link", () => {
  it("has the address of this link and no other", () => {
    const answers = [address("172.17.0.1"), address("192.0.2.2"), address("fe80::1", "AAAA")];
    expect(correct({ answers, additionals: [] }, "192.0.2.2")).toEqual({ answers: [ours], additionals: [] });
  });

  it("has the address of this link also where the library knows none, as on loopback", () => {
    const packet = correct({ answers: [pointer], additionals: [service, text] }, "192.0.2.2");
    expect(packet?.additionals).toContainEqual(ours);
  });

  it("marks as unique what is ours alone, and not the pointer that everybody shares", () => {
    const packet = correct({ answers: [pointer, service, text], additionals: [] }, "192.0.2.2");
    expect(packet?.answers).toEqual([
      { ...pointer, ttl: 4500 },
      { ...service, flush: true },
      { ...text, flush: true },
    ]);
  });

  it("takes down our own service with a goodbye, and not the list of everybody's services", () => {
    const shared = { name: ALL_SERVICES, type: "PTR", ttl: 0, data: SERVICE };
    const goodbye = [pointer, service, shared].map((record) => ({ ...record, ttl: 0 }));
    const packet = correct({ answers: goodbye, additionals: [] }, "192.0.2.2");
    expect(packet?.answers.map(({ name, ttl }) => [name, ttl])).toEqual([
      [SERVICE, 0],
      [INSTANCE, 0],
    ]);
    expect(packet?.additionals).toEqual([{ ...ours, ttl: 0 }]);
  });

  it("lists our service when asked for all of them", () => {
    const shared = { name: ALL_SERVICES, type: "PTR", ttl: 120, data: SERVICE };
    expect(correct({ answers: [shared], additionals: [] }, "192.0.2.2")?.answers).toEqual([shared]);
  });

  it("is not sent when nothing of it may be", () => {
    expect(correct({ answers: [address("172.17.0.1")], additionals: [text] }, "192.0.2.2")).toBeUndefined();
  });
});
