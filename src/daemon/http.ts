/** Node's HTTP server in front of the control API. Who may connect, and with what, is for its callers. */

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";

/** What answers requests. */
export interface Api {
  readonly fetch: (request: Request) => Response | Promise<Response>;
}

export type Listener = (asked: IncomingMessage, answer: ServerResponse) => void;

/** Answers requests of Node with an API. */
export function listenerOf(api: Api): Listener {
  const listener = getRequestListener((request) => api.fetch(request));
  return (asked, answer) => void listener(asked, answer);
}

export function httpServer(options: ServerOptions, listener: Listener): Server {
  return createServer(options, listener);
}
