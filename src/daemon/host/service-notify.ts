/**
 * Tells the service manager how we are: that we are ready, what we do, that we
 * are alive, why we end (sd_notify(3)). Node opens no datagram sockets of the
 * Unix domain, so systemd-notify speaks for us, from a fixed path, and units
 * say NotifyAccess=all. Where nobody wants to know ($NOTIFY_SOCKET), this does
 * nothing.
 */

import { execFile } from "node:child_process";
import type { Cancel, Clock } from "../../core/clock.ts";
import { systemCode } from "../../core/errors.ts";
import type { Log } from "../../core/log.ts";
import { cut, safe } from "../../core/text.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Never found by PATH: whoever sets that would speak for us. The second is NixOS. */
const PROGRAMS = ["/usr/bin/systemd-notify", "/run/current-system/sw/bin/systemd-notify"];
/** The service manager answers at once or not at all (milliseconds). */
const PATIENCE_MS = 5_000;
/** How often a status is told where no watchdog sets the pace (milliseconds). */
const INTERVAL_MS = 20_000;
const MAX_STATUS = 200; // one line of `systemctl status`

/** One line of what we do now. Rejects when something that has to answer does not. */
export type Alive = (signal: AbortSignal) => Promise<string>;

export interface ServiceNotifyDeps {
  readonly env: Env;
  readonly pid: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Tells facts to the service manager: `notify`. */
  readonly send: (facts: readonly string[]) => Promise<void>;
}

/**
 * Says that the start is over, then, as often as the watchdog wants, that we are
 * alive: only when `alive` has answered, so that a daemon whose event loop
 * stands still or whose control socket is gone is started again. Resolves when
 * the first was said; the result ends the others.
 */
export async function announceReady(alive: Alive, deps: ServiceNotifyDeps): Promise<Cancel> {
  const { env, clock, log, send } = deps;
  if (!env["NOTIFY_SOCKET"]) return () => {};
  const interval = beatInterval(env, deps.pid);
  let busy = false;
  const tell = async (fact: string) => {
    if (busy) return; // the last one still waits for its answer
    busy = true;
    const patience = new AbortController();
    const cancel = clock.after(interval, () => patience.abort());
    try {
      await send([fact, `STATUS=${await alive(patience.signal)}`]);
    } catch (error) {
      log.warn({ err: error, fact }, "service manager not told");
    } finally {
      cancel();
      busy = false;
    }
  };
  await tell("READY=1");
  return clock.every(interval, () => void tell("WATCHDOG=1"));
}

/** A third of the time after which the watchdog bites: sd_watchdog_enabled(3) asks for less than half. Milliseconds. Pure. */
export function beatInterval(env: Env, pid: number): number {
  const micros = Number(env["WATCHDOG_USEC"]);
  const ours = env["WATCHDOG_PID"] === undefined || Number(env["WATCHDOG_PID"]) === pid;
  return ours && micros > 0 ? Math.max(1, Math.floor(micros / 3_000)) : INTERVAL_MS;
}

/** Tells `facts` (`STOPPING=1`, `STATUS=…`). Rejects when that was not possible. */
export async function notify(env: Env, facts: readonly string[]): Promise<void> {
  const socket = env["NOTIFY_SOCKET"];
  if (!socket) return;
  for (const [at, program] of PROGRAMS.entries()) {
    try {
      return await run(program, socket, facts.map(oneLine));
    } catch (error) {
      if (systemCode(error) !== "ENOENT" || at === PROGRAMS.length - 1) throw error;
    }
  }
}

function run(program: string, socket: string, facts: readonly string[]): Promise<void> {
  const options = { env: { NOTIFY_SOCKET: socket }, cwd: "/", timeout: PATIENCE_MS, killSignal: "SIGKILL" } as const;
  return new Promise((resolve, reject) => {
    execFile(program, facts, options, (error) => (error === null ? resolve() : reject(error)));
  });
}

function oneLine(fact: string): string {
  return cut(safe(fact, Number.POSITIVE_INFINITY), MAX_STATUS);
}
