/**
 * Places on this machine for the built programs: a home that is thrown away,
 * with mounts of its own where a test wants some, and no network but loopback.
 * Nothing is announced; devices know each other by the address in an invite.
 */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "./daemons.ts";
import { Device, type Place } from "./device.ts";
import { type Finished, type Running, type RunOptions, run, start } from "./process.ts";

export class LocalPlace implements Place, AsyncDisposable {
  readonly name: string;
  readonly home: string;
  readonly #directory: string;
  readonly #mounts: Running | undefined;
  readonly #running = new Set<Running>();

  private constructor(name: string, directory: string, home: string, mounts: Running | undefined) {
    this.name = name;
    this.home = home;
    this.#directory = directory;
    this.#mounts = mounts;
  }

  /** `mounts` is a shell script that mounts below `$HOME`; what it does is seen here only, and ends with the place. */
  static async make(name: string, mounts?: string): Promise<LocalPlace> {
    // Short, because a Unix socket below it has 103 bytes in all.
    const directory = await mkdtemp(path.join(tmpdir(), "lanxfer-"));
    const home = path.join(directory, name);
    await mkdir(home, { mode: 0o700 });
    if (mounts === undefined) return new LocalPlace(name, directory, home, undefined);
    const script = `${mounts}\necho ready && exec sleep infinity`;
    const holder = start(["unshare", "--mount", "sh", "-ec", script], { env: { ...process.env, HOME: home } });
    await holder.line((line) => line === "ready", 10_000);
    return new LocalPlace(name, directory, home, holder);
  }

  path(...parts: readonly string[]): string {
    return path.join(this.home, ...parts);
  }

  /** A path as it is to be opened from outside, whatever is mounted inside. */
  view(inside: string): string {
    return this.#mounts === undefined ? inside : path.join(`/proc/${this.#mounts.pid}/root`, inside);
  }

  start(command: readonly string[], options: RunOptions = {}): Running {
    const running = start(this.#enter(command), this.#within(options));
    this.#running.add(running);
    void running.finished.then(() => this.#running.delete(running));
    return running;
  }

  run(command: readonly string[], options: RunOptions & { readonly timeoutMs?: number } = {}): Promise<Finished> {
    return run(this.#enter(command), { ...options, ...this.#within(options) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop("SIGKILL")));
    await this.#mounts?.stop("SIGKILL");
    await rm(this.#directory, { recursive: true, force: true });
  }

  #enter(command: readonly string[]): readonly string[] {
    if (this.#mounts === undefined) return command;
    return ["nsenter", `--target=${this.#mounts.pid}`, "--mount", "--", ...command];
  }

  #within(options: RunOptions): RunOptions {
    const { PATH } = process.env;
    return { cwd: this.home, ...options, env: { PATH, HOME: this.home, LANG: "C.UTF-8", ...options.env } };
  }
}

export interface PairOptions {
  /** What is mounted in the receiver's home. */
  readonly mounts?: string;
  /** Environment of both daemons. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Two devices, paired and running: `anna` sends, `bert` receives. */
export class LocalPair implements AsyncDisposable {
  readonly anna: Device;
  readonly bert: Device;
  readonly places: { readonly anna: LocalPlace; readonly bert: LocalPlace };

  private constructor(anna: LocalPlace, bert: LocalPlace, envs: readonly NodeJS.ProcessEnv[]) {
    this.places = { anna, bert };
    this.anna = new Device(anna, envs[0]);
    this.bert = new Device(bert, envs[1]);
  }

  static async open({ mounts, env = {} }: PairOptions = {}): Promise<LocalPair> {
    const ports = [await freePort(), await freePort()];
    const envs = ports.map((port) => ({
      LANXFER_PORT: String(port),
      LANXFER_INTERFACES_EXCLUDE: "*",
      LANXFER_LIMITS_RESERVE: "0",
      ...env,
    }));
    const pair = new LocalPair(await LocalPlace.make("anna"), await LocalPlace.make("bert", mounts), envs);
    try {
      await Promise.all([pair.anna.start(), pair.bert.start()]);
      await pair.anna.pairWith(pair.bert, `127.0.0.1:${ports[1]}`);
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.places.anna[Symbol.asyncDispose]();
    await this.places.bert[Symbol.asyncDispose]();
  }
}
