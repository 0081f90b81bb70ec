/** A bridge of containers: up, with an address that every machine with that program has. */

import type { Host } from "./hosts.ts";

export function addContainerBridge(host: Host): Promise<void> {
  const inside = ["link add docker0 type bridge", "link add veth0 type veth peer name veth1"];
  const up = ["docker0", "veth0", "veth1"].map((name) => `link set ${name} up`);
  return host.namespace.ip(...inside, "link set veth0 master docker0", ...up, "addr add 172.17.0.1/16 dev docker0");
}
