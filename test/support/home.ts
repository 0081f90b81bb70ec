/**
 * The built programs in a home of their own, as a person or a service manager
 * runs them. Every network interface is excluded: nothing is announced, and
 * other daemons are known by the address in their invite.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { eventually, type Finished, type Running, run, start } from "./process.ts";

const LANXFERD = fileURLToPath(new URL("../../dist/daemon/main.js", import.meta.url));
const LANXFERCTL = fileURLToPath(new URL("../../dist/ctl/main.js", import.meta.url));

/** Removed at the end of the test together with whatever still runs in it. */
export class Home implements AsyncDisposable {
  readonly directory: string;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #node: string;
  readonly #running: Running[] = [];

  private constructor(directory: string, settings: Readonly<Record<string, string>>, node: string) {
    this.directory = directory;
    this.#settings = settings;
    this.#node = node;
  }

  /** `settings` are environment variables of the daemon, `node` is the Node that runs the programs. */
  static async make(settings: Readonly<Record<string, string>> = {}, node = process.execPath): Promise<Home> {
    return new Home(await mkdtemp(path.join(tmpdir(), "lanxferd-test-")), settings, node);
  }

  path(name: string): string {
    return path.join(this.directory, name);
  }

  env(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.directory,
      LANXFER_CONFIG_DIR: this.path("config"),
      LANXFER_STATE_DIR: this.path("state"),
      LANXFER_SOCKET: this.path("run/control.sock"),
      LANXFER_INTERFACES_EXCLUDE: "*",
      LANXFER_NAME: "test",
      ...this.#settings,
      ...more,
    };
  }

  /** Starts the daemon and waits for the line that says it is ready. `wrapper` is a command that runs it. */
  async ready(more: Readonly<Record<string, string>> = {}, wrapper: readonly string[] = []): Promise<Running> {
    const command = [...wrapper, this.#node, LANXFERD];
    const running = start(command, { env: this.env(more), cwd: this.directory });
    this.#running.push(running);
    await eventually("lanxferd is ready", async () => running.stdout.includes('"msg":"ready"') || undefined);
    return running;
  }

  /** Runs the daemon when it is expected to end by itself. */
  fails(more: Readonly<Record<string, string>> = {}, ...args: string[]): Promise<Finished> {
    return run([this.#node, LANXFERD, ...args], { env: this.env(more), cwd: this.directory });
  }

  ctl(...args: string[]): Promise<Finished> {
    return this.startCtl(args).finished;
  }

  /** Begins what may take its time. */
  startCtl(args: readonly string[], stdin = ""): Running {
    const running = start([this.#node, LANXFERCTL, ...args], { env: this.env(), cwd: this.directory, stdin });
    this.#running.push(running);
    return running;
  }

  /** Where its daemon listens. */
  async port(): Promise<number> {
    return JSON.parse((await this.ctl("status", "--json")).stdout.split("\n")[0] ?? "").port;
  }

  /** Pairs with the daemon in another home, by an invite that says where that one is. */
  async pairWith(other: Home): Promise<{ readonly invite: string; readonly paired: Finished }> {
    const invite = (await other.ctl("invite", "--address", `127.0.0.1:${await other.port()}`)).stdout.trim();
    return { invite, paired: await this.startCtl(["pair", "--invite", "-"], invite).finished };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running) {
      if (!running.ended) process.kill(running.pid, "SIGKILL");
      await running.finished;
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}
