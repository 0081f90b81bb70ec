/** What a daemon needs of the world. Tests bring another clock, another network and another home. */

import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { type Clock, systemClock } from "../core/clock.ts";
import { createMdnsDiscovery } from "../discovery/mdns.ts";
import type { PresenceDeps } from "../discovery/presence.ts";
import type { Discovery } from "../discovery/types.ts";
import { type Config, openConfig } from "./host/config.ts";
import { createLog, type DaemonLog } from "./host/log.ts";
import { type HostFacts, readHost } from "./host/paths.ts";
import type { SettingName } from "./host/settings.ts";

export interface DaemonDeps {
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly config: Config;
  readonly host: HostFacts;
  readonly random: (bytes: number) => Uint8Array;
  /** Addresses of this machine, of all interfaces, without zones; undefined when the system does not tell. */
  readonly ownAddresses: () => ReadonlySet<string> | undefined;
  readonly discovery: (deps: PresenceDeps) => Discovery;
  /** Directory of the page's files, as they were built. */
  readonly pageFiles: string;
}

/** The real world. `flags` are settings from the command line, `pretty` is for a log that a person reads. */
export async function realDeps(
  flags: Readonly<Partial<Record<SettingName, string>>>,
  pretty: boolean,
): Promise<DaemonDeps> {
  const host = await readHost();
  const config = await openConfig({
    directory: host.places.config,
    home: host.home,
    hostname: host.hostname,
    env: host.env,
    flags,
  });
  return {
    clock: systemClock,
    log: await createLog(config.get("log.level"), pretty),
    config,
    host,
    random: randomBytes,
    ownAddresses,
    pageFiles: fileURLToPath(new URL("../ui", import.meta.url)),
    discovery: (deps) =>
      createMdnsDiscovery({
        ...deps,
        networkInterfaces,
        random: Math.random,
        include: config.get("interfaces.include"),
        exclude: config.get("interfaces.exclude"),
      }),
  };
}

export function ownAddresses(): ReadonlySet<string> | undefined {
  try {
    const all = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? []);
    return new Set(all.map(({ address }) => address));
  } catch {
    return undefined; // no descriptor is left to ask with
  }
}
