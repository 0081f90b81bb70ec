/** Devices: those that are seen but cannot be reached, and paired ones that are not seen. */

import { formatHostPort } from "../../core/address.ts";
import type { Clock } from "../../core/clock.ts";
import { safe } from "../../core/text.ts";
import type { Endpoint, Peer, Probe } from "../../discovery/types.ts";
import type { Device } from "../../identity/trust-file.ts";
import { type Check, type Judged, ok, problem, unchecked, warning } from "./finding.ts";

/** Asked at a time, and in all: on a large network the first ones tell enough. */
const AT_ONCE = 8;
const MOST = 64;
/** For one device, on a network on which answers come within milliseconds (milliseconds). */
const PATIENCE_MS = 2_000;

export interface PeerFacts {
  readonly clock: Clock;
  readonly peers: () => readonly Peer[];
  readonly devices: () => readonly Device[];
  /** When a device was last met, as an ISO 8601 string; undefined when that is not known. */
  readonly lastSeen: (device: Device["id"]) => Promise<string | undefined>;
  readonly probe: Probe;
}

export function peerChecks(facts: PeerFacts): Check[] {
  return [
    { name: "peers", look: (signal) => lookAtPeers(facts, signal) },
    { name: "devices", look: () => lookAtDevices(facts) },
  ];
}

async function lookAtPeers({ clock, peers, probe }: PeerFacts, signal: AbortSignal): Promise<Judged[]> {
  const all = peers();
  if (all.length === 0)
    return [unchecked("no other device is seen", "start lanxferd on another machine of this network")];
  const asked = all.slice(0, MOST);
  const waiting = [...asked];
  const unreached: Peer[] = [];
  const work = async () => {
    for (let peer = waiting.shift(); peer !== undefined; peer = waiting.shift()) {
      const patience = new AbortController();
      const cancel = clock.after(PATIENCE_MS, () => patience.abort());
      if (!(await answers(peer, probe, AbortSignal.any([signal, patience.signal])))) unreached.push(peer);
      cancel();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const judged = unreached.map(({ name, endpoints }) => {
    const [first] = endpoints;
    const where = first === undefined ? "" : ` at ${shown(first)}`;
    return problem(
      `${safe(name)} is seen but does not answer${where}`,
      `there, let TCP ${first?.port ?? "of lanxferd"} in, and run "lanxferctl doctor"`,
    );
  });
  const reached = asked.length - unreached.length;
  if (reached > 0) judged.unshift(ok(`${reached} of ${asked.length} devices that are seen can be reached`));
  return judged;
}

async function answers({ id, endpoints }: Peer, probe: Probe, signal: AbortSignal): Promise<boolean> {
  const found = await Promise.all(endpoints.map((endpoint) => probe(endpoint, signal)));
  return found.includes(id);
}

async function lookAtDevices({ peers, devices, lastSeen }: PeerFacts): Promise<Judged[]> {
  const here = new Set(peers().map(({ id }) => id));
  const paired = devices();
  if (paired.length === 0) return [ok('no device is paired yet: "lanxferctl pair" does that')];
  const away = paired.filter(({ id }) => !here.has(id));
  if (away.length === 0) return [ok(`all ${paired.length} paired devices are seen`)];
  return Promise.all(
    away.map(async ({ id, name }) => {
      const since = await lastSeen(id);
      const when = since === undefined ? "has not been seen yet" : `is not seen; the last transfer was at ${since}`;
      return warning(`${safe(name)} ${when}`, `check that it is on, on this network, and that lanxferd runs there`);
    }),
  );
}

function shown({ address, port }: Endpoint): string {
  return safe(formatHostPort({ host: address, port }));
}
