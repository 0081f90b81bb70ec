/** A peer table under test: time and answers to probes are the test's. */

import type { DeviceId } from "../../../../src/core/ids.ts";
import type { Input, ProbeRequest } from "../../../../src/discovery/peer-step.ts";
import { step } from "../../../../src/discovery/peer-table.ts";
import { EMPTY_TABLE, type PeerTable, peersOf } from "../../../../src/discovery/peer-view.ts";
import { SERVICE, type Sighting } from "../../../../src/discovery/record.ts";
import type { Endpoint, Peer, PeerEvent } from "../../../../src/discovery/types.ts";
import { idOf } from "./packets.ts";

export const OWN = idOf("own");

export function sighting(seed: string, change: Partial<Sighting> = {}): Sighting {
  const id = change.id ?? idOf(seed);
  const instance = `${seed} (${id.slice(0, 4)}).${SERVICE}`;
  return { kind: "sighting", id, name: seed, boot: "boot1", port: 4711, instance, addresses: [], ...change };
}

export class TableBench {
  table: PeerTable = EMPTY_TABLE;
  readonly paired = new Set<DeviceId>();
  /** All events so far, as `change name state`. */
  readonly told: string[] = [];
  readonly events: PeerEvent[] = [];
  /** Probes that were wanted and not answered yet. */
  readonly open: ProbeRequest[] = [];
  #steady = 0;

  apply(input: Input): this {
    const at = { wall: 1_700_000_000_000 + this.#steady, steady: this.#steady };
    const rules = { own: OWN, isPaired: (id: DeviceId) => this.paired.has(id) };
    const { table, events, probes } = step(this.table, input, at, rules);
    this.table = table;
    this.events.push(...events);
    for (const { change, peer } of events) this.told.push(`${change} ${peer.name} ${peer.state}`);
    this.open.push(...probes);
    return this;
  }

  hear(seed: string, from: string, change: Partial<Sighting> = {}, on = "eth0"): this {
    return this.apply({ kind: "heard", heard: sighting(seed, change), from: { address: from, interface: on } });
  }

  goodbye(seed: string, from = "192.0.2.66"): this {
    const heard = { kind: "goodbye", instance: sighting(seed).instance } as const;
    return this.apply({ kind: "heard", heard, from: { address: from, interface: "eth0" } });
  }

  question(seed: string, from: string, on = "eth0"): this {
    const heard = { kind: "question", instance: sighting(seed).instance } as const;
    return this.apply({ kind: "heard", heard, from: { address: from, interface: on } });
  }

  /** Everybody was asked that long ago, and had time to answer. */
  answered(ago: number): this {
    return this.apply({ kind: "answered", since: this.#steady - ago });
  }

  /** Time goes on, with four ticks a second. */
  pass(ms: number): this {
    const end = this.#steady + ms;
    while (this.#steady < end) {
      this.#steady = Math.min(this.#steady + 250, end);
      this.apply({ kind: "tick" });
    }
    return this;
  }

  /** Answers every open probe by its address. */
  answer(who: Readonly<Record<string, DeviceId | undefined>>): this {
    for (const probe of this.open.splice(0)) {
      this.apply({ kind: "probed", probe, answer: who[probe.endpoint.address] });
    }
    return this;
  }

  get peers(): Peer[] {
    return peersOf(this.table);
  }

  peer(seed: string): Peer | undefined {
    return this.peers.find(({ id }) => id === idOf(seed));
  }

  addresses(seed: string): string[] {
    return this.peer(seed)?.endpoints.map(({ address }) => address) ?? [];
  }

  /** Addresses of the open probes. */
  get asked(): string[] {
    return this.open.map(({ endpoint }) => endpoint.address);
  }
}

export function endpoint(address: string, source: Endpoint["source"], port = 4711): Endpoint {
  return { address, port, interface: null, source };
}
