/** Discovery on real links, by multicast DNS. */

import type { Clock } from "../core/clock.ts";
import type { DeviceId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Interfaces } from "./interfaces.ts";
import { openLink } from "./link.ts";
import { Links } from "./links.ts";
import { Presence } from "./presence.ts";
import type { Discovery, Probe } from "./types.ts";

export interface MdnsDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly probe: Probe;
  readonly isPaired: (id: DeviceId) => boolean;
  /** All addresses of this machine, as os.networkInterfaces returns them. */
  readonly networkInterfaces: () => Interfaces;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
  /** Interfaces that are used although they are left out by default. @default none */
  readonly include?: readonly string[];
  /** Interfaces that are never used. @default none */
  readonly exclude?: readonly string[];
}

export function createMdnsDiscovery({ include = [], exclude = [], ...deps }: MdnsDeps): Discovery {
  return new Presence(new Links({ ...deps, include, exclude, openLink }), deps);
}
