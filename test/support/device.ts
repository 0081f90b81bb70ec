/**
 * The built programs as one installation of them: a home with settings, state
 * and inbox of its own, a daemon that can be started, killed and started again,
 * and the CLI beside it. Works in a host of a Lan, or wherever else programs run.
 */

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/control/client.ts";
import type { TransferView } from "../../src/control/schema.ts";
import { eventually, type Finished, type Running, type RunOptions } from "./process.ts";

const program = (name: "daemon" | "ctl") => fileURLToPath(new URL(`../../dist/${name}/main.js`, import.meta.url));

/** Where programs run: a Host, or anything that starts them likewise. */
export interface Place {
  readonly name: string;
  readonly home: string;
  start(command: readonly string[], options?: RunOptions): Running;
  run(command: readonly string[], options?: RunOptions & { readonly timeoutMs?: number }): Promise<Finished>;
}

export class Device {
  readonly name: string;
  readonly place: Place;
  readonly inbox: string;
  /** Where it keeps its key and what it must not forget. */
  readonly state: string;
  readonly control: ControlClient;
  readonly #env: NodeJS.ProcessEnv;
  #daemon: Running | undefined;

  /** `env` adds settings such as LANXFER_PORT. The device is called as the place is. */
  constructor(place: Place, env: NodeJS.ProcessEnv = {}) {
    this.name = place.name;
    this.place = place;
    this.inbox = path.join(place.home, "LanInbox");
    this.state = path.join(place.home, "state");
    const socket = path.join(place.home, "run", "control.sock");
    this.control = new ControlClient(socket, "test");
    this.#env = {
      LANXFER_CONFIG_DIR: path.join(place.home, "config"),
      LANXFER_STATE_DIR: this.state,
      LANXFER_SOCKET: socket,
      LANXFER_INBOX: this.inbox,
      LANXFER_NAME: place.name,
      ...env,
    };
  }

  /** The daemon that runs now. */
  get daemon(): Running {
    if (this.#daemon === undefined || !this.isRunning) throw new Error(`${this.name} is not running`);
    return this.#daemon;
  }

  /** Whether a daemon was started here and has not ended. */
  get isRunning(): boolean {
    return this.#daemon !== undefined && !this.#daemon.ended;
  }

  /** Starts the daemon and resolves when it is ready. */
  async start(): Promise<void> {
    if (!existsSync(program("daemon"))) throw new Error('not built: run "npm run build" first');
    this.#daemon = this.place.start([process.execPath, ...flagsOf(program("daemon")), program("daemon")], {
      env: this.#env,
    });
    await this.#daemon.line(isReady, 20_000);
  }

  /** Ends the daemon in good order. */
  stop(): Promise<Finished> {
    return this.daemon.stop("SIGTERM");
  }

  /** Ends it as a power cut would, as far as the process goes. */
  kill(): Promise<Finished> {
    return this.daemon.stop("SIGKILL");
  }

  /** Runs lanxferctl to its end. */
  ctl(
    args: readonly string[],
    options: { readonly stdin?: string; readonly timeoutMs?: number } = {},
  ): Promise<Finished> {
    return this.place.run([process.execPath, program("ctl"), ...args], { ...options, env: this.#env });
  }

  /** The short way for what must succeed: standard output. */
  async tell(...args: string[]): Promise<string> {
    return succeeded(`${this.name}: ${args.join(" ")}`, await this.ctl(args));
  }

  /** Pairs both devices, by an invite of the other one; `address` is where that is when it is not announced. */
  async pairWith(other: Device, address?: string): Promise<void> {
    const invite = await other.tell("invite", ...(address === undefined ? [] : ["--address", address]));
    succeeded(`${this.name} pairs`, await this.ctl(["pair", "--invite", "-"], { stdin: invite }));
  }

  /** Begins to send, also what is there from earlier transfers; `paths` are absolute. */
  send(to: Device, paths: readonly string[]): Promise<TransferView> {
    const json = { peer: to.name, paths: [...paths], always: true };
    return this.control.call("post", "/v1/transfers", { json });
  }

  /** A transfer as this side knows it now; undefined when it does not know it. */
  async transfer(id: string): Promise<TransferView | undefined> {
    const { transfers } = await this.control.call("get", "/v1/transfers", { query: { all: "true" } });
    return transfers.find((transfer) => transfer.id === id);
  }

  /** The transfer when it has ended on this side, well or not. */
  ended(id: string, timeoutMs = 20_000): Promise<TransferView> {
    const look = async () => {
      const transfer = await this.transfer(id);
      return transfer?.endedAt == null ? undefined : transfer;
    };
    return eventually(`the end of ${id} at ${this.name}`, look, { timeoutMs, everyMs: 10 });
  }
}

/** What the first line of a program asks of Node. */
function flagsOf(file: string): string[] {
  const [first = ""] = readFileSync(file, "utf8").split("\n", 1);
  return first.split(" ").filter((word) => word.startsWith("--"));
}

function isReady(line: string): boolean {
  try {
    return JSON.parse(line).msg === "ready";
  } catch {
    return false; // something else speaks, too
  }
}

function succeeded(what: string, { code, signal, stdout, stderr }: Finished): string {
  if (code !== 0) throw new Error(`${what}: ${signal ?? `exit ${code}`}: ${stderr}`);
  return stdout;
}
