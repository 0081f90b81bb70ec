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
import { type Addresses, Card } from "./card.ts";
import { Namespace } from "./namespace.ts";
import { type Finished, isAlive, must, type Running, type RunOptions, run, start } from "./process.ts";

const PREFIX = "lanxfer-hosts-";
const NETWORK = "10.77.0";

/** A switch and what is plugged into it. */
export class Lan {
  readonly #switch: Namespace;
  readonly #directory: string;
  readonly #hosts: Host[] = [];
  #cards = 0;

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

  /** Plugs in a new host. IPv4 addresses count up from 10.77.0.1 when none is given. */
  async host(name: string, addresses: Addresses = { ipv4: `${NETWORK}.${this.#cards + 1}` }): Promise<Host> {
    const host = await this.aside(name);
    await this.plugIn(host, "eth0", addresses);
    return host;
  }

  /** A host that has no card yet. */
  async aside(name: string): Promise<Host> {
    const home = path.join(this.#directory, name);
    await mkdir(home, { mode: 0o700 });
    const host = new Host(name, home, await Namespace.create(name));
    this.#hosts.push(host);
    return host;
  }

  /** Gives a host, of this switch or of another one, a card whose cable ends here. */
  async plugIn(host: Host, name: string, addresses: Addresses): Promise<Card> {
    this.#cards++;
    const card = new Card(name, host.namespace, this.#switch, this.#cards);
    host.cards.set(name, card);
    await card.add(addresses);
    return card;
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
  readonly namespace: Namespace;
  readonly cards = new Map<string, Card>();
  readonly #running = new Set<Running>();

  constructor(name: string, home: string, namespace: Namespace) {
    this.name = name;
    this.home = home;
    this.namespace = namespace;
  }

  /** The first of its cards, the only one of most hosts. */
  get card(): Card {
    const card = this.cards.get("eth0");
    if (card === undefined) throw new Error(`${this.name} has no card`);
    return card;
  }

  /** Its IPv4 address on the link now. */
  get address(): string {
    return this.card.ipv4 ?? "";
  }

  /** Starts a program in this host; it ends with the host at the latest. */
  start(command: readonly string[], options: RunOptions = {}): Running {
    const running = start(this.namespace.enter(command), this.#within(options));
    this.#running.add(running);
    void running.finished.then(() => this.#running.delete(running));
    return running;
  }

  run(command: readonly string[], options: RunOptions & { readonly timeoutMs?: number } = {}): Promise<Finished> {
    return run(this.namespace.enter(command), { ...options, ...this.#within(options) });
  }

  /** Pulls the cable: the host sees its carrier go, everybody else sees silence. */
  unplug(): Promise<void> {
    return this.card.unplug();
  }

  /** Resolves when the link carries traffic. */
  plug(): Promise<void> {
    return this.card.plug();
  }

  /** Limits what this host sends, in megabits a second; Infinity lifts the limit. */
  async shape(megabits: number): Promise<void> {
    // What passes at once has to last until the kernel looks again, 4 ms later at worst.
    const burst = Math.max(64, megabits);
    const limit = Number.isFinite(megabits) ? `tbf rate ${megabits}mbit burst ${burst}kb latency 50ms` : "pfifo";
    await must(this.namespace.enter(["tc", "qdisc", "replace", "dev", "eth0", "root", ...limit.split(" ")]));
  }

  /** As when a DHCP server gives another lease. */
  changeAddress(address: string): Promise<void> {
    return this.card.changeAddress(address);
  }

  /** Takes the network card out, as suspend or a pulled USB adapter does. */
  removeInterface(): Promise<void> {
    return this.card.remove();
  }

  /** Puts the card (back) in, with its old hardware address. Resolves when the link carries traffic. */
  addInterface(): Promise<void> {
    return this.card.add();
  }

  /** Ends every program that was started here, then the host. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop("SIGKILL")));
    await this.namespace.close();
  }

  /** A program sees the home of this host and nothing of the tester's own settings. */
  #within(options: RunOptions): RunOptions {
    const { PATH } = process.env;
    return { cwd: this.home, ...options, env: { PATH, HOME: this.home, LANG: "C.UTF-8", ...options.env } };
  }
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    await rm(path.join(tmpdir(), name), { recursive: true, force: true });
  }
}
