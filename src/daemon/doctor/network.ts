/** Interfaces: which are used and which not, and whether multicast works on them. */

import type { Clock } from "../../core/clock.ts";
import { safe } from "../../core/text.ts";
import { type Echo, echo } from "../../discovery/echo.ts";
import type { InterfaceView } from "../../discovery/types.ts";
import { type Check, type Judged, ok, problem, warning } from "./finding.ts";

const STATIC = 'without multicast, tell lanxferd where a device is: "lanxferctl peers add NAME HOST"';

export interface NetworkFacts {
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly interfaces: () => readonly InterfaceView[];
}

export function networkChecks(facts: NetworkFacts): Check[] {
  return [
    { name: "interfaces", look: async () => judgeInterfaces(facts.interfaces()) },
    { name: "multicast", look: () => lookAtMulticast(facts) },
  ];
}

export function judgeInterfaces(views: readonly InterfaceView[]): Judged[] {
  const used = views.filter((view) => view.used);
  const left = views.filter((view) => !view.used && view.reason !== "loopback");
  const judged: Judged[] = [];
  for (const { name, address, reason } of used) {
    const where = `${safe(name)} ${safe(address)}`;
    if (reason === null) judged.push(ok(`${where} is used`));
    else judged.push(warning(`${where} does not work: ${safe(reason)}`, STATIC));
  }
  for (const { name, address, reason } of left) {
    judged.push(ok(`${safe(name)} ${safe(address)} is not used: ${safe(reason ?? "no reason given")}`));
  }
  if (used.length === 0) {
    judged.unshift(
      problem("no network interface is used", 'connect to a network, or see "lanxferctl config list" for interfaces.*'),
    );
  }
  return judged;
}

async function lookAtMulticast({ clock, random, interfaces }: NetworkFacts): Promise<Judged[]> {
  const used = interfaces().filter((view) => view.used);
  return Promise.all(
    used.map(async ({ name, address }) => {
      const family = address.includes(":") ? 6 : 4;
      const token = Buffer.from(random(10)).toString("hex");
      return judgeEcho(name, family, await echo({ interface: name, family, address }, token, clock));
    }),
  );
}

export function judgeEcho(name: string, family: 4 | 6, result: Echo): Judged {
  const where = `multicast on ${safe(name)} (IPv${family})`;
  switch (result.is) {
    case "heard":
      return ok(`${where} works on this machine`);
    case "silence":
      return problem(
        `${where} does not come back: something on this machine drops it, mostly a firewall`,
        `let UDP 5353 in; ${STATIC}`,
      );
    case "refused":
      return result.code === "EADDRINUSE"
        ? problem(`UDP 5353 is held by a program that does not share it`, `end that program; ${STATIC}`)
        : problem(`${where} was refused by the system (${safe(result.code)})`, STATIC);
  }
}
