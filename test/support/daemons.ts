/**
 * Real daemons in one process, each with a home of its own: real settings, keys,
 * control sockets and files, real TLS on loopback. Only the network that they
 * announce themselves on is in memory, so that nothing leaves the machine and a
 * test can pull a cable.
 *
 *     await using room = await Room.open();
 *     const [anna, bert] = [await room.daemon("anna"), await room.daemon("bert")];
 *     await anna.pairWith(bert);
 *     const sent = await anna.deliver(bert, [await anna.write("a.txt", "hello")]);
 *
 * A room fails the test at its end when something is left: sockets, descriptors,
 * timers, rejections, parts in staging, or a line at level error in a log.
 */

import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/control/client.ts";
import type { SendRequest } from "../../src/control/requests.ts";
import type { OfferView, PeerView, TransferView } from "../../src/control/schema.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { type DeviceId, parseDeviceId } from "../../src/core/ids.ts";
import { VERSION } from "../../src/core/version.ts";
import { createDaemon, type Daemon } from "../../src/daemon/daemon.ts";
import { ownAddresses } from "../../src/daemon/deps.ts";
import { openConfig } from "../../src/daemon/host/config.ts";
import type { Settings } from "../../src/daemon/host/settings.ts";
import { MemoryLan, type MemoryNode } from "../../src/discovery/memory.ts";
import { CountedClock, LeakCheck } from "./leaks.ts";
import { LogLines } from "./log-lines.ts";
import { eventually } from "./process.ts";

/** Files such as the page has, which are not built when this is run from the sources. */
const PAGE_FILES = fileURLToPath(new URL("page-files", import.meta.url));

export interface RoomOptions {
  /** @default the real one */
  readonly clock?: Clock;
  /** How long what is left over may take to go at the end, in milliseconds. @default 5000 */
  readonly settleMs?: number;
}

/** The daemons of one test and the network between them. */
export class Room {
  /** Removed with all that is in it when the room closes. */
  readonly directory: string;
  readonly lan: MemoryLan;
  readonly clock: Clock;
  readonly #counted: CountedClock;
  readonly #leaks: LeakCheck;
  readonly #settleMs: number;
  readonly #daemons: TestDaemon[] = [];
  readonly #guests: AsyncDisposable[] = [];

  private constructor(directory: string, clock: CountedClock, settleMs: number) {
    this.directory = directory;
    this.clock = this.#counted = clock;
    this.lan = new MemoryLan(clock);
    this.#leaks = new LeakCheck(directory);
    this.#settleMs = settleMs;
  }

  static async open({ clock = systemClock, settleMs = 5_000 }: RoomOptions = {}): Promise<Room> {
    // Short, because a Unix socket below it has 103 bytes in all.
    const directory = await mkdtemp(path.join(tmpdir(), "lanxfer-room-"));
    return new Room(directory, new CountedClock(clock), settleMs);
  }

  /**
   * Starts a daemon. `settings` go into its file before the start. `announced` is
   * the port that others are told of, where something stands in front of its own.
   */
  async daemon(name: string, settings: Partial<Settings> = {}, announced?: number): Promise<TestDaemon> {
    const home = path.join(this.directory, name);
    await mkdir(home, { mode: 0o700 });
    const daemon = new TestDaemon(this, name, home, { name, port: await freePort(), ...settings }, announced);
    this.#daemons.push(daemon);
    await daemon.start();
    return daemon;
  }

  /** Two daemons that are paired and see each other: what most tests begin with. */
  async pair(): Promise<[anna: TestDaemon, bert: TestDaemon]> {
    const anna = await this.daemon("anna");
    const bert = await this.daemon("bert");
    await anna.pairWith(bert);
    return [anna, bert];
  }

  /** Something else that has to end with the room, before the daemons. */
  use<Guest extends AsyncDisposable>(guest: Guest): Guest {
    this.#guests.push(guest);
    return guest;
  }

  /** Takes everything down, then throws if something was left behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    const left: string[] = [];
    const ends = await Promise.allSettled([
      ...this.#guests.reverse().map((guest) => guest[Symbol.asyncDispose]()),
      ...this.#daemons.map((daemon) => daemon.stop()),
    ]);
    for (const end of ends) if (end.status === "rejected") left.push(`not ended: ${describe(end.reason)}`);
    for (const daemon of this.#daemons) left.push(...(await daemon.leftBehind()));
    left.push(...(await this.#leaks.finish(this.#counted, this.#settleMs)));
    await rm(this.directory, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind:\n${left.join("\n")}`);
  }
}

export class TestDaemon {
  readonly name: string;
  readonly home: string;
  readonly inbox: string;
  readonly client: ControlClient;
  /** Of all runs. */
  readonly log = new LogLines();
  /** Level error in the log is a fault, unless a test says here which messages it expects. */
  readonly expectedErrors = new Set<string>();
  readonly #room: Room;
  #settings: Partial<Settings>;
  readonly #announced: number | undefined;
  readonly #places: { readonly config: string; readonly state: string; readonly socket: string };
  #node: MemoryNode | undefined;
  #daemon: Daemon | undefined;
  #id: DeviceId | undefined;

