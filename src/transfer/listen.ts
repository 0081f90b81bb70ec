/** Accepts connections and lets through only what passes the gate. */

import type { AddressInfo, Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Clock } from "../core/clock.ts";
import { LanxferError, systemCode, toLanxferError } from "../core/errors.ts";
import { Doorkeeper } from "./doorkeeper.ts";
import { type Credentials, prove, tlsOptions } from "./gate.ts";
import { Link, type LinkOptions } from "./link.ts";
import { ALPN_PAIR, ALPN_TRANSFER, OPENING_MS } from "./wire.ts";

export interface ListenOptions {
  readonly port: number;
  readonly credentials: Credentials;
  readonly aes: boolean;
  readonly clock: Clock;
  /** Memory for received blocks. */
  readonly allocate: NonNullable<LinkOptions["allocate"]>;
  readonly ownAddresses?: LinkOptions["ownAddresses"];
  /** Takes over a link that passed the gate. Returns whether its key is known: strangers may not come as often as they like. */
  readonly onLink: (link: Link) => boolean;
  /** Told of every connection that did not pass, with a word for the counters. */
  readonly onRefused: (reason: string, address: string) => void;
}

export interface Listener {
  readonly port: number;
  /** Takes no new connections; those that are open go on. Idempotent. */
  stop(): void;
  /** Stops, and closes whatever is still open. Idempotent. */
  close(): Promise<void>;
}

const PROTOCOLS = [ALPN_TRANSFER, ALPN_PAIR];

/**
 * Listens on all addresses. When `port` is taken it takes a free one instead:
 * compare the result's port. Rejects with E_LISTEN.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const open = new Map<string, Socket>();
  const doorkeeper = new Doorkeeper<string>(options.clock);
  const server = createServer({
    ...tlsOptions(options.credentials, options.aes),
    requestCert: true,
    ALPNProtocols: PROTOCOLS,
    handshakeTimeout: OPENING_MS,
  });
  server.on("connection", (socket) => {
    const key = endsOf(socket);
    const address = socket.remoteAddress ?? "unknown";
    open.set(key, socket);
    socket.once("close", () => {
      doorkeeper.leave(key);
      if (open.get(key) === socket) open.delete(key);
    });
    const outcast = doorkeeper.enter(address, key);
    if (outcast === undefined) return;
    options.onRefused(outcast === key ? "too fast" : "crowded out", open.get(outcast)?.remoteAddress ?? "unknown");
    open.get(outcast)?.destroy();
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    const address = socket.remoteAddress ?? "unknown";
    doorkeeper.leave(endsOf(socket));
    socket.on("error", () => {}); // until a Link takes over; a reset before that concerns nobody
    try {
      const link = new Link(socket, prove(socket, PROTOCOLS), options);
      if (options.onLink(link)) doorkeeper.welcome(address);
      else doorkeeper.failed(address);
    } catch (error) {
      doorkeeper.failed(address);
      options.onRefused(toLanxferError(error).code, address);
      socket.destroy();
    }
  });
  server.on("tlsClientError", (error, socket) => {
    // Also where a handshake timed out: the library reports that and leaves the
    // socket open. A port probe connects and closes; that is no event.
    const probe = systemCode(error) === "ECONNRESET";
    const address = socket.remoteAddress ?? "unknown";
    if (!probe) {
      doorkeeper.failed(address);
      options.onRefused("tls", address);
    }
    socket.destroy();
  });

  const bind = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port }, () => {
        server.removeListener("error", reject);
        resolve();
      });
    });
  try {
    await bind(options.port).catch((error) => {
      if (systemCode(error) !== "EADDRINUSE") throw error;
      return bind(0);
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new LanxferError("E_LISTEN", { port: options.port, text }, { cause: error });
  }
  server.on("error", (error) => options.onRefused(systemCode(error) ?? "accept", "local"));
  return {
    port: (server.address() as AddressInfo).port, // a TCP server that listens has an address of this kind
    stop: () => void server.close(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open.values()) socket.destroy();
      }),
  };
}

/** A TLS socket and the TCP socket below it are different objects with the same ends. */
function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
