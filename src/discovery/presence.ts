/**
 * The discovery port over any medium: keeps the peer table, makes its probes
 * and tells its events. What the medium is, multicast or memory, it does not
 * know; timing and policy are therefore the same in both.
 */

import { randomBytes } from "node:crypto";
import { invariant } from "../core/assert.ts";
import type { Cancel, Clock } from "../core/clock.ts";
import { base32Encode, type DeviceId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { doublesOf } from "./echoes.ts";
import type { Medium } from "./medium.ts";
import type { Input } from "./peer-step.ts";
import { isWanted, step } from "./peer-table.ts";
import { EMPTY_TABLE, type PeerTable, peersOf } from "./peer-view.ts";
import { Prober } from "./prober.ts";
import { MAX_CONFLICTS, ownRecord } from "./record.ts";
import type { Announcement, Discovery, Endpoint, InterfaceView, Peer, PeerEvent, Probe } from "./types.ts";

export interface PresenceDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly probe: Probe;
  readonly isPaired: (id: DeviceId) => boolean;
}

const TICK = 250; // ms
const ANSWERS = 200; // ms in which the answers to a question arrive (responder.ts), with some to spare
const REFRESH = 1000; // ms that a user waits at most
const ANSWERS_AGAIN = 1100; // ms after which everybody may answer again (RFC 6762 6), with some to spare
const BOOT_BYTES = 10;
const CONFLICT_PAUSE = 5000; // ms (RFC 6762 8.1), doubled each time

export class Presence implements Discovery {
  readonly #medium: Medium;
  readonly #deps: PresenceDeps;
  readonly #prober: Prober;
  readonly #listeners = new Set<(event: PeerEvent) => void>();
  #table: PeerTable = EMPTY_TABLE;
  #announcement: Announcement | undefined;
  readonly #boot = base32Encode(randomBytes(BOOT_BYTES));
  #conflicts = 0;
  #conflictAt = Number.NEGATIVE_INFINITY;
  #stopTicking: Cancel = () => {};
  #refreshing: Promise<void> | undefined;
  #lookAgain: Cancel = () => {};
  #closing: Promise<void> | undefined;

  constructor(medium: Medium, deps: PresenceDeps) {
    this.#medium = medium;
    this.#deps = deps;
    this.#prober = new Prober({
      clock: deps.clock,
      probe: deps.probe,
      isUrgent: (request) => request.kind === "hint" || (request.kind === "peer" && deps.isPaired(request.id)),
      isWanted: (request) => isWanted(this.#table, request),
      onResult: (probe, answer) => this.#apply({ kind: "probed", probe, answer }),
    });
  }

  async start(announcement: Announcement): Promise<void> {
    invariant(this.#announcement === undefined && this.#closing === undefined, "discovery is started once");
    this.#announcement = announcement;
    this.#medium.open(ownRecord(announcement, this.#boot), {
      heard: (heard, from) => this.#apply({ kind: "heard", heard, from }),
      lost: (name) => this.#apply({ kind: "lost", interface: name }),
      joined: () => this.#apply({ kind: "joined" }),
      conflict: () => this.#giveWay(),
    });
    this.#stopTicking = this.#deps.clock.every(TICK, () => this.#apply({ kind: "tick" }));
  }

  rename(name: string): void {
    if (this.#announcement === undefined || this.#closing) return;
    this.#announcement = { ...this.#announcement, name };
    this.#conflicts = 0;
    this.#medium.rename(ownRecord(this.#announcement, this.#boot), "goodbye");
  }

  peers(): readonly Peer[] {
    return peersOf(this.#table);
  }

  subscribe(listener: (event: PeerEvent) => void): () => void {
    const own = (event: PeerEvent) => listener(event); // the same function may subscribe twice
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  refresh(): Promise<void> {
    if (this.#closing) return Promise.resolve();
    this.#refreshing ??= this.#refresh();
    return this.#refreshing;
  }

  hint(name: string, endpoint: Endpoint, id?: DeviceId): void {
    this.#apply({ kind: "hint", name, endpoint, id });
  }

  unhint(name: string): void {
    this.#apply({ kind: "unhint", name });
  }

  tried(id: DeviceId, { address, port }: Pick<Endpoint, "address" | "port">, answer: DeviceId | undefined): void {
    const endpoint = { address, port, interface: null, source: "mdns" } as const;
    this.#apply({ kind: "probed", probe: { kind: "peer", id, endpoint }, answer });
  }

  doubles(): readonly string[] {
    return doublesOf(this.#table.echoes);
  }

  interfaces(): readonly InterfaceView[] {
    return this.#medium.interfaces();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #refresh(): Promise<void> {
    this.#apply({ kind: "asked" });
    const since = await this.#askEverybody();
    await this.#within(REFRESH - ANSWERS, this.#prober.idle());
    // Who had answered somebody else a moment before was not to answer again.
    if (this.#closing) return;
    this.#lookAgain = this.#deps.clock.after(since + ANSWERS_AGAIN - this.#deps.clock.monotonic(), () => {
      this.#refreshing = undefined;
      void this.#askEverybody();
    });
  }

  /** Resolves, when the answers are here, to when it was asked. */
  async #askEverybody(): Promise<number> {
    const since = this.#deps.clock.monotonic();
    if (this.#closing) return since;
    this.#medium.query();
    await this.#within(ANSWERS); // nothing tells which one was the last
    this.#apply({ kind: "answered", since });
    return since;
  }

  async #close(): Promise<void> {
    this.#stopTicking();
    this.#lookAgain();
    this.#prober.close();
    this.#listeners.clear();
    await this.#medium.close();
  }

  #apply(input: Input): void {
    if (this.#closing) return;
    const at = { wall: this.#deps.clock.now(), steady: this.#deps.clock.monotonic() };
    const { table, events, probes } = step(this.#table, input, at, {
      own: this.#announcement?.id,
      isPaired: this.#deps.isPaired,
    });
    this.#table = table;
    for (const event of events) this.#tell(event);
    for (const probe of probes) this.#prober.ask(probe);
  }

  #tell(event: PeerEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#deps.log.warn({ err: error }, "a listener to peer events failed");
      }
    }
  }

  /** Takes a longer instance name. Not often: whoever wants us to may claim one after the other. */
  #giveWay(): void {
    const now = this.#deps.clock.monotonic();
    const pause = CONFLICT_PAUSE * 2 ** this.#conflicts;
    if (this.#announcement === undefined || this.#closing || this.#conflicts === MAX_CONFLICTS) return;
    if (now - this.#conflictAt < pause) return;
    this.#conflictAt = now;
    this.#conflicts++;
    this.#deps.log.warn({}, "another device has our instance name: taking a longer one");
    this.#medium.rename(ownRecord(this.#announcement, this.#boot, this.#conflicts), "silent");
  }

  /** Resolves after `ms`, or with `done` when that comes first. */
  async #within(ms: number, done?: Promise<void>): Promise<void> {
    let stop: Cancel = () => {};
    const timer = new Promise<void>((resolve) => {
      stop = this.#deps.clock.after(ms, resolve);
    });
    await Promise.race(done ? [done, timer] : [timer]);
    stop();
  }
}
