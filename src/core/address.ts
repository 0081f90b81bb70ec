/** Addresses as people write them. */

import { LanxferError } from "./errors.ts";

export interface HostPort {
  /** Host name, IPv4 or IPv6 address; a link-local one carries its zone. */
  readonly host: string;
  readonly port: number;
}

/** `nas.local`, `192.0.2.7:4000`, `[fe80::1%eth0]:4000`, `fe80::1`. Throws E_USAGE. */
export function parseHostPort(text: string, defaultPort: number): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const bare = text.split(":").length > 2 && !text.includes("[") ? text : undefined; // IPv6 without a port
  const host = match?.[1] ?? match?.[2] ?? bare;
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || /[\s/]/.test(host) || port < 1 || port > 65_535) {
    throw new LanxferError("E_USAGE", { text: `not an address: ${text} (write HOST or HOST:PORT)` });
  }
  return { host, port };
}
