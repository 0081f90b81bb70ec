/** The program itself: its Node, its descriptors, its clock, its sandbox. */

import type { StatusView } from "../../control/schema.ts";
import { type Check, type Judged, ok, warning } from "./finding.ts";

/** Last days of support, from the schedule of the Node.js project (github.com/nodejs/Release). */
const NODE_ENDS: Readonly<Record<number, string>> = {
  18: "2025-04-30",
  20: "2026-04-30",
  22: "2027-04-30",
  24: "2028-04-30",
  26: "2029-04-30",
};
/** Odd ones are supported for half a year, and those before 18 are long gone. */
const OLDEST = 18;

/** Below this, a hundred transfers at once come near the limit. */
const FEW_DESCRIPTORS = 1_024;

/** No release is older: a clock that says less is wrong (milliseconds since 1970). */
const FIRST_RELEASE = Date.UTC(2026, 0, 1);
const FAR_FUTURE = Date.UTC(2100, 0, 1);

export interface ProgramFacts {
  readonly version: string;
  readonly node: string;
  readonly descriptors: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Undefined when the daemon does not run. */
  readonly sandbox: StatusView["sandbox"] | undefined;
}

export function programChecks(facts: ProgramFacts): Check[] {
  const { version, node, descriptors, now, sandbox } = facts;
  const one = (name: string, judged: Judged): Check => ({ name, look: async () => [judged] });
  return [
    one("version", ok(`lanxfer ${version}`)),
    one("node", judgeNode(node, now)),
    one("descriptors", judgeDescriptors(descriptors)),
    one("clock", judgeClock(now)),
    ...(sandbox === undefined ? [] : [one("sandbox", judgeSandbox(sandbox))]),
  ];
}

export function judgeNode(node: string, now: number): Judged {
  const major = Number(/^v?(\d+)\./.exec(node)?.[1]);
  const end = NODE_ENDS[major];
  const isOver = end === undefined ? major < OLDEST || major % 2 === 1 : now > Date.parse(end) + 86_400_000;
  if (!isOver) return ok(`Node ${node}${end === undefined ? "" : `, supported until ${end}`}`);
  const since = end === undefined ? "" : ` since ${end}`;
  return warning(
    `Node ${node} gets no security fixes any more${since}`,
    "install a supported version of Node (an even number), then restart lanxferd",
  );
}

export function judgeDescriptors(limit: number): Judged {
  if (limit >= FEW_DESCRIPTORS) return ok(`${limit} files and connections may be open`);
  return warning(
    `only ${limit} files and connections may be open`,
    'raise the limit where lanxferd is started ("ulimit -n", or LimitNOFILE= in its unit)',
  );
}

export function judgeClock(now: number): Judged {
  const day = new Date(now).toISOString().slice(0, 10);
  if (now >= FIRST_RELEASE && now < FAR_FUTURE) return ok(`the clock says ${day}`);
  return warning(
    `the clock says ${day}, which is wrong: times in the history and the end of invites are, too`,
    "set the clock, or let the system do it (timedatectl set-ntp true)",
  );
}

export function judgeSandbox(sandbox: StatusView["sandbox"]): Judged {
  switch (sandbox) {
    case "full":
      return ok("lanxferd can write to its own places only, and its system calls are filtered");
    case "seccomp only":
      return warning(
        "the system calls of lanxferd are filtered, but it can write wherever its user can",
        "the system does not allow user namespaces to services of users: use the system service, or allow them",
      );
    case "none":
      return ok("lanxferd runs without a sandbox: the service that lanxferctl installs has one");
  }
}
