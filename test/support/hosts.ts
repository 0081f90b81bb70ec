/**
 * Real hosts on a real link, without hardware: each host is a network and a UTS
 * namespace with its own interface `eth0`, address, host name and home
 * directory; the switch between them is a bridge in a namespace of its own.
 * Programs run in a host as they are, over the kernel's own TCP and multicast.
 *
 * Nothing has a name outside: namespaces are held by processes that die with
 * the test process, and everything in them goes when they do. Only directories
 * can stay behind, and the next start removes those of dead processes.
 *
 * Hosts share the file system and the user; this is no sandbox.
 */

import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { eventually, type Finished, must, type Running, type RunOptions, run, start } from "./process.ts";

const PREFIX = "lanxfer-hosts-";
const NETWORK = "10.77.0";

/** A switch and what is plugged into it. */
export class Lan {
  readonly #switch: Namespace;
  readonly #directory: string;
  readonly #hosts: Host[] = [];

  private constructor(bridge: Namespace, directory: string) {
    this.#switch = bridge;
    this.#directory = directory;
  }

  static async open(): Promise<Lan> {
    await removeLeftovers();
    // Short, because a Unix socket below it has 103 bytes in all.
    const directory = await mkdtemp(path.join(tmpdir(), `${PREFIX}${process.pid}-`));
    const bridge = await Namespace.create("switch");
    // Without a querier on the link, snooping would at best change nothing.
    await bridge.ip("link add br0 type bridge mcast_snooping 0", "link set br0 up");
    return new Lan(bridge, directory);
  }

  /** Plugs in a new host. Addresses count up from 10.77.0.1 when none is given. */
  async host(name: string, address = `${NETWORK}.${this.#hosts.length + 1}`): Promise<Host> {
    const home = path.join(this.#directory, name);
    await mkdir(home, { mode: 0o700 });
    const host = new Host(name, home, await Namespace.create(name), this.#switch, this.#hosts.length + 1);
    this.#hosts.push(host);
    await host.addInterface(address);
    return host;
  }

  /** Ends every program, host and the switch, and removes the homes. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.close()));
    await this.#switch.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export class Host {
  readonly name: string;
  readonly home: string;
  readonly #namespace: Namespace;
  readonly #switch: Namespace;
  readonly #port: string;
  readonly #hardware: string;
  readonly #running = new Set<Running>();
  #address = "";

  constructor(name: string, home: string, namespace: Namespace, bridge: Namespace, number: number) {
    this.name = name;
    this.home = home;
    this.#namespace = namespace;
    this.#switch = bridge;
    this.#port = `port${number}`;
    this.#hardware = `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
  }

  /** Its IPv4 address on the link now. */
  get address(): string {
    return this.#address;
  }

  /** Starts a program in this host; it ends with the host at the latest. */
  start(command: readonly string[], options: RunOptions = {}): Running {
    const running = start(this.#namespace.enter(command), this.#within(options));
    this.#running.add(running);
    void running.finished.then(() => this.#running.delete(running));
    return running;
  }

  run(command: readonly string[], options: RunOptions & { readonly timeoutMs?: number } = {}): Promise<Finished> {
    return run(this.#namespace.enter(command), { ...options, ...this.#within(options) });
  }

  /** Pulls the cable: the host sees its carrier go, everybody else sees silence. */
  unplug(): Promise<void> {
    return this.#switch.ip(`link set ${this.#port} down`);
  }

  /** Resolves when the link carries traffic. */
  async plug(): Promise<void> {
    await this.#switch.ip(`link set ${this.#port} up`);
    await this.#forwarding();
  }

  /** Limits what this host sends, in megabits a second; Infinity lifts the limit. */
  async shape(megabits: number): Promise<void> {
    const limit = Number.isFinite(megabits) ? `tbf rate ${megabits}mbit burst 64kb latency 50ms` : "pfifo";
    await must(this.#namespace.enter(["tc", "qdisc", "replace", "dev", "eth0", "root", ...limit.split(" ")]));
  }

  /** As when a DHCP server gives another lease. */
  async changeAddress(address: string): Promise<void> {
    await this.#namespace.ip(`addr del ${this.#address}/24 dev eth0`, ...addressing(address));
    this.#address = address;
  }

  /** Takes the network card out, as suspend or a pulled USB adapter does. */
  removeInterface(): Promise<void> {
    return this.#namespace.ip("link del eth0");
  }

  /** Puts the card (back) in, with its old hardware address. Resolves when the link carries traffic. */
  async addInterface(address: string = this.#address): Promise<void> {
    await this.#switch.ip(
      `link add ${this.#port} type veth peer name eth0 address ${this.#hardware} netns ${this.#namespace.pid}`,
      `link set ${this.#port} master br0 up`,
    );
    await this.#namespace.ip(...addressing(address));
    this.#address = address;
    await this.#forwarding();
  }

  /** Ends every program that was started here, then the host. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop("SIGKILL")));
    await this.#namespace.close();
  }

  // The kernel tells a bridge of a new carrier at most once a second.
  async #forwarding(): Promise<void> {
    await eventually(`${this.name} on the link`, async () =>
      /\bstate forwarding\b/.test(await this.#switch.show(`-d link show ${this.#port}`)) ? true : undefined,
    );
  }

  /** A program sees the home of this host and nothing of the tester's own settings. */
  #within(options: RunOptions): RunOptions {
    const { PATH } = process.env;
    return { cwd: this.home, ...options, env: { PATH, HOME: this.home, LANG: "C.UTF-8", ...options.env } };
  }
}

const HOLD = 'hostname "$0" && ip link set lo up && echo ready && exec sleep infinity';

/** A network and a UTS namespace, alive as long as the process that holds them. */
class Namespace {
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

/** With a default route, as every machine at home has one, though nobody answers at its end. */
function addressing(address: string): string[] {
  const gateway = address.replace(/\d+$/, "254");
  return [`addr add ${address}/24 dev eth0`, "link set eth0 up", `route add default via ${gateway}`];
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    await rm(path.join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
