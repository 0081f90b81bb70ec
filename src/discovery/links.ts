/**
 * One link for each usable IPv4 address of this machine, and one for the IPv6 of
 * each usable interface, now: opens, closes and re-opens links as interfaces
 * come, go, change or fail. A link that cannot work is a line in the log and a
 * reason for `status`, never an error.
 *
 * An IPv6 link is silent, but for its announcements and answers, where everybody
 * on it is heard by IPv4 too: both together would be twice the traffic.
 *
 * It scans twice a second: Node tells nobody when an interface changes.
 */

import type { Cancel, Clock } from "../core/clock.ts";
import { systemCode } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import {
  type InterfaceRules,
  type Interfaces,
  isSameLink,
  isSameReach,
  type LinkAddress,
  selectAddresses,
} from "./interfaces.ts";
import type { Link, LinkListener, OpenLink } from "./link.ts";
import type { Medium, MediumListener } from "./medium.ts";
import type { OwnRecord } from "./record.ts";
import type { InterfaceView } from "./types.ts";

export interface LinksDeps extends InterfaceRules {
  readonly clock: Clock;
  readonly log: Log;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
  /** All addresses of this machine, as os.networkInterfaces returns them. */
  readonly networkInterfaces: () => Interfaces;
  readonly openLink: OpenLink;
}

const SCAN = 500; // ms
const JUMP = 3000; // ms by which a scan is late, or the wall clock is off, when the machine was suspended
const FIRST_RETRY = 500; // ms, doubled with each failure
const LAST_RETRY = 10_000; // ms

/** One address and what became of it. */
interface Slot {
  address: LinkAddress;
  link: Link | null;
  /** Failures since a packet last left. */
  failures: number;
  /** Monotonic time; null while it works. */
  retryAt: number | null;
  reason: string | null;
}

export class Links implements Medium {
  readonly #deps: LinksDeps;
  readonly #slots = new Set<Slot>();
  readonly #closing = new Set<Promise<void>>();
  #left: readonly InterfaceView[] = [];
  #unreadable: string | null = null;
  #own: OwnRecord | undefined;
  #listener: MediumListener | undefined;
  #stopScanning: Cancel = () => {};
  #scannedAt = { wall: 0, steady: 0 };

  constructor(deps: LinksDeps) {
    this.#deps = deps;
  }

  open(own: OwnRecord, listener: MediumListener): void {
    this.#own = own;
    this.#listener = listener;
    this.#scannedAt = this.#time();
    this.#scan();
    this.#stopScanning = this.#deps.clock.every(SCAN, () => this.#scan());
  }

