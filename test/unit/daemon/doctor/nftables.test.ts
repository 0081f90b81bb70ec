import { describe, expect, it } from "vitest";
import { judge, parseRuleset } from "../../../../src/daemon/doctor/nftables.ts";

const OURS = { protocol: "tcp", port: 25_726 } as const;
const MDNS = { protocol: "udp", port: 5_353 } as const;

type Expr = Record<string, unknown>;
const accept = { accept: null };
const drop = { drop: null };
const match = (left: unknown, right: unknown, op = "=="): Expr => ({ match: { op, left, right } });
const dport = (protocol: string, right: unknown, op = "=="): Expr =>
  match({ payload: { protocol, field: "dport" } }, right, op);

interface Base {
  readonly policy?: string;
  readonly prio?: number;
  readonly hook?: string;
}

function ruleset(chains: Record<string, { base?: Base; rules: Expr[][] }>, family = "inet"): string {
  const nftables: unknown[] = [{ metainfo: { json_schema_version: 1 } }, { table: { family, name: "t" } }];
  for (const [name, { base, rules }] of Object.entries(chains)) {
    nftables.push({ chain: { family, table: "t", name, ...(base && { type: "filter", hook: "input", ...base }) } });
    for (const expr of rules) nftables.push({ rule: { family, table: "t", chain: name, expr } });
  }
  return JSON.stringify({ nftables });
}

const fate = (json: string, packet: typeof OURS | typeof MDNS) => judge(parseRuleset(json), packet).fate;
const input = (policy: string, ...rules: Expr[][]) => ruleset({ input: { base: { policy, prio: 0 }, rules } });

describe("A rule set of nftables", () => {
  it("without chains lets everything in", () => expect(fate(ruleset({}), OURS)).toBe("accept"));

  it.each([
    ["the policy decides", input("drop"), "drop"],
    ["a rule for the port accepts", input("drop", [dport("tcp", 25_726), accept]), "accept"],
    ["a rule for another port does not", input("drop", [dport("tcp", 22), accept]), "drop"],
    ["a rule of the other protocol does not", input("drop", [dport("udp", 25_726), accept]), "drop"],
    ["th stands for both protocols", input("drop", [dport("th", 25_726), accept]), "accept"],
    ["a set", input("drop", [dport("tcp", { set: [22, 25_726] }), accept]), "accept"],
    ["a range", input("drop", [dport("tcp", { range: [25_000, 26_000] }), accept]), "accept"],
    ["a range in a set", input("drop", [dport("tcp", { set: [22, { range: [1, 99] }] }), accept]), "drop"],
    ["a named set is unknown", input("drop", [dport("tcp", "@open"), accept]), "unclear"],
    ["not equal", input("accept", [dport("tcp", 22, "!="), drop]), "drop"],
    [
      "established connections are not new",
      input("drop", [match({ ct: { key: "state" } }, ["established"], "in"), accept]),
      "drop",
    ],
    [
      "a rule for all new ones",
      input("drop", [match({ ct: { key: "state" } }, ["new", "related"], "in"), accept]),
      "accept",
    ],
    ["loopback is not the network", input("drop", [match({ meta: { key: "iifname" } }, "lo"), accept]), "drop"],
    ["everything but loopback", input("accept", [match({ meta: { key: "iif" } }, "lo", "!="), drop]), "drop"],
    [
      "one interface of perhaps several",
      input("drop", [match({ meta: { key: "iifname" } }, "eth0"), accept]),
      "unclear",
    ],
    [
      "one subnet",
      input("drop", [match({ payload: { protocol: "ip", field: "saddr" } }, "10.0.0.0"), accept]),
      "unclear",
    ],
    ["a whole protocol", input("drop", [match({ meta: { key: "l4proto" } }, "tcp"), accept]), "accept"],
    ["reject", input("accept", [{ counter: { packets: 0, bytes: 0 } }, { reject: { type: "tcp reset" } }]), "drop"],
    ["what is opaque", input("drop", [{ xt: { type: "match", name: "tcp" } }, accept]), "unclear"],
    ["what only counts", input("accept", [{ counter: { packets: 1, bytes: 1 } }, { log: { prefix: "x" } }]), "accept"],
    ["the first of two", input("accept", [dport("tcp", 25_726), drop], [dport("tcp", 25_726), accept]), "drop"],
  ])("is understood: %s", (_, json, expected) => expect(fate(json, OURS)).toBe(expected));

  it("is followed into other chains, and back", () => {
    const jump = (target: string): Expr[] => [{ jump: { target } }];
    const chains = (more: Expr[][]) =>
      ruleset({ more: { rules: more }, input: { base: { policy: "drop", prio: 0 }, rules: [jump("more")] } });
    expect(fate(chains([[dport("tcp", 25_726), accept]]), OURS)).toBe("accept");
    expect(fate(chains([[{ return: null }], [dport("tcp", 25_726), accept]]), OURS)).toBe("drop");
    expect(fate(chains([[match({ meta: { key: "mark" } }, 1), { return: null }], [accept]]), OURS)).toBe("unclear");
    expect(fate(chains([jump("nowhere")]), OURS)).toBe("unclear");
    expect(fate(chains([jump("more")]), OURS)).toBe("unclear"); // in a circle
  });

  it("lets in only what each of its chains lets in, and names the one that does not", () => {
    const two = ruleset({
      first: { base: { policy: "accept", prio: -10 }, rules: [] },
      second: { base: { policy: "drop", prio: 10 }, rules: [] },
    });
    expect(judge(parseRuleset(two), MDNS)).toMatchObject({ fate: "drop", by: { name: "second" } });
  });

  it("that is for something else does not count", () => {
    expect(fate(ruleset({ out: { base: { policy: "drop", hook: "output" }, rules: [] } }), OURS)).toBe("accept");
    expect(fate(ruleset({ arp: { base: { policy: "drop" }, rules: [] } }, "arp"), OURS)).toBe("accept");
  });

  it.each(["", "{}", '{"nftables":[{"rule":7}]}', "null"])("is refused when it is none: %s", (text) => {
    expect(() => parseRuleset(text)).toThrow();
  });
});