  constructor(room: Room, name: string, home: string, settings: Partial<Settings>, announced?: number) {
    this.name = name;
    this.home = home;
    this.inbox = settings.inbox ?? path.join(home, "LanInbox");
    this.#room = room;
    this.#settings = settings;
    this.#announced = announced;
    this.#places = {
      config: path.join(home, "config"),
      state: path.join(home, "state"),
      socket: path.join(home, "run", "control.sock"),
    };
    this.client = new ControlClient(this.#places.socket, VERSION);
  }

  get id(): DeviceId {
    return running(this.#id);
  }

  /** Where it listens now, on every address. */
  get port(): number {
    return running(this.#daemon).port;
  }

  /** Its place in the network: to unplug it, to move it to another address. */
  get node(): MemoryNode {
    return running(this.#node);
  }

  /** Directory of its key, its paired devices and its history. */
  get state(): string {
    return this.#places.state;
  }

  /** Starts it, again after `stop` with the same home; `changes` to its settings stay. */
  async start(changes: Partial<Settings> = {}): Promise<void> {
    const { home } = this;
    this.#settings = { ...this.#settings, ...changes };
    const config = await openConfig({ directory: this.#places.config, home, hostname: this.name, env: {}, flags: {} });
    for (const [name, value] of Object.entries(this.#settings)) await config.set(name, value);
    this.#daemon = await createDaemon({
      clock: this.#room.clock,
      log: this.log,
      config,
      host: {
        places: this.#places,
        home,
        hostname: this.name,
        platform: process.platform,
        env: {},
        uid: process.getuid?.() ?? 0,
        umask: process.umask(),
        aes: true,
        descriptors: 1_024,
        pid: process.pid,
        node: process.version,
      },
      random: randomBytes,
      ownAddresses,
      pageFiles: PAGE_FILES,
      discovery: (deps) => {
        this.#node = this.#room.lan.join(deps);
        const { discovery } = this.#node;
        const start = discovery.start.bind(discovery);
        discovery.start = (own) => start({ ...own, port: this.#announced ?? own.port });
        return discovery;
      },
    });
    this.#id = parseDeviceId((await this.client.call("get", "/v1/id", {})).id);
  }

  /** Ends it in good order. Idempotent. */
  async stop(): Promise<void> {
    await this.#daemon?.close();
  }

  /** Pairs with `other` by an invite of that one. */
  async pairWith(other: TestDaemon): Promise<void> {
    await this.client.call("post", "/v1/pairings", { json: { invite: await other.invite() } });
  }

  /** The text of a new invite that says where this daemon is. */
  async invite(): Promise<string> {
    const json = { address: `127.0.0.1:${this.port}` };
    return (await this.client.call("post", "/v1/invites", { json })).text;
  }

  /** Resolves when this daemon sees `other`. */
  async sees(other: TestDaemon): Promise<PeerView> {
    return eventually(`${this.name} sees ${other.name}`, async () =>
      (await this.client.call("get", "/v1/peers", {})).peers.find(({ id }) => id === other.id),
    );
  }

  /** Makes a file, with folders on the way, in this daemon's home and resolves to its path. */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const file = path.join(this.home, "files", name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
    return file;
  }

  /** Begins to send; `paths` are absolute, `more` is what else the request says. */
  send(to: TestDaemon | string, paths: readonly string[], more: Partial<SendRequest> = {}): Promise<TransferView> {
    const peer = typeof to === "string" ? to : to.id;
    return this.client.call("post", "/v1/transfers", { json: { peer, paths: [...paths], ...more } });
  }

  /** Sends and resolves to the transfer as it ended, well or not. */
  async deliver(
    to: TestDaemon | string,
    paths: readonly string[],
    more: Partial<SendRequest> = {},
  ): Promise<TransferView> {
    return this.ended((await this.send(to, paths, more)).id);
  }

  /** The transfer with this id when it has ended, on this side. */
  async ended(id: string, timeoutMs = 20_000): Promise<TransferView> {
    const look = async () => {
      const { transfers } = await this.client.call("get", "/v1/transfers", { query: { all: "true" } });
      return transfers.find((transfer) => transfer.id === id && transfer.endedAt !== null);
    };
    return eventually(`the end of ${id} at ${this.name}`, look, { timeoutMs, everyMs: 10 });
  }

  /** The first offer that waits for an answer. */
  async offer(): Promise<OfferView> {
    const look = async () => (await this.client.call("get", "/v1/offers", {})).offers[0];
    return eventually(`an offer at ${this.name}`, look, { everyMs: 10 });
  }

  /** What a daemon that ended may not leave: parts in staging, errors in the log. */
  async leftBehind(): Promise<string[]> {
    const parts = await readdir(path.join(this.inbox, ".lanxfer")).catch(() => []);
    const errors = this.log.lines.filter(
      ({ level, message }) => level === "error" && !this.expectedErrors.has(message),
    );
    return [
      ...parts.map((name) => `${this.name}: part ${name}`),
      ...errors.map((line) => `${this.name}: logged ${line.message}: ${describe(line.fields["err"])}`),
    ];
  }
}

/** A port that was free a moment ago. A daemon that finds it taken takes another one and says so. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("a TCP server has an address and a port");
  return address.port;
}

function running<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("the daemon was not started");
  return part;
}

function describe(reason: unknown): string {
  return reason instanceof Error
    ? `${reason.stack}${reason.cause ? `\ncaused by ${describe(reason.cause)}` : ""}`
    : String(reason);
}
