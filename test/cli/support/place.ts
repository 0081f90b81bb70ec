/** A home, a working directory and a socket for one test, and lanxferctl run there as it was built. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import type { ControlHandlers } from "../../../src/control/api.ts";
import { type Finished, Running, run, start } from "../../support/process.ts";
import { readTree, type Tree } from "../../support/tree.ts";
import { StagedDaemon } from "./daemon.ts";

export const PROGRAM = fileURLToPath(new URL("../../../dist/ctl/main.js", import.meta.url));

export interface CtlOptions {
  readonly stdin?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface TerminalOptions {
  /** @default 80 */
  readonly columns?: number;
  /** @default 24 */
  readonly rows?: number;
  readonly env?: NodeJS.ProcessEnv;
}

export class Place {
  readonly home: string;
  /** Where lanxferctl looks for the daemon. */
  readonly socket: string;
  #daemon: StagedDaemon | undefined;

  /** It is taken away when the test ends. */
  static async open(): Promise<Place> {
    if (!existsSync(PROGRAM)) throw new Error('not built: run "npm run build" first');
    const place = new Place(await mkdtemp(path.join(tmpdir(), "ctl-")));
    await mkdir(path.dirname(place.socket), { recursive: true, mode: 0o700 });
    onTestFinished(() => place.#close());
    return place;
  }

  private constructor(home: string) {
    this.home = home;
    this.socket = path.join(home, "run", "lanxfer", "control.sock");
  }

  async #close(): Promise<void> {
    await this.#daemon?.close();
    await rm(this.home, { recursive: true });
  }

  async daemon(handlers: Partial<ControlHandlers>): Promise<StagedDaemon> {
    this.#daemon = await StagedDaemon.listen(this.socket, handlers);
    return this.#daemon;
  }

  /** The daemon that was opened here. */
  get staged(): StagedDaemon {
    if (this.#daemon === undefined) throw new Error("there is no daemon here");
    return this.#daemon;
  }

  get env(): NodeJS.ProcessEnv {
    return {
      PATH: process.env["PATH"],
      HOME: this.home,
      XDG_RUNTIME_DIR: path.join(this.home, "run"),
      TZ: "UTC",
      LANG: "C.UTF-8",
      TERM: "xterm",
    };
  }

  ctl(args: readonly string[], options: CtlOptions = {}): Promise<Finished> {
    return run(command(args), this.#options(options));
  }

  start(args: readonly string[], options: CtlOptions = {}): Running {
    return start(command(args), this.#options(options));
  }

  /** Runs it on a terminal of its own; what the terminal was sent is all in stdout. */
  onTerminal(args: readonly string[], options: TerminalOptions = {}): Terminal {
    const quoted = command(args).map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    return this.#terminal(`exec ${quoted.join(" ")}`, options);
  }

  /** Runs another program on a terminal of its own. */
  commandOnTerminal(line: string, options: TerminalOptions): Terminal {
    return this.#terminal(`exec ${line}`, options);
  }

  /** Runs a line of shell, as `shell` does, on a terminal of its own. */
  shellOnTerminal(line: string): Terminal {
    return this.#terminal(`CTL="${process.execPath} ${PROGRAM}"; ${line}`, {});
  }

  #terminal(line: string, { columns = 80, rows = 24, env }: TerminalOptions): Terminal {
    const script = `stty cols ${columns} rows ${rows} -onlcr -echo; ${line}`;
    const options = { ...this.#options({ ...(env && { env }) }), stdio: "pipe" } as const;
    return new Terminal(spawn("script", ["-qec", script, "/dev/null"], options));
  }

  /** Runs a line of shell in which lanxferctl is "$CTL". */
  shell(line: string): Promise<Finished> {
    return this.startShell(line).finished;
  }

  startShell(line: string): Running {
    const env = { CTL: PROGRAM };
    return start(["bash", "-c", `set -o pipefail; CTL="${process.execPath} $CTL"; ${line}`], this.#options({ env }));
  }

  /** Everything in the home, to be compared: a command leaves nothing behind. */
  tree(): Promise<Tree> {
    return readTree(this.home, (name) => name === path.relative(this.home, path.dirname(this.socket)));
  }

  #options({ stdin, env }: CtlOptions) {
    return { cwd: this.home, env: { ...this.env, ...env }, ...(stdin !== undefined && { stdin }) };
  }
}

/** A program on a terminal. It ends with the test at the latest. */
export class Terminal extends Running {
  readonly #keyboard: Writable;

  constructor(child: ChildProcessWithoutNullStreams) {
    super(child, performance.now());
    this.#keyboard = child.stdin;
    child.stdin.on("error", () => {}); // it may have ended
    onTestFinished(async () => {
      await this.stop("SIGKILL");
    });
  }

  type(text: string): void {
    this.#keyboard.write(text);
  }
}

function command(args: readonly string[]): string[] {
  return [process.execPath, PROGRAM, ...args];
}

/** What a person saw, for comparison with a golden file. */
export function transcript(args: readonly string[], { code, signal, stdout, stderr }: Finished): string {
  const quoted = args.map((arg) => (/^[\w./:=@-]+$/.test(arg) ? arg : JSON.stringify(arg)));
  const section = (name: string, text: string) =>
    text === "" ? "" : `--- ${name}\n${text}${text.endsWith("\n") ? "" : "⏎\n"}`;
  const end = signal ?? `exit ${code}`;
  return `$ lanxferctl ${quoted.join(" ")}\n${section("stdout", stdout)}${section("stderr", stderr)}--- ${end}\n`;
}

/** The lines of --json, each of which must be an object. */
export function objects(stdout: string): Record<string, unknown>[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** Waits until what `ask` returns is as expected: programs take their time on a busy machine. */
export function poll<T>(ask: () => T) {
  return expect.poll(ask, { timeout: 20_000, interval: 10 });
}

/** What a terminal would act upon, or read in another direction. A line break is the only one that is ours. */
export const ACTIVE = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;
