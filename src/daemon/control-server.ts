/**
 * Serves the control API on a Unix socket. Node can neither ask who connects nor
 * create the socket with a mode, so the directory is the access control: ours,
 * 0700, and checked. The socket also is the claim to be the only daemon.
 */

import { chmod, lstat, mkdir, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { LanxferError, systemCode } from "../core/errors.ts";
import { type Api, httpServer, listenerOf } from "./http.ts";

export interface ControlServer {
  /** Stops listening, ends open event streams and removes the socket. Idempotent. */
  close(): Promise<void>;
}

/**
 * A body may take as long as the program that makes it: by default Node would
 * break it off after five minutes. Its headers may not (milliseconds).
 */
const TIMEOUTS = { requestTimeout: 0, headersTimeout: 60_000 };
/** How long a second daemon waits for an answer of the first (milliseconds). */
const PROBE_MS = 2_000;

export interface ControlOptions {
  readonly path: string;
  /** Whose directory it has to be. */
  readonly uid: number;
  /** Connections beyond this are refused. */
  readonly connections: number;
  /** Told of a connection that could not be accepted. */
  readonly onError: (error: Error) => void;
}

/** Rejects with E_SOCKET for an unsafe directory, E_RUNNING when another daemon answers there. */
export async function serveControl(options: ControlOptions, api: Api): Promise<ControlServer> {
  const { path, uid, connections, onError } = options;
  await prepareDirectory(dirname(path), uid);
  await removeStale(path);
  const server = httpServer(TIMEOUTS, listenerOf(api));
  server.maxConnections = connections;
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) =>
      reject(
        systemCode(error) === "EADDRINUSE"
          ? new LanxferError("E_RUNNING", { path })
          : new LanxferError("E_SOCKET", { path: dirname(path), text: error.message }, { cause: error }),
      );
    server.once("error", failed);
    server.listen(path, () => {
      server.removeListener("error", failed);
      server.on("error", onError);
      resolve();
    });
  });
  await chmod(path, 0o600);
  let closing: Promise<void> | undefined;
  return {
    close() {
      // Also removes the path: libuv does that for a pipe it made.
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closing;
    },
  };
}

async function prepareDirectory(path: string, uid: number): Promise<void> {
  const refuse = (text: string): never => {
    throw new LanxferError("E_SOCKET", { path, text });
  };
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const stats = await lstat(path);
    if (!stats.isDirectory()) refuse("it is not a directory");
    if (stats.uid !== uid) refuse("it belongs to another user");
    if ((stats.mode & 0o077) !== 0) refuse(`its mode is 0${(stats.mode & 0o777).toString(8)}`);
  } catch (error) {
    if (error instanceof LanxferError) throw error;
    throw new LanxferError("E_SOCKET", { path, text: systemCode(error) ?? String(error) }, { cause: error });
  }
}

/** A socket that nobody answers on was left by a daemon that was killed. */
async function removeStale(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new LanxferError("E_SOCKET", { path: dirname(path), text: `${path} is not a socket` });
  if (await answers(path)) throw new LanxferError("E_RUNNING", { path });
  await unlink(path).catch(() => {});
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.setTimeout(PROBE_MS, () => socket.destroy(new Error("no answer")));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Only a refusal proves that nobody is there; a full backlog, say, does not.
    socket.once("error", (error) => resolve(systemCode(error) !== "ECONNREFUSED"));
  });
}
