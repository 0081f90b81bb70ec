/**
 * Discovery on a network in memory, for tests that need several devices and
 * power over the network between them. Only the medium differs from the real
 * one; it obeys the clock that it is given and touches no socket.
 */

import type { Cancel, Clock } from "../core/clock.ts";
import type { Medium, MediumListener, Source } from "./medium.ts";
import { Presence, type PresenceDeps } from "./presence.ts";
import type { Heard, OwnRecord } from "./record.ts";
import type { Discovery, Endpoint, InterfaceView } from "./types.ts";

const LATENCY = 1; // ms
const ANSWER_AFTER = 50; // ms, and
const ROUND = 5000; // ms: as on a real link
const INTERFACE = "mem0";

/** A network that any number of devices join. Devices hear each other when they are plugged into the same segment. */
export class MemoryLan {
  readonly #clock: Clock;
  readonly #nodes = new Set<MemoryMedium>();
  /** Every place that was ever announced, and who announced it last. */
  readonly #places = new Map<string, MemoryMedium>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param address what others are told to connect to; several devices may share it */
  join(deps: Omit<PresenceDeps, "clock">, address = "127.0.0.1"): MemoryNode {
    return new MemoryNode(this, { ...deps, clock: this.#clock }, address);
  }

  /** @internal */
  attach(node: MemoryMedium, port: number): void {
    this.#nodes.add(node);
    this.#places.set(`${node.address}:${port}`, node);
  }

  /** @internal */
  detach(node: MemoryMedium): void {
    this.#nodes.delete(node);
  }

  /** @internal */
  send(from: MemoryMedium, deliver: (to: MemoryMedium) => void): void {
    const receivers = [...this.#nodes].filter((node) => node !== from && areJoined(from, node));
    this.#clock.after(LATENCY, () => {
      for (const node of receivers) if (this.#nodes.has(node)) deliver(node);
    });
  }

  /** Whether `from` can connect to `endpoint`. What is not of this network is not our business. @internal */
  isReachable(from: MemoryMedium, { address, port }: Endpoint): boolean {
    const node = this.#places.get(`${address}:${port}`);
    return node === undefined || (this.#nodes.has(node) && node.address === address && areJoined(from, node));
  }
}

function areJoined(a: MemoryMedium, b: MemoryMedium): boolean {
  return a.segment !== null && a.segment === b.segment;
}

/** A device on the network and what can happen to it. */
export class MemoryNode {
  readonly discovery: Discovery;
  readonly #medium: MemoryMedium;

  constructor(lan: MemoryLan, deps: PresenceDeps, address: string) {
    const medium = new MemoryMedium(lan, deps.clock, address);
    const probe: PresenceDeps["probe"] = async (endpoint, signal) =>
      lan.isReachable(medium, endpoint) ? deps.probe(endpoint, signal) : undefined;
    this.#medium = medium;
    this.discovery = new Presence(medium, { ...deps, probe });
  }

  /** Pulls the cable. */
  unplug(): void {
    this.#medium.plug(null);
  }

  /** Plugs the cable in; another segment than the others' is a partition of the network. */
  plug(segment = "lan"): void {
    this.#medium.plug(segment);
  }

  /** As when a DHCP server gives another lease. */
  moveTo(address: string): void {
    this.#medium.moveTo(address);
  }

  /** Ends it as kill -9 does: without a goodbye. */
  async kill(): Promise<void> {
    this.#medium.plug(null);
    await this.discovery.close();
  }
}

class MemoryMedium implements Medium {
  address: string;
  segment: string | null = "lan";
  readonly #lan: MemoryLan;
  readonly #clock: Clock;
  #own: OwnRecord | undefined;
  #listener: MediumListener | undefined;
  #stopRounds: Cancel = () => {};
  #answering: Cancel | null = null;

  constructor(lan: MemoryLan, clock: Clock, address: string) {
    this.#lan = lan;
    this.#clock = clock;
    this.address = address;
  }

  open(own: OwnRecord, listener: MediumListener): void {
    this.#own = own;
    this.#listener = listener;
    this.#enter();
    this.#stopRounds = this.#clock.every(ROUND, () => this.query());
  }

  rename(own: OwnRecord, former: "goodbye" | "silent"): void {
    const before = this.#own;
    this.#own = own;
    this.#announce();
    if (before && former === "goodbye") this.#say({ kind: "goodbye", instance: before.instance.toLowerCase() });
  }

  query(): void {
    this.#lan.send(this, (node) => node.#asked());
    this.#asked(); // others hear our own answer as a sign of life
  }

  interfaces(): readonly InterfaceView[] {
    const plugged = this.segment !== null;
    return [
      { name: INTERFACE, address: this.address, chosen: true, used: plugged, reason: plugged ? null : "not connected" },
    ];
  }

  async close(): Promise<void> {
    this.#stopRounds();
    this.#answering?.();
    this.#say({ kind: "goodbye", instance: this.#own?.instance.toLowerCase() ?? "" });
    this.#lan.detach(this);
  }

  plug(segment: string | null): void {
    this.segment = segment;
    this.#listener?.lost(INTERFACE);
    this.#enter();
  }

  moveTo(address: string): void {
    this.address = address;
    this.#listener?.lost(INTERFACE);
    this.#enter();
  }

  #enter(): void {
    if (this.#own === undefined) return;
    this.#lan.attach(this, this.#own.port);
    this.#announce();
    this.query();
    this.#listener?.joined();
  }

  #asked(): void {
    this.#answering ??= this.#clock.after(ANSWER_AFTER, () => {
      this.#answering = null;
      this.#announce();
    });
  }

  #announce(): void {
    if (this.#own === undefined) return;
    const { id, boot, port, instance, txt } = this.#own;
    const name = txt["name"] ?? "";
    this.#say({ kind: "sighting", id, name, boot, port, instance: instance.toLowerCase(), addresses: [] });
  }

  #say(heard: Heard): void {
    const from: Source = { address: this.address, interface: INTERFACE };
    this.#lan.send(this, (node) => node.#listener?.heard(heard, from));
  }
}
