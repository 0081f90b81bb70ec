/** Our TCP port, and UDP 5353, which has to be shared with whoever else speaks multicast DNS. */

import { safe } from "../../core/text.ts";
import { isHeldAlone } from "../../discovery/echo.ts";
import { type Check, type Judged, ok, problem, warning } from "./finding.ts";
import { type Holder, holdersOf } from "./sockets.ts";

const MDNS_PORT = 5353;

export interface PortFacts {
  readonly platform: string;
  readonly pid: number;
  /** What the settings ask for. */
  readonly wanted: number;
  /** What lanxferd listens on; undefined when it does not run. */
  readonly used: number | undefined;
}

export function portChecks(facts: PortFacts): Check[] {
  return [
    { name: "port", look: () => lookAtPort(facts) },
    ...(facts.platform === "linux" ? [{ name: "mdns", look: () => lookAtMdns(facts) }] : []),
  ];
}

async function lookAtPort({ pid, wanted, used }: PortFacts): Promise<Judged[]> {
  if (used === wanted) return [ok(`listens on TCP ${used}`)];
  const others = (await holdersOf("tcp", wanted)).filter((holder) => holder.process?.pid !== pid);
  const who = others.map(nameOf).join(", ");
  if (used === undefined) {
    return [
      others.length === 0 ? ok(`TCP ${wanted} is free`) : warning(`TCP ${wanted} is held by ${who}`, elsewhere()),
    ];
  }
  const held = others.length === 0 ? "was taken when lanxferd started" : `is held by ${who}`;
  return [warning(`listens on TCP ${used}, because ${wanted} ${held}`, elsewhere())];
}

async function lookAtMdns({ pid }: PortFacts): Promise<Judged[]> {
  const others = (await holdersOf("udp", MDNS_PORT)).filter((holder) => holder.process?.pid !== pid);
  const who = others.map(nameOf).join(", ");
  if (await isHeldAlone()) {
    const holder = who === "" ? "another program" : who;
    const advice = `end that program, or let it share the port; until then: "lanxferctl peers add NAME HOST"`;
    return [problem(`UDP 5353 is held by ${holder}, which does not share it`, advice)];
  }
  if (others.length === 0) return [ok("no other program uses UDP 5353")];
  const isResolved = others.some(({ process }) => process?.name.startsWith("systemd-resolve"));
  if (!isResolved) return [ok(`shares UDP 5353 with ${who}`)];
  return [ok(`shares UDP 5353 with ${who}, which answers for this host name, not for lanxfer`)];
}

function elsewhere(): string {
  return 'others find the port by themselves; a firewall may have to let it in, or choose one: "lanxferctl config set port N"';
}

function nameOf({ uid, process }: Holder): string {
  return process === undefined ? `a process of user ${uid}` : `${safe(process.name)} (process ${process.pid})`;
}
