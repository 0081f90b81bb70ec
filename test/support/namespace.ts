/** A network and a UTS namespace, alive as long as the process that holds them, which dies with the test process. */

import { must, type Running, start } from "./process.ts";

const HOLD = 'hostname "$0" && ip link set lo up && echo ready && exec sleep infinity';

export class Namespace {
  readonly #holder: Running;

  private constructor(holder: Running) {
    this.#holder = holder;
  }

  static async create(hostname: string): Promise<Namespace> {
    const holder = start(["unshare", "--net", "--uts", "sh", "-c", HOLD, hostname]);
    await holder.line((line) => line === "ready", 10_000);
    return new Namespace(holder);
  }

  get pid(): number {
    return this.#holder.pid;
  }

  enter(command: readonly string[]): string[] {
    return ["nsenter", `--target=${this.pid}`, "--net", "--uts", "--", ...command];
  }

  /** Runs `ip` commands in order and stops at the first that fails. */
  async ip(...commands: string[]): Promise<void> {
    await must(this.enter(["ip", "-batch", "-"]), { stdin: `${commands.join("\n")}\n` });
  }

  show(command: string): Promise<string> {
    return must(this.enter(["ip", ...command.split(" ")]));
  }

  async close(): Promise<void> {
    await this.#holder.stop("SIGKILL");
  }
}
