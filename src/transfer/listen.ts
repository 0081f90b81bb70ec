/**
 * Accepts connections and lets through only what passes the gate. TLS, which
 * costs us time and memory, begins when the other end has said something and the
 * doorkeeper gives it a turn.
 */

import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { Cancel, Clock } from "../core/clock.ts";
import { LanxferError, systemCode, toLanxferError } from "../core/errors.ts";
import { Doorkeeper } from "./doorkeeper.ts";
import { endsOf, remoteOf, UNKNOWN } from "./ends.ts";
import { type Credentials, prove, tlsOptions } from "./gate.ts";
import { Link, type LinkOptions } from "./link.ts";
import { ALPN_PAIR, ALPN_TRANSFER, OPENING_MS } from "./wire.ts";

export interface ListenOptions {
  readonly port: number;
  readonly credentials: Credentials;
  readonly aes: boolean;
  readonly clock: Clock;
  /** Connections of which we do not know whose they are that may be open at a time. */
  readonly places: number;
  /** Memory for received blocks. */
  readonly allocate: NonNullable<LinkOptions["allocate"]>;
  readonly ownAddresses?: LinkOptions["ownAddresses"];
  /**
   * Takes over a link that passed the gate. Returns whether its key is known. If not
   * it is a stranger's, which is closed when others crowd in, until `keep` is called.
   */
  readonly onLink: (link: Link, keep: () => void) => boolean;
  /** Told of every connection that did not pass, with a word for the counters. */
  readonly onRefused: (reason: string, address: string) => void;
}

export interface Listener {
  readonly port: number;
  /** Somebody that we know is at this address: strangers elsewhere do not make him wait. */
  welcome(address: string): void;
  /** Takes no new connections; those that are open go on. Idempotent. */
  stop(): void;
  /** Stops, and closes whatever is still open. Idempotent. */
  close(): Promise<void>;
}

const PROTOCOLS = [ALPN_TRANSFER, ALPN_PAIR];

interface Guest {
  readonly socket: Socket;
  readonly address: string;
  /** Its time for the handshake. */
  readonly stopTimer: Cancel;
}

/**
 * Listens on all addresses. When `port` is taken it takes a free one instead:
 * compare the result's port. Rejects with E_LISTEN.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { clock, onRefused } = options;
  const open = new Map<string, Guest>();
  const secure = createTlsServer({
    ...tlsOptions(options.credentials, options.aes),
    requestCert: true,
    ALPNProtocols: PROTOCOLS,
  });
  const doorkeeper = new Doorkeeper<Guest>(clock, options.places, {
    begin: ({ socket }) => {
      if (!socket.destroyed) secure.emit("connection", socket);
    },
    evict: ({ socket, address }) => {
      onRefused("crowded out", address);
      socket.destroy();
    },
  });
  // Nothing is read before somebody waits for it, and then little: it is a stranger's.
  const server = createServer({ pauseOnConnect: true, highWaterMark: 1 });
  const admit = (socket: Socket) => {
    const { key, remote: address = UNKNOWN } = endsOf(socket);
    const late = () => {
      onRefused("too slow", address);
      socket.destroy();
    };
    const guest: Guest = { socket, address, stopTimer: clock.after(OPENING_MS, late) };
    open.set(key, guest);
    socket.once("readable", () => {
      if (socket.readableLength > 0) doorkeeper.spoke(guest);
      else socket.destroy();
    });
    socket.once("close", () => {
      guest.stopTimer();
      doorkeeper.leave(guest);
      if (open.get(key) === guest) open.delete(key);
    });
    doorkeeper.enter(address, guest);
  };
  const greet = (socket: TLSSocket) => {
    const guest = open.get(endsOf(socket).key);
    guest?.stopTimer();
    const link = new Link(socket, prove(socket, PROTOCOLS), options);
    const known = options.onLink(link, () => guest && doorkeeper.leave(guest));
    if (known && guest !== undefined) doorkeeper.recognise(guest, guest.address);
  };
  server.on("connection", (socket) => {
    socket.on("error", () => {}); // a port probe connects and closes; that is no event
    try {
      admit(socket);
    } catch (error) {
      onRefused(systemCode(error) ?? "address", UNKNOWN);
      socket.destroy();
    }
  });
  secure.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", () => {}); // until a Link takes over; a reset before that concerns nobody
    try {
      greet(socket);
    } catch (error) {
      onRefused(systemCode(error) ?? toLanxferError(error).code, remoteOf(socket));
      socket.destroy();
    }
  });
  secure.on("tlsClientError", (error, socket) => {
    if (systemCode(error) !== "ECONNRESET") onRefused("tls", remoteOf(socket));
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
  server.on("error", (error) => onRefused(systemCode(error) ?? "accept", "local"));
  return {
    port: (server.address() as AddressInfo).port, // a TCP server that listens has an address of this kind
    welcome: (address) => doorkeeper.welcome(address),
    stop: () => void server.close(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        doorkeeper.close();
        for (const { socket } of open.values()) socket.destroy();
      }),
  };
}
