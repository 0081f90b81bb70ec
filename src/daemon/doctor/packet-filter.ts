/**
 * What a packet filter does with a first packet to a port of ours: chains of
 * rules as nftables and iptables have them, as far as they can be understood.
 * Pure. What a rule asks for and we do not know counts as perhaps.
 */

import { assertNever } from "../../core/assert.ts";

export interface Packet {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

export type Match = "yes" | "no" | "perhaps";

export type Verdict =
  | { readonly is: "accept" }
  | { readonly is: "drop" }
  | { readonly is: "return" }
  | { readonly is: "none" }
  | { readonly is: "jump" | "goto"; readonly chain: string };

export interface Rule {
  readonly match: (packet: Packet) => Match;
  readonly verdict: Verdict;
}

export interface Chain {
  readonly rules: readonly Rule[];
  /** What becomes of packets that no rule decides on; null for a chain that is only jumped to. */
  readonly policy: "accept" | "drop" | null;
}

export type Fate = "accept" | "drop" | "unclear";

/** Chains that jump in a circle are no valid rule set, but nor is this a place to hang. */
const DEEPEST = 16;

/** `base`: where packets to this machine come in. `chains`: by the names that jumps use. */
export function fateOf(packet: Packet, base: Chain, chains: ReadonlyMap<string, Chain>): Fate {
  const decided = walk(packet, base, chains, 0);
  const last = decided.sure ?? base.policy ?? "accept";
  return decided.perhaps.has(last === "accept" ? "drop" : "accept") ? "unclear" : last;
}

interface Walked {
  /** Undefined when the end of the chain was reached. */
  readonly sure: "accept" | "drop" | undefined;
  /** What rules before that would do, if they match. */
  readonly perhaps: ReadonlySet<"accept" | "drop">;
}

function walk(packet: Packet, chain: Chain, chains: ReadonlyMap<string, Chain>, depth: number): Walked {
  const perhaps = new Set<"accept" | "drop">();
  for (const { match, verdict } of chain.rules) {
    const matches = match(packet);
    if (matches === "no") continue;
    if (verdict.is === "return") return matches === "yes" ? { sure: undefined, perhaps } : UNKNOWN;
    const { sure, perhaps: inner } = decide(packet, verdict, chains, depth);
    for (const each of inner) perhaps.add(each);
    if (sure === undefined) continue;
    if (matches === "yes") return { sure, perhaps };
    perhaps.add(sure);
  }
  return { sure: undefined, perhaps };
}

/** Whether rules are reached at all, or what they are, is not known: nothing is sure any more. */
const UNKNOWN: Walked = { sure: undefined, perhaps: new Set(["accept", "drop"]) };

function decide(
  packet: Packet,
  verdict: Exclude<Verdict, { is: "return" }>,
  chains: ReadonlyMap<string, Chain>,
  depth: number,
): Walked {
  switch (verdict.is) {
    case "accept":
    case "drop":
      return { sure: verdict.is, perhaps: new Set() };
    case "none":
      return { sure: undefined, perhaps: new Set() };
    case "jump":
    case "goto": {
      const chain = chains.get(verdict.chain);
      return chain === undefined || depth >= DEEPEST ? UNKNOWN : walk(packet, chain, chains, depth + 1);
    }
    default:
      return assertNever(verdict);
  }
}

/** All have to match. */
export function all(matches: readonly Match[]): Match {
  if (matches.includes("no")) return "no";
  return matches.includes("perhaps") ? "perhaps" : "yes";
}
