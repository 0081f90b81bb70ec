/**
 * All checks, in the order in which they are read: from the program itself to the
 * devices elsewhere. Without a daemon that runs, what only it knows is left out.
 */

import type { StatusView } from "../../control/schema.ts";
import type { Clock } from "../../core/clock.ts";
import { VERSION } from "../../core/version.ts";
import type { InterfaceView } from "../../discovery/types.ts";
import type { Config } from "../host/config.ts";
import type { HostFacts } from "../host/paths.ts";
import type { Check } from "./finding.ts";
import { execSystem, firewallChecks } from "./firewall.ts";
import { networkChecks } from "./network.ts";
import { type PeerFacts, peerChecks } from "./peers.ts";
import { placeChecks } from "./places.ts";
import { portChecks } from "./ports.ts";
import { programChecks } from "./program.ts";
import { serviceChecks } from "./service.ts";

export interface DoctorFacts {
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly host: HostFacts;
  readonly config: Config;
  readonly interfaces: () => readonly InterfaceView[];
  /** Undefined when no daemon runs. */
  readonly running: RunningFacts | undefined;
}

export interface RunningFacts extends PeerFacts {
  readonly port: number;
  /** Without symbolic links. */
  readonly inbox: string;
  readonly sandbox: StatusView["sandbox"];
}

export function allChecks({ clock, random, host, config, interfaces, running }: DoctorFacts): Check[] {
  const { platform, pid, uid, places, node, descriptors, home } = host;
  const wanted = config.get("port");
  const inbox = running?.inbox ?? config.get("inbox");
  const reserve = config.get("limits.reserve");
  const program = { version: VERSION, node, descriptors, now: clock.now(), sandbox: running?.sandbox };
  return [
    ...programChecks(program),
    ...placeChecks({
      places,
      uid,
      inbox,
      isDefaultInbox: running === undefined && config.source("inbox") === "default",
      reserve,
      unknownSettings: config.unknown(),
    }),
    ...serviceChecks({ platform, home, env: host.env }),
    ...portChecks({ platform, pid, wanted, used: running?.port }),
    ...firewallChecks({ platform, port: running?.port ?? wanted, isRoot: uid === 0, exec: execSystem }),
    ...networkChecks({ clock, random, interfaces }),
    ...(running === undefined ? [] : peerChecks(running)),
  ];
}
