/** `lanxferd --check`: what the doctor can say of a machine on which no daemon runs. It starts nothing and listens nowhere. */

import { networkInterfaces } from "node:os";
import { toLanxferError } from "../core/errors.ts";
import { type InterfaceRules, selectAddresses } from "../discovery/interfaces.ts";
import type { InterfaceView } from "../discovery/types.ts";
import { type DaemonDeps, realDeps } from "./deps.ts";
import { allChecks } from "./doctor/checks.ts";
import { examine } from "./doctor/doctor.ts";
import { type Finding, problem } from "./doctor/finding.ts";

/** Never rejects: what keeps a daemon from starting is a finding. */
export async function checkUp(): Promise<Finding[]> {
  let deps: DaemonDeps;
  try {
    deps = await realDeps({}, false);
  } catch (error) {
    const { message, kind } = toLanxferError(error);
    return [{ check: "settings", ...problem(message, kind.hint ?? "correct it, then start lanxferd") }];
  }
  const { clock, random, host, config } = deps;
  const rules = { include: config.get("interfaces.include"), exclude: config.get("interfaces.exclude") };
  const interfaces = () => interfacesUnder(rules);
  return examine(allChecks({ clock, random, host, config, interfaces, running: undefined }), clock);
}

function interfacesUnder(rules: InterfaceRules): InterfaceView[] {
  const { used, left } = selectAddresses(networkInterfaces(), rules);
  const view = { chosen: true, used: true, reason: null };
  return [...used.map(({ interface: name, address }) => ({ name, address, ...view })), ...left];
}
