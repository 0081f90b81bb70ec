/** The names of paired devices, for completion. */

import type { ControlClient } from "../control/client.ts";

/**
 * Names that can be typed where a peer or a device is wanted. A name that means
 * something to a shell is replaced by the short id: completed onto the command
 * line, `$(reboot)` would be run.
 */
export async function knownNames(
  client: ControlClient,
  kind: "peer" | "device",
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (kind === "device") {
    const { devices } = await client.call("get", "/v1/devices", {}, signal);
    return devices.map(({ name, short }) => typeable(name, short));
  }
  // The snapshot of the events is there at once; /v1/peers asks the network first.
  for await (const event of client.events(signal)) {
    if (event.type !== "snapshot") continue;
    return event.peers
      .filter(({ paired }) => paired)
      .map(({ petname, name, short }) => typeable(petname ?? name, short));
  }
  return [];
}

function typeable(name: string, short: string): string {
  return /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u.test(name) ? name : short;
}
