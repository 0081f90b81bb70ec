/** The rules of iptables, from `iptables -S` (iptables(8)), which is also what ufw is made of. Pure. */

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

/** Chain by chain; jumps to targets that decide nothing (LOG and the like) are left out. */
export function parseRules(text: string): Map<string, Chain> {
  const policies = new Map<string, "accept" | "drop" | null>();
  const rules = new Map<string, Rule[]>();
  for (const line of text.split("\n")) {
    const [command, chain = "", ...words] = line.split(/\s+/);
    if (command === "-P") policies.set(chain, words[0] === "ACCEPT" ? "accept" : "drop");
    else if (command === "-N") policies.set(chain, null);
    else if (command === "-A") rules.set(chain, [...(rules.get(chain) ?? []), toRule(words)]);
  }
  return new Map([...policies].map(([name, policy]) => [name, { policy, rules: rules.get(name) ?? [] }]));
}

export function judge(chains: ReadonlyMap<string, Chain>, packet: Packet): Fate {
  const input = chains.get("INPUT");
  return input === undefined ? "accept" : fateOf(packet, input, chains);
}

function toRule(words: readonly string[]): Rule {
  const matches: ((packet: Packet) => Match)[] = [];
  let verdict: Verdict = { is: "none" };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const isNot = words[at - 1] === "!";
    const add = (is: (packet: Packet) => Match) => {
      matches.push((packet) => (isNot ? turn(is(packet)) : is(packet)));
    };
    const value = () => words[++at] ?? "";
    switch (word) {
      case "-p": {
        const protocol = value();
        add((packet) => (protocol === "all" || protocol === packet.protocol ? "yes" : "no"));
        break;
      }
      case "--dport":
      case "--dports": {
        const ports = value();
        add((packet) => (ports.split(",").some((port) => covers(port, packet.port)) ? "yes" : "no"));
        break;
      }
      case "-i": {
        const name = value();
        add(() => (name === "lo" ? "no" : "perhaps"));
        break;
      }
      case "--ctstate":
      case "--state": {
        const states = value();
        add(() => (states.split(",").includes("NEW") ? "yes" : "no"));
        break;
      }
      case "-j":
      case "-g":
        verdict = verdictOf(value(), word === "-j" ? "jump" : "goto");
        break;
      case "-m":
      case "--comment":
        at++; // what a match is about is in its options
        break;
      case "!":
        break;
      default:
        // An address, a rate, a kind of packet: it may be ours. Words of an unknown option say no more.
        if (word.startsWith("-")) add(() => "perhaps");
    }
  }
  return { verdict, match: (packet) => all(matches.map((each) => each(packet))) };
}

function verdictOf(target: string, how: "jump" | "goto"): Verdict {
  if (target === "ACCEPT") return { is: "accept" };
  if (target === "DROP" || target === "REJECT") return { is: "drop" };
  if (target === "RETURN") return { is: "return" };
  return ["LOG", "NFLOG", "MARK", "CONNMARK", "TRACE"].includes(target) ? { is: "none" } : { is: how, chain: target };
}

function covers(ports: string, port: number): boolean {
  const [first = "", last = first] = ports.split(":");
  return Number(first) <= port && port <= Number(last);
}

function turn(match: Match): Match {
  if (match === "perhaps") return match;
  return match === "yes" ? "no" : "yes";
}
