/** Accepts connections and lets through only what passes the gate. */

import type { AddressInfo, Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Clock } from "../core/clock.ts";
import { LanxferError, systemCode, toLanxferError } from "../core/errors.ts";
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
  /** Takes over a link that passed the gate. */
  readonly onLink: (link: Link) => void;
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

/**
 * Connections that have proved no key yet. When there are more, the oldest goes:
 * an honest handshake takes milliseconds, so a crowd of silent strangers loses
 * its places to whoever comes and speaks.
 */
const MAX_UNPROVEN = 128;

const PROTOCOLS = [ALPN_TRANSFER, ALPN_PAIR];

/**
 * Listens on all addresses. When `port` is taken it takes a free one instead:
 * compare the result's port. Rejects with E_LISTEN.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const open = new Set<Socket>();
  const unproven = new Map<string, Socket>(); // in the order in which they came
  const server = createServer({
    ...tlsOptions(options.credentials, options.aes),
    requestCert: true,
    ALPNProtocols: PROTOCOLS,
    handshakeTimeout: OPENING_MS,
  });
  server.on("connection", (socket) => {
    const key = endsOf(socket);
    open.add(socket);
    unproven.set(key, socket);
    socket.once("close", () => {
      open.delete(socket);
      if (unproven.get(key) === socket) unproven.delete(key);
    });
    if (unproven.size <= MAX_UNPROVEN) return;
    const [oldestKey, oldest] = unproven.entries().next().value ?? [key, socket];
    unproven.delete(oldestKey);
    options.onRefused("crowded out", oldest.remoteAddress ?? "unknown");
    oldest.destroy();
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    unproven.delete(endsOf(socket));
    socket.on("error", () => {}); // until a Link takes over; a reset before that concerns nobody
    try {
      const link = new Link(socket, prove(socket, PROTOCOLS), options);
      options.onLink(link);
    } catch (error) {
      options.onRefused(toLanxferError(error).code, socket.remoteAddress ?? "unknown");
      socket.destroy();
    }
  });
  server.on("tlsClientError", (error, socket) => {
    // Also where a handshake timed out: the library reports that and leaves the
    // socket open. A port probe connects and closes; that is no event.
    const probe = systemCode(error) === "ECONNRESET";
    if (!probe) options.onRefused("tls", socket.remoteAddress ?? "unknown");
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
        for (const socket of open) socket.destroy();
      }),
  };
}

/** A TLS socket and the TCP socket below it are different objects with the same ends. */
function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