  rename(own: OwnRecord, former: "goodbye" | "silent"): void {
    this.#own = own;
    for (const slot of this.#slots) slot.link?.rename(own, former);
  }

  query(): void {
    for (const slot of this.#slots) slot.link?.query();
  }

  interfaces(): readonly InterfaceView[] {
    const used = [...this.#slots].map(({ address, reason }) => {
      return { name: address.interface, address: address.address, chosen: true, used: reason === null, reason };
    });
    return [...used, ...this.#left];
  }

  async close(): Promise<void> {
    this.#stopScanning();
    for (const slot of this.#slots) this.#drop(slot, "goodbye");
    await Promise.all(this.#closing);
  }

  #scan(): void {
    const before = this.#scannedAt;
    const now = this.#time();
    this.#scannedAt = now;
    const steady = now.steady - before.steady;
    // After a suspend the network may be another one, and the sockets do not
    // know. Either the scan is late, or only the wall clock went on.
    const jumped = steady > SCAN + JUMP || Math.abs(now.wall - before.wall - steady) > JUMP;
    if (jumped) this.#deps.log.debug({}, "time has jumped: opening all links anew");

    const selection = this.#select();
    if (selection === null) return;
    this.#left = selection.left;
    for (const slot of this.#slots) {
      if (jumped || !selection.used.some((address) => isSameLink(slot.address, address))) this.#lose(slot);
    }
    for (const address of selection.used) {
      const slot = [...this.#slots].find((other) => isSameLink(other.address, address));
      if (slot === undefined) this.#add(address);
      else this.#keep(slot, address, now.steady);
    }
  }

  #select() {
    try {
      const selection = selectAddresses(this.#deps.networkInterfaces(), this.#deps);
      this.#unreadable = null;
      return selection;
    } catch (error) {
      // A sandbox that forbids netlink sockets. What is open stays open.
      const reason = reasonOf(error);
      if (reason !== this.#unreadable) this.#deps.log.warn({ reason }, "cannot list the network interfaces");
      this.#unreadable = reason;
      return null;
    }
  }

  #add(address: LinkAddress): void {
    const slot: Slot = {
      address,
      link: null,
      failures: 0,
      retryAt: null,
      reason: null,
    };
    this.#slots.add(slot);
    this.#open(slot);
    this.#listener?.joined();
  }

  #keep(slot: Slot, address: LinkAddress, now: number): void {
    const isNews = !isSameReach(slot.address, address);
    slot.address = { ...address, index: address.index ?? slot.address.index };
    if (isNews) slot.link?.readdress(slot.address);
    if (slot.retryAt !== null && now >= slot.retryAt) this.#open(slot);
  }

  #lose(slot: Slot): void {
    this.#drop(slot, "silent"); // its address is gone: a goodbye would leave with another one, or not at all
    this.#listener?.lost(slot.address.interface);
  }

  #drop(slot: Slot, how: "goodbye" | "silent"): void {
    this.#slots.delete(slot);
    this.#closeLink(slot, how);
  }

  #closeLink(slot: Slot, how: "goodbye" | "silent"): void {
    const closed = slot.link?.close(how);
    slot.link = null;
    if (closed === undefined) return;
    this.#closing.add(closed);
    void closed.then(() => this.#closing.delete(closed));
  }

  #open(slot: Slot): void {
    if (this.#own === undefined) return;
    this.#closeLink(slot, "silent");
    slot.retryAt = null;
    try {
      const { openLink, clock, random } = this.#deps;
      const deps = { clock, random, isNeeded: () => this.#isNeeded(slot) };
      slot.link = openLink(slot.address, this.#own, this.#listenerFor(slot), deps);
    } catch (error) {
      this.#failed(slot, error);
    }
  }

  #listenerFor(slot: Slot): LinkListener {
    return {
      heard: (heard, from) => this.#listener?.heard(heard, from),
      up: () => this.#up(slot),
      failed: (error) => this.#failed(slot, error),
      conflict: () => this.#listener?.conflict(),
    };
  }

  #isNeeded({ address, link }: Slot): boolean {
    const isBeside = (other: Slot) =>
      other.address.family === 4 && other.address.interface === address.interface && other.reason === null;
    const beside = address.family === 6 ? [...this.#slots].filter(isBeside) : [];
    const isHeard = (instance: string) => beside.some((other) => other.link?.company.has(instance));
    return beside.length === 0 || link === null || !link.company.all().every(isHeard);
  }

  #up(slot: Slot): void {
    if (slot.failures > 0) this.#deps.log.debug(fieldsOf(slot), "link works again");
    slot.failures = 0;
    slot.reason = null;
  }

  // The link stays open until its time to be replaced: it may still hear others.
  #failed(slot: Slot, error: unknown): void {
    const reason = reasonOf(error);
    // A first failure is no news: an IPv6 address cannot be used before it is known to be unique (RFC 4862 5.4).
    const isNews = slot.failures === 1 || (slot.failures > 1 && reason !== slot.reason);
    if (isNews) this.#deps.log.warn({ ...fieldsOf(slot), reason }, "link does not work");
    slot.reason = reason;
    slot.retryAt = this.#deps.clock.monotonic() + Math.min(FIRST_RETRY * 2 ** slot.failures, LAST_RETRY);
    slot.failures++;
  }

  #time() {
    return { wall: this.#deps.clock.now(), steady: this.#deps.clock.monotonic() };
  }
}

function fieldsOf({ address }: Slot): object {
  return { interface: address.interface, address: address.address };
}

function reasonOf(error: unknown): string {
  const code = systemCode(error);
  if (code === "EADDRINUSE") return "another program holds UDP port 5353 for itself";
  if (code === "EADDRNOTAVAIL") return "the address cannot be used yet";
  if (code !== undefined && !code.startsWith("ERR_")) return code; // else Node's own, of which only the message says anything
  return error instanceof Error ? error.message : String(error);
}
