/**
 * Notices that a device to which there is a connection has moved. What is sent to
 * an address that nobody has any more meets with silence, and silence alone says
 * nothing for 30 s (PROTOCOL 4.5). But who answers elsewhere, and no longer there,
 * will not be heard on that connection again.
 */

import { withoutZone } from "../../core/address.ts";
import type { Cancel, Clock } from "../../core/clock.ts";
import { LanxferError } from "../../core/errors.ts";
import type { Discovery, Endpoint, Peer, Probe } from "../../discovery/types.ts";
import type { Link } from "../../transfer/link.ts";

export interface FollowDeps {
  readonly clock: Clock;
  readonly probe: Probe;
  readonly discovery: Pick<Discovery, "subscribe">;
}

type Followed = Pick<Link, "peer" | "remoteAddress" | "silence" | "destroy">;

/** A connection that lives is mostly heard within that time, and is then not asked about (milliseconds). */
const QUIET_MS = 2_000;
/** For each address, on a network on which answers come within milliseconds (milliseconds). */
const PATIENCE_MS = 2_000;

/** Destroys `link` with E_LOST when its device has moved; until the returned function is called. */
export function follow(link: Followed, deps: FollowDeps): Cancel {
  const over = new AbortController();
  let latest: Peer | undefined;
  let looking = false;
  const look = async () => {
    looking = true;
    for (let peer = latest; peer !== undefined && !over.signal.aborted; peer = latest) {
      latest = undefined;
      if (await hasMoved(link, peer, deps, over.signal)) {
        link.destroy(new LanxferError("E_LOST", { text: "the other device has another address now" }));
      }
    }
    looking = false;
  };
  const unsubscribe = deps.discovery.subscribe(({ change, peer }) => {
    if (peer.id !== link.peer || change === "down") return;
    latest = peer;
    if (!looking) void look();
  });
  return () => {
    over.abort();
    unsubscribe();
  };
}

/** Resolves to false also when it cannot be told. */
async function hasMoved(
  link: Followed,
  { endpoints }: Peer,
  { clock, probe }: FollowDeps,
  over: AbortSignal,
): Promise<boolean> {
  const isHere = ({ address }: Endpoint) => withoutZone(address) === withoutZone(link.remoteAddress);
  const elsewhere = endpoints.filter((endpoint) => !isHere(endpoint));
  if (elsewhere.length === 0) return false;
  await clock.sleep(QUIET_MS, over).catch(() => {});
  if (over.aborted || link.silence < QUIET_MS) return false;
  const patience = new AbortController();
  const cancel = clock.after(PATIENCE_MS, () => patience.abort());
  const signal = AbortSignal.any([over, patience.signal]);
  const answers = async (some: readonly Endpoint[]) =>
    (await Promise.all(some.map((endpoint) => probe(endpoint, signal)))).includes(link.peer);
  const [stays, moved] = await Promise.all([answers(endpoints.filter(isHere)), answers(elsewhere)]);
  cancel();
  return !stays && moved && !over.aborted && link.silence >= QUIET_MS;
}
