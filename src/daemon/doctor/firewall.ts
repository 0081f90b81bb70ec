/** Whether a firewall of this machine lets multicast DNS and our port through, and how to open them. */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { systemCode } from "../../core/errors.ts";
import { type Check, type Judged, ok, problem, unchecked, warning } from "./finding.ts";
import { judge as judgeIptables, parseRules } from "./iptables.ts";
import { judge as judgeNft, parseRuleset } from "./nftables.ts";
import type { Fate, Packet } from "./packet-filter.ts";

/** For one program (milliseconds). */
const PATIENCE_MS = 3_000;
const MAX_OUTPUT = 16 * 1024 * 1024;
const MDNS: Packet = { protocol: "udp", port: 5353 };

export interface Output {
  readonly stdout: string;
  /** Undefined when the program is not there. */
  readonly status: number | undefined;
}

export type Exec = (program: string, args: readonly string[], signal: AbortSignal) => Promise<Output>;

export interface FirewallFacts {
  readonly port: number;
  readonly platform: string;
  readonly isRoot: boolean;
  readonly exec: Exec;
}

export function firewallChecks(facts: FirewallFacts): Check[] {
  if (facts.platform !== "linux") return [];
  return [{ name: "firewall", look: (signal) => look(facts, signal) }];
}

/** Runs a program of the system, found in the usual places. Never rejects but for the signal. */
export const execSystem: Exec = (program, args, signal) =>
  new Promise((resolve, reject) => {
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
    const options = { env, timeout: PATIENCE_MS, maxBuffer: MAX_OUTPUT, signal } as const;
    execFile(program, args, options, (error, stdout) => {
      if (signal.aborted) reject(signal.reason);
      else if (error === null) resolve({ stdout, status: 0 });
      else resolve({ stdout, status: systemCode(error) === "ENOENT" ? undefined : 1 });
    });
  });

async function look(facts: FirewallFacts, signal: AbortSignal): Promise<Judged[]> {
  const ours: Packet = { protocol: "tcp", port: facts.port };
  const judged = await Promise.all([MDNS, ours].map((packet) => lookFor(packet, facts, signal)));
  const bad = judged.filter(({ state }) => state !== "ok");
  if (bad.length === 0) return [ok(`lets UDP 5353 and TCP ${facts.port} in, or there is none`)];
  return bad.filter(({ text }, i) => bad.findIndex((other) => other.text === text) === i);
}

async function lookFor(packet: Packet, facts: FirewallFacts, signal: AbortSignal): Promise<Judged> {
  const { exec, isRoot } = facts;
  const what = `${packet.protocol.toUpperCase()} ${packet.port}`;
  const byFirewalld = await askFirewalld(packet, what, exec, signal);
  if (byFirewalld !== undefined) return byFirewalld;
  const ufw = (await usesUfw()) ? `sudo ufw allow ${packet.port}/${packet.protocol}` : undefined;
  if (isRoot) return await readRules(packet, what, ufw, exec, signal);
  if (ufw === undefined) return await withoutRoot(exec, signal);
  return unchecked("ufw is on, and only root can see whether it lets lanxfer in", `when in doubt, run: ${ufw}`);
}

/** Undefined where it does not run. */
async function askFirewalld(
  packet: Packet,
  what: string,
  exec: Exec,
  signal: AbortSignal,
): Promise<Judged | undefined> {
  const port = await exec("firewall-cmd", [`--query-port=${packet.port}/${packet.protocol}`], signal);
  if (port.stdout.startsWith("yes")) return ok(what);
  if (!port.stdout.startsWith("no")) return undefined;
  const service = await exec("firewall-cmd", ["--query-service=mdns"], signal);
  if (packet === MDNS && service.stdout.startsWith("yes")) return ok(what);
  const open = `sudo firewall-cmd --permanent --add-port=${packet.port}/${packet.protocol}`;
  return problem(`firewalld does not let ${what} in`, `run: ${open} && sudo firewall-cmd --reload`);
}

async function readRules(
  packet: Packet,
  what: string,
  ufw: string | undefined,
  exec: Exec,
  signal: AbortSignal,
): Promise<Judged> {
  const nft = await exec("nft", ["-j", "list", "ruleset"], signal);
  if (nft.status === 0) {
    const { fate, by } = judgeNft(parseRuleset(nft.stdout), packet);
    const chain = by === undefined ? "" : `${by.family} ${by.table} ${by.name}`;
    // Rules that iptables made are opaque to nft.
    const isOpaque = fate === "unclear" && by?.table === "filter" && by.name === "INPUT";
    const open = ufw ?? `sudo nft insert rule ${chain} ${packet.protocol} dport ${packet.port} accept`;
    if (!isOpaque) return conclude(fate, what, `the chain "${chain}" of nftables`, open);
  }
  const iptables = await exec("iptables", ["-S"], signal);
  if (iptables.status === 0) {
    const open = ufw ?? `sudo iptables -I INPUT -p ${packet.protocol} --dport ${packet.port} -j ACCEPT`;
    const fate = judgeIptables(parseRules(iptables.stdout), packet);
    return conclude(fate, what, ufw === undefined ? "iptables" : "ufw", open);
  }
  if (nft.status === undefined && iptables.status === undefined) return ok("no firewall is installed");
  return unchecked("the rules of the firewall could not be read");
}

function conclude(fate: Fate, what: string, who: string, open: string): Judged {
  switch (fate) {
    case "accept":
      return ok(what);
    case "drop":
      return problem(`${who} does not let ${what} in`, `run: ${open}`);
    case "unclear":
      return warning(
        `${who} has rules for ${what} that depend on more than the port`,
        `if devices do not find or reach this one, run: ${open}`,
      );
  }
}

/** A program that is not there filters nothing; one that is may. */
async function withoutRoot(exec: Exec, signal: AbortSignal): Promise<Judged> {
  const found = await Promise.all(["nft", "iptables"].map((program) => exec(program, ["--version"], signal)));
  if (found.every(({ status }) => status === undefined)) return ok("no firewall is installed");
  return unchecked("only root can see the rules of the firewall", "run: sudo nft list ruleset");
}

async function usesUfw(): Promise<boolean> {
  const settings = await readFile("/etc/ufw/ufw.conf", "utf8").catch(() => "");
  return /^ENABLED=yes$/m.test(settings);
}
