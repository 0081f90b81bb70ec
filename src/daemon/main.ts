#!/usr/bin/env -S node --max-semi-space-size=1 --heap-growing-percent=130
/**
 * The program `lanxferd`: arguments, signals, exit status.
 *
 * The flags of its first line are for what is received: every 16 KiB come from
 * TLS as a buffer of their own. A small young generation frees them early; room
 * to grow keeps V8 from going over the whole heap because of them.
 */

import { ControlClient } from "../control/client.ts";
import { assertNever } from "../core/assert.ts";
import { ERRORS, toLanxferError } from "../core/errors.ts";
import { VERSION } from "../core/version.ts";
import { type Flags, helpText, readArguments } from "./arguments.ts";
import { checkUp } from "./check.ts";
import { createDaemon, type Daemon } from "./daemon.ts";
import { type DaemonDeps, realDeps } from "./deps.ts";
import { type Alive, announceReady, notify } from "./host/service-notify.ts";

/** Resolves to the exit status for what stopped us, once the user and the service manager know of it. */
async function fail(thrown: unknown): Promise<number> {
  const error = toLanxferError(thrown);
  process.stderr.write(`lanxferd: error: ${error.message}\n`);
  const hint = error.code === "E_USAGE" ? 'run "lanxferd --help"' : error.kind.hint;
  if (hint !== undefined) process.stderr.write(`lanxferd: hint: ${hint}\n`);
  await notify(process.env, [`STATUS=${error.message}`]).catch(() => {});
  return error.kind.exit;
}

/** Asks over the control socket, as anybody would: that it answers is part of being alive. */
function aliveOf({ host, config }: DaemonDeps, port: number): Alive {
  const control = new ControlClient(host.places.socket, VERSION);
  return async (signal) => {
    const { transfers } = await control.call("get", "/v1/transfers", { query: {} }, signal);
    return `${config.get("name")}, port ${port}, ${transfers.length} transfers under way`;
  };
}

/** Resolves to the exit status when the daemon has ended. */
async function run(): Promise<number> {
  const task = readArguments(process.argv.slice(2));
  switch (task.is) {
    case "serve":
      return await serve(task.flags);
    case "help":
      process.stdout.write(helpText());
      return 0;
    case "version":
      process.stdout.write(`lanxferd ${VERSION}\n`);
      return 0;
    case "check":
      for (const finding of await checkUp()) process.stdout.write(`${JSON.stringify({ v: 1, ...finding })}\n`);
      return 0;
    default:
      return assertNever(task);
  }
}

async function serve(flags: Flags): Promise<number> {
  const deps = await realDeps(flags, process.stdout.isTTY === true);
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        // The first one asks, the second one insists.
        process.on(signal, () => process.exit(signal === "SIGINT" ? 130 : 143));
        resolve(signal);
      });
    }
  });
  process.on("SIGHUP", () => {}); // a terminal that goes away is no reason to stop
  const crash = (error: unknown) => {
    deps.log.error({ err: error }, "crashed");
    process.exit(ERRORS.E_INTERNAL.exit);
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);

  const daemon: Daemon = await createDaemon(deps);
  const { env, pid } = deps.host;
  const send = (facts: readonly string[]) => notify(env, facts);
  const { clock, log } = deps;
  const quiet = await announceReady(aliveOf(deps, daemon.port), { env, pid, clock, log, send });
  const signal = await stopped;
  deps.log.info({ signal }, "stopping");
  quiet();
  await Promise.all([daemon.close(), send(["STOPPING=1"]).catch(() => {})]);
  deps.log.info({}, "stopped");
  return 0;
}

run().then(
  (status) => process.exit(status),
  async (error) => process.exit(await fail(error)),
);
