/** Listens on this machine's own addresses, of both families, under one port. Nobody else can connect there. */

import type { Server } from "node:http";
import { LanxferError, systemCode } from "../../core/errors.ts";

const ADDRESSES = ["127.0.0.1", "::1"] as const;
/** Ports that are free on one of the addresses only. */
const TRIES = 5;
/** What systems without IPv6 say. */
const NO_SUCH_ADDRESS = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

export interface Listening {
  readonly port: number;
  /** Ends all connections, too. */
  close(): Promise<void>;
}

/** `server` makes one for each address. Throws E_PAGE; with a `port`, when just that one is not free. */
export async function listenLocally(server: () => Server, port?: number): Promise<Listening> {
  for (let tries = 1; ; tries++) {
    try {
      return await listenOnce(server, port ?? 0);
    } catch (error) {
      const again = port === undefined && systemCode(error) === "EADDRINUSE" && tries < TRIES;
      if (!again) throw new LanxferError("E_PAGE", { text: systemCode(error) ?? String(error) }, { cause: error });
    }
  }
}

async function listenOnce(server: () => Server, wanted: number): Promise<Listening> {
  const servers: Server[] = [];
  let port = wanted;
  const close = async () => {
    await Promise.all(servers.map(end));
  };
  try {
    for (const host of ADDRESSES) {
      const one = server();
      try {
        port = await listen(one, host, port);
        servers.push(one);
      } catch (error) {
        if (servers.length === 0 || !NO_SUCH_ADDRESS.has(systemCode(error) ?? "")) throw error;
      }
    }
    return { port, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, ipv6Only: true }, () => {
      server.removeListener("error", reject);
      server.on("error", () => {}); // a connection that could not be accepted; the browser tries again
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function end(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
