/** Where everything stands now, for metrics. */

import { VERSION } from "../core/version.ts";
import type { DaemonDeps } from "./deps.ts";
import { usage } from "./host/usage.ts";
import type { Parts } from "./parts.ts";
import type { Standing } from "./record/metrics.ts";

/** `startedAt` in milliseconds since 1970. */
export function standingOf({ host }: DaemonDeps, parts: Parts, startedAt: number): Standing {
  const { discovery, trust, transfers, offers, hooks, refusals, loopDelay } = parts;
  const running = { in: 0, out: 0 };
  for (const { direction } of transfers.running()) running[direction]++;
  const states = { queued: 0, paused: 0, waiting: 0 };
  let oldest = 0;
  for (const { direction, state, elapsed } of transfers.unended()) {
    if (direction === "in" || (state !== "queued" && state !== "paused" && state !== "waiting")) continue;
    states[state]++;
    oldest = Math.max(oldest, elapsed / 1_000);
  }
  return {
    version: VERSION,
    node: host.node,
    startedAt,
    peers: discovery.peers().length,
    devices: trust.list().length,
    running,
    queue: { ...states, oldest },
    offers: offers.list().length,
    hooks: hooks.pending,
    refused: refusals.counts,
    usage: usage(),
    delay: loopDelay.read(),
  };
}
