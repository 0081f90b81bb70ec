/**
 * Where the two programs meet and where they keep things: control socket,
 * settings, state, and the port they listen on. Pure, and the same function in
 * both, because a socket looked for in two places is never found. It creates
 * and checks nothing; that is the daemon's (daemon/host/paths.ts).
 */

import { LanxferError } from "./errors.ts";

/** The TCP port a daemon takes unless it is told another one. */
export const DEFAULT_PORT = 25_726;

/**
 * Longest path of a Unix socket, in bytes: `sun_path` holds 104 with its final
 * NUL on macOS, 108 on Linux. A longer one is not refused by the system but
 * silently cut, so that the socket would appear under another name.
 */
export const MAX_SOCKET_PATH = 103;

export interface Places {
  /** Directory of config.json. */
  readonly config: string;
  /** Directory of the key, the paired devices and the history. */
  readonly state: string;
  /** Path of the control socket. */
  readonly socket: string;
}

/** What has to be known of the machine and the user. */
export interface Host {
  readonly platform: string;
  readonly uid: number;
  /** Name of the user; undefined when the system has none for the uid. */
  readonly user: string | undefined;
  /** Absolute path of the user's home. */
  readonly home: string;
  /** Whether `path` is a directory, not a link to one, that belongs to the user. */
  ownsDirectory(path: string): boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * All places, from the environment and the conventions of the platform. Throws
 * E_USAGE for a LANXFER_* path that is not absolute and E_SOCKET for a socket
 * path that is too long.
 */
export function places(env: Env, host: Host): Places {
  const mac = host.platform === "darwin";
  const support = `${host.home}/Library/Application Support/lanxfer`;
  const config =
    override(env, "LANXFER_CONFIG_DIR") ?? (mac ? support : xdg(env, "XDG_CONFIG_HOME", `${host.home}/.config`));
  const state =
    override(env, "LANXFER_STATE_DIR") ?? (mac ? support : xdg(env, "XDG_STATE_HOME", `${host.home}/.local/state`));
  const socket =
    override(env, "LANXFER_SOCKET") ?? `${(mac ? undefined : runtimeDirectory(env, host)) ?? state}/control.sock`;
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    throw new LanxferError("E_SOCKET", { path: socket, text: `longer than ${MAX_SOCKET_PATH} bytes` });
  }
  return { config, state, socket };
}

/** launchd and a shell see different XDG variables on macOS, so they are asked only elsewhere. */
function xdg(env: Env, name: string, fallback: string): string {
  return `${absolute(env[name]) ?? fallback}/lanxfer`;
}

function runtimeDirectory(env: Env, host: Host): string | undefined {
  // Of `lanxferd@USER.service`, which does not know of sessions and their
  // directories. There while it runs, and only root can make it.
  const ofService = `/run/lanxfer/${host.user}`;
  if (host.user !== undefined && host.ownsDirectory(ofService)) return ofService;
  const given = absolute(env["XDG_RUNTIME_DIR"]);
  if (given !== undefined) return `${given}/lanxfer`;
  // cron and `su` leave the variable out although the directory is there.
  const usual = `/run/user/${host.uid}`;
  return host.ownsDirectory(usual) ? `${usual}/lanxfer` : undefined;
}

/** XDG Base Directory Specification: empty counts as not set, and a relative path is to be ignored. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") ? trim(path) : undefined;
}

/** A variable of our own. A relative path would mean another place to each program, so it is refused. */
function override(env: Env, name: string): string | undefined {
  const path = env[name];
  if (path === undefined || path === "") return undefined;
  if (!path.startsWith("/")) throw new LanxferError("E_USAGE", { text: `${name} must be an absolute path` });
  return trim(path);
}

function trim(path: string): string {
  return path.replace(/(?<=.)\/+$/, "");
}
