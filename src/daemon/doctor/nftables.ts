/** The rules of nftables, from `nft -j list ruleset` (libnftables-json(5)). Pure. */

import { z } from "zod";
import {
  all,
  type Chain,
  type Fate,
  fateOf,
  type Match,
  type Packet,
  type Rule,
  type Verdict,
} from "./packet-filter.ts";

const chainSchema = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  hook: z.string().optional(),
  prio: z.number().optional(),
  policy: z.enum(["accept", "drop"]).optional(),
});
const ruleSchema = z.object({
  family: z.string(),
  table: z.string(),
  chain: z.string(),
  expr: z.array(z.record(z.string(), z.unknown())),
});
const rulesetSchema = z.object({
  nftables: z.array(z.object({ chain: chainSchema.optional(), rule: ruleSchema.optional() })),
});

type Expression = Readonly<Record<string, unknown>>;

export interface NftChain extends Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook: string | undefined;
  readonly priority: number;
}

/** Throws for what is not such a list. */
export function parseRuleset(json: string): NftChain[] {
  const { nftables } = rulesetSchema.parse(JSON.parse(json));
  const rules = nftables.flatMap(({ rule }) => rule ?? []);
  return nftables
    .flatMap(({ chain }) => chain ?? [])
    .map(({ family, table, name, hook, prio = 0, policy }) => ({
      family,
      table,
      name,
      hook,
      priority: prio,
      policy: hook === undefined ? null : (policy ?? "accept"),
      rules: rules
        .filter((rule) => rule.family === family && rule.table === table && rule.chain === name)
        .map(({ expr }) => toRule(expr)),
    }));
}

/** What becomes of the packet, and the chain that decides it unless all let it through. */
export function judge(chains: readonly NftChain[], packet: Packet): { readonly fate: Fate; readonly by?: NftChain } {
  const isForUs = ({ family, hook }: NftChain) => hook === "input" && ["inet", "ip", "ip6"].includes(family);
  const bases = chains.filter(isForUs).sort((a, b) => a.priority - b.priority);
  let unclear: NftChain | undefined;
  for (const base of bases) {
    const inTable = chains.filter(({ family, table }) => family === base.family && table === base.table);
    const fate = fateOf(packet, base, new Map(inTable.map((chain) => [chain.name, chain])));
    if (fate === "drop") return { fate, by: base };
    if (fate === "unclear") unclear ??= base;
  }
  return unclear === undefined ? { fate: "accept" } : { fate: "unclear", by: unclear };
}

function toRule(expressions: readonly Expression[]): Rule {
  const verdict = expressions.map(verdictOf).find((each) => each !== undefined) ?? { is: "none" };
  return { verdict, match: (packet) => all(expressions.map((each) => matchOf(each, packet))) };
}

function verdictOf(expression: Expression): Verdict | undefined {
  if ("accept" in expression) return { is: "accept" };
  if ("drop" in expression || "reject" in expression) return { is: "drop" };
  if ("return" in expression) return { is: "return" };
  for (const is of ["jump", "goto"] as const) {
    const to = field(expression[is], "target");
    if (typeof to === "string") return { is, chain: to };
  }
  return undefined;
}

/** Says nothing about which packets a rule is for. */
const NEUTRAL = ["accept", "drop", "reject", "return", "jump", "goto", "counter", "log", "comment", "continue"];

function matchOf(expression: Expression, packet: Packet): Match {
  if (NEUTRAL.some((name) => name in expression)) return "yes";
  const match = expression["match"];
  const [left, right, op] = [field(match, "left"), field(match, "right"), field(match, "op")];
  const isIn = (value: string | number) => turn(among(value, right), op);
  const payload = field(left, "payload");
  if (payload !== undefined) return payloadMatch(field(payload, "protocol"), field(payload, "field"), packet, isIn);
  const meta = field(field(left, "meta"), "key");
  if (meta === "l4proto") return isIn(packet.protocol);
  if (meta === "iif" || meta === "iifname") return right === "lo" ? turn("no", op) : "perhaps";
  if (field(field(left, "ct"), "key") === "state") return isIn("new");
  return "perhaps";
}

function payloadMatch(
  protocol: unknown,
  name: unknown,
  packet: Packet,
  isIn: (value: string | number) => Match,
): Match {
  if (name === "protocol" || name === "nexthdr") return isIn(packet.protocol);
  const isOther = (protocol === "tcp" || protocol === "udp") && protocol !== packet.protocol;
  if (isOther) return "no";
  return name === "dport" ? isIn(packet.port) : "perhaps";
}

/** Whether `value` is `right`: a value, a range, or a set of both. */
function among(value: string | number, right: unknown): Match {
  if (right === value) return "yes";
  const members = Array.isArray(right) ? right : field(right, "set");
  if (Array.isArray(members)) return members.some((each) => among(value, each) === "yes") ? "yes" : "no";
  const range = field(right, "range");
  if (Array.isArray(range))
    return Number(range[0]) <= Number(value) && Number(value) <= Number(range[1]) ? "yes" : "no";
  const isNamedSet = typeof right === "string" && right.startsWith("@");
  return isNamedSet || (typeof right === "object" && right !== null) ? "perhaps" : "no";
}

function turn(match: Match, op: unknown): Match {
  if (op !== "!=" || match === "perhaps") return match;
  return match === "yes" ? "no" : "yes";
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined; // any object has fields
}
