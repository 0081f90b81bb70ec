/** Opens a Link to an address: connect, TLS, gate. The key decides, the address does not. */

import { connect, type TLSSocket } from "node:tls";
import type { Clock } from "../core/clock.ts";
import { LanxferError } from "../core/errors.ts";
import type { DeviceId } from "../core/ids.ts";
import { type Credentials, connectFailure, prove, tlsOptions } from "./gate.ts";
import { Link, type LinkOptions } from "./link.ts";
import { OPENING_MS } from "./wire.ts";

export interface DialOptions {
  /** IPv4 or IPv6 address, with its zone where it is link-local, or a host name. */
  readonly host: string;
  readonly port: number;
  readonly alpn: string;
  /** The key that has to answer; any key when left out. */
  readonly expect?: DeviceId;
  /** How the user calls the other end, for messages. */
  readonly peer: string;
}

export interface DialContext {
  readonly credentials: Credentials;
  readonly aes: boolean;
  readonly clock: Clock;
  readonly ownAddresses?: LinkOptions["ownAddresses"];
  /** Told when our own key answers, expected or not, before anything is said on the link. */
  readonly onSelf?: (link: Link) => void;
}

/**
 * Resolves with a link to the expected key. Rejects with E_UNREACHABLE, E_TIMEOUT
 * (after 10 s), E_VERSION, or E_IDENTITY when another key answers: nothing but
 * the TLS handshake has then been sent. Aborting rejects with the signal's reason.
 */
export async function dial(options: DialOptions, context: DialContext, signal: AbortSignal): Promise<Link> {
  signal.throwIfAborted();
  const socket = connect({
    host: options.host,
    port: options.port,
    ALPNProtocols: [options.alpn],
    // A name here would be sent in the clear; it means nothing to us.
    servername: "",
    ...tlsOptions(context.credentials, context.aes),
  });
  try {
    await secured(socket, context.clock, signal);
    const proven = prove(socket, [options.alpn]);
    const link = new Link(socket, proven, context);
    if (proven.peer === context.credentials.id) context.onSelf?.(link);
    if (options.expect !== undefined && proven.peer !== options.expect) {
      throw new LanxferError("E_IDENTITY", { expected: options.expect, got: proven.peer });
    }
    return link;
  } catch (error) {
    socket.on("error", () => {}); // what comes after the first failure says nothing new
    socket.destroy();
    if (signal.aborted) throw signal.reason;
    throw connectFailure(error, options.peer);
  }
}

function secured(socket: TLSSocket, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      cancel();
      signal.removeEventListener("abort", aborted);
      socket.removeListener("error", failed);
      socket.removeListener("close", closed);
      act();
    };
    const failed = (error: Error) => settle(() => reject(error));
    const closed = () => failed(new LanxferError("E_UNREACHABLE", { text: "the connection was closed" }));
    const aborted = () => settle(() => reject(signal.reason));
    const cancel = clock.after(OPENING_MS, () => failed(new LanxferError("E_TIMEOUT", { text: "connecting" })));
    signal.addEventListener("abort", aborted, { once: true });
    socket.once("error", failed);
    socket.once("close", closed);
    socket.once("secureConnect", () => settle(resolve));
  });
}
