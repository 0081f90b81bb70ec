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
  const chosen = views.filter((view) => view.chosen);
  const left = views.filter((view) => !view.chosen && view.reason !== "loopback");
  const judged = [
    ...chosen.map(({ name, address, used, reason }) => {
      const where = `${safe(name)} ${safe(address)}`;
      return used ? ok(`${where} is used`) : warning(`${where} does not work: ${reasonOf(reason)}`, STATIC);
    }),
    ...left.map(({ name, address, reason }) => ok(`${safe(name)} ${safe(address)} is not used: ${reasonOf(reason)}`)),
  ];
  if (chosen.length > 0) return judged;
  const advice = 'connect to a network, or see "lanxferctl config list" for interfaces.*';
  return [problem("no network interface is used", advice), ...judged];
}

function reasonOf(reason: string | null): string {
  return safe(reason ?? "no reason given");
}

async function lookAtMulticast({ clock, random, interfaces }: NetworkFacts): Promise<Judged[]> {
  const chosen = interfaces().filter((view) => view.chosen);
  return Promise.all(
    chosen.map(async ({ name, address }) => {
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
        ? problem(
            `${where} cannot be used: a program holds UDP 5353 and does not share it`,
            `end that program; ${STATIC}`,
          )
        : problem(`${where} was refused by the system (${safe(result.code)})`, STATIC);
  }
}
