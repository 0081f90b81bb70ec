/**
 * Who is at the ends of a connection. The system names the interface of a
 * link-local address with the help of a descriptor; where it has none left, or the
 * interface is gone, Node's getters throw.
 */

import type { Socket } from "node:net";

/** In the place of an address that nobody can tell. */
export const UNKNOWN = "unknown";

export interface Ends {
  /** Undefined when the connection is gone. */
  readonly remote: string | undefined;
  readonly local: string | undefined;
  /** The same for a TLS socket and the TCP socket below it, which are different objects. */
  readonly key: string;
}

/** Throws what the system says when it cannot tell. */
export function endsOf({ remoteAddress, remotePort, localAddress }: Socket): Ends {
  return { remote: remoteAddress, local: localAddress, key: `${remoteAddress} ${remotePort} ${localAddress}` };
}

/** The other end's address for people to read; never throws. */
export function remoteOf(socket: Socket): string {
  try {
    return endsOf(socket).remote ?? UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}
