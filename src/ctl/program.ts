/** Every command of lanxferctl, in the order of --help. What a command does is in its file; these say how it is called. */

import type { Command } from "./grammar.ts";
import { ARRIVALS } from "./program/arrivals.ts";
import { DAEMON } from "./program/daemon.ts";
import { DEVICES } from "./program/devices.ts";
import { TRANSFERS } from "./program/transfers.ts";

export const COMMANDS: readonly Command[] = [...TRANSFERS, ...DEVICES, ...ARRIVALS, ...DAEMON];

/** What the groups of commands are about, for those that are not a command themselves. */
export const GROUPS: Readonly<Record<string, string>> = {
  config: "show and change settings",
  service: "let lanxferd start by itself and run in the background",
};
