#!/usr/bin/env node
/**
 * lanxferctl: reads the command line, runs one command, and sets the exit
 * status; nobody else does. Signals: the first one asks the command to end, the
 * second ends the program.
 */

import { homedir } from "node:os";
import { ControlClient } from "../control/client.ts";
import { systemClock } from "../core/clock.ts";
import type { ExitCode } from "../core/errors.ts";
import { places } from "../core/places.ts";
import { VERSION } from "../core/version.ts";
import { asksFor, readArguments } from "./arguments.ts";
import { ownsDirectory, userName, waitForDaemon } from "./connect.ts";
import type { AskedKind } from "./grammar.ts";
import { COMMANDS, GROUPS } from "./program.ts";
import { answer, COMPLETE } from "./shells.ts";
import { Ui } from "./ui.ts";
import { refuseInvite } from "./values.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
const COMPLETION_PATIENCE = 150; // ms, after some 100 for our start: a person waits for the shell, and it for us

const program = { commands: COMMANDS, groups: GROUPS };

function socketPath(): string {
  const uid = process.getuid?.() ?? -1;
  const host = {
    platform: process.platform,
    uid,
    user: userName(),
    home: homedir(),
    ownsDirectory: (path: string) => ownsDirectory(path, uid),
  };
  return places(process.env, host).socket;
}

/** Carries out `argv` and returns the exit status. Throws what goes wrong. */
async function run(argv: readonly string[], ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  refuseInvite(argv);
  const line = readArguments(argv, COMMANDS);
  if (line === undefined) return await explain(argv);
  const start = line.command.prepare(line.raw);
  const socket = line.command.offline === true ? "" : socketPath();
  if (line.command.offline === undefined) await waitForDaemon(socket, systemClock, signal);
  const code = await start(new ControlClient(socket, VERSION), ui, signal);
  await ui.flushed();
  return code;
}

/** What is not a command to run: a question for help, for the version, or a mistake. */
async function explain(argv: readonly string[]): Promise<ExitCode> {
  const { explainMistake, helpText } = await import("./help.ts");
  if (asksFor(argv, "--help") || asksFor(argv, "-h")) {
    process.stdout.write(`${await helpText(argv, program)}\n`);
    return 0;
  }
  if (asksFor(argv, "--version")) {
    process.stdout.write(`lanxferctl ${VERSION}\n`);
    return 0;
  }
  if (argv.every((arg) => arg === "-v" || arg === "--verbose")) {
    process.stderr.write(`${await helpText([], program)}\n`);
    return 2;
  }
  throw await explainMistake(argv, program);
}

/** What the completion script asks for. When it fails there is nothing to offer, and no place for an error. */
async function complete([shell = "", ...words]: readonly string[]): Promise<void> {
  const { completions } = await import("./complete.ts");
  const signal = AbortSignal.timeout(COMPLETION_PATIENCE);
  const ask = async (kind: AskedKind, before: string) => {
    const { candidates } = await import("./candidates.ts");
    return await candidates(new ControlClient(socketPath(), VERSION), kind, before, signal).catch(() => []);
  };
  process.stdout.write(answer(shell, await completions(words, COMMANDS, ask)));
}

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  const ui = new Ui(process, {
    json: asksFor(argv, "--json"),
    verbose: asksFor(argv, "-v") || asksFor(argv, "--verbose"),
    env: process.env,
    clock: systemClock,
    interrupt: () => process.kill(process.pid, "SIGINT"),
  });
  const interrupt = new AbortController();
  let interrupted: ExitCode | undefined;
  const end = (code: ExitCode) => {
    ui.finish(code);
    process.exit(code);
  };
  for (const [name, code] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (interrupted !== undefined) end(code);
      interrupted = code;
      interrupt.abort();
    });
  }
  process.on("uncaughtException", (error) => end(ui.failed(error)));
  let code: ExitCode;
  try {
    if (argv[0] === COMPLETE) return await complete(argv.slice(1));
    code = await run(argv, ui, interrupt.signal);
  } catch (error) {
    code = interrupted ?? ui.failed(error);
  }
  code = interrupted ?? code;
  ui.finish(code);
  process.exitCode = code;
}

await main();
