/**
 * What `GET /metrics` says, in the text format of Prometheus. The only importer
 * of prom-client, which is loaded when somebody asks for the first time: it takes
 * 100 ms, a third of a start, and most daemons are never asked.
 *
 * No name of a device or of a file is ever a label: labels are words of ours,
 * and few.
 */

import type { Gauge, Registry } from "prom-client";
import type { Delay, Usage } from "../host/usage.ts";
import type { Tally } from "./tally.ts";

/** Where everything stands now. */
export interface Standing {
  readonly version: string;
  readonly node: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Present on the network, and paired. */
  readonly peers: number;
  readonly devices: number;
  /** Transfers that move, each way. */
  readonly running: { readonly in: number; readonly out: number };
  /** Transfers to be sent that have not ended and do not move. */
  readonly queue: {
    readonly queued: number;
    readonly paused: number;
    readonly waiting: number;
    /** Seconds since the one that waits longest was begun; 0 when none does. */
    readonly oldest: number;
  };
  readonly offers: number;
  readonly hooks: number;
  /** Connections turned away before they were anybody, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly usage: Usage;
  /** Since it was asked last. */
  readonly delay: Delay | undefined;
}

export interface Page {
  readonly type: string;
  readonly text: string;
}

interface Loaded {
  readonly registry: Registry;
  readonly update: (standing: Standing) => void;
}

export class Metrics {
  readonly #tally: Tally;
  readonly #standing: () => Standing;
  #loaded: Promise<Loaded> | undefined;

  constructor(tally: Tally, standing: () => Standing) {
    this.#tally = tally;
    this.#standing = standing;
  }

  async page(): Promise<Page> {
    this.#loaded ??= load(this.#tally);
    const { registry, update } = await this.#loaded;
    update(this.#standing());
    return { type: registry.contentType, text: await registry.metrics() };
  }
}

async function load(tally: Tally): Promise<Loaded> {
  const { Counter, Gauge, Registry } = await import("prom-client");
  const registry = new Registry();
  const options = (name: string, help: string, labelNames: string[]) => ({
    name,
    help,
    labelNames,
    registers: [registry],
  });
  const gauge = (name: string, help: string, ...labels: string[]) => new Gauge(options(name, help, labels));
  /** Counted elsewhere: what is asked for is the sum, which the library can only add up to. */
  const counter = (name: string, help: string, ...labels: string[]) => {
    const made = new Counter(options(name, help, labels));
    return (sums: readonly (readonly [labels: Record<string, string>, sum: number])[]) => {
      made.reset();
      for (const [given, sum] of sums) made.inc(given, sum);
    };
  };

  const info = gauge("lanxfer_info", "Version of lanxferd and of Node.js; always 1", "version", "node");
  const bytes = counter("lanxfer_content_bytes_total", "Bytes of content that a receiver has confirmed", "direction");
  const ended = counter("lanxfer_transfers_total", "Transfers that have ended", "direction", "result");
  const running = gauge("lanxfer_transfers_running", "Transfers that move", "direction");
  const queue = gauge("lanxfer_queue_transfers", "Transfers to be sent that do not move", "state");
  const oldest = gauge("lanxfer_queue_oldest_seconds", "Since the one that waits longest was begun");
  const offers = gauge("lanxfer_offers", "Offers that wait for an answer");
  const peers = gauge("lanxfer_peers", "Devices that are here");
  const devices = gauge("lanxfer_paired_devices", "Devices that are paired");
  const refused = counter(
    "lanxfer_connections_refused_total",
    "Connections turned away before they were anybody",
    "reason",
  );
  const hooks = gauge("lanxfer_hooks_pending", "Hooks that wait or run");
  const hooksEnded = counter("lanxfer_hooks_total", "Hooks that have ended", "result");
  const delay = gauge(
    "lanxfer_event_loop_delay_seconds",
    "How late the event loop was since the last look",
    "statistic",
  );
  const resident = gauge("process_resident_memory_bytes", "Resident memory");
  const heap = gauge("nodejs_heap_size_used_bytes", "Used heap of V8");
  const started = gauge("process_start_time_seconds", "When lanxferd was started, in seconds since 1970");
  const cpu = counter("process_cpu_seconds_total", "Processor time of all threads");

  const update = (now: Standing) => {
    info.set({ version: now.version, node: now.node }, 1);
    bytes(each(tally.bytes, "direction"));
    ended(
      Object.entries(tally.transfers).flatMap(([direction, results]) =>
        each(results, "result").map(([labels, sum]) => [{ direction, ...labels }, sum] as const),
      ),
    );
    setEach(running, now.running, "direction");
    const { oldest: age, ...states } = now.queue;
    setEach(queue, states, "state");
    oldest.set(age);
    offers.set(now.offers);
    peers.set(now.peers);
    devices.set(now.devices);
    refused(each(now.refused, "reason"));
    hooks.set(now.hooks);
    hooksEnded(each(tally.hooks, "result"));
    if (now.delay !== undefined) setEach(delay, { ...now.delay }, "statistic");
    resident.set(now.usage.resident);
    heap.set(now.usage.heap);
    started.set(now.startedAt / 1_000);
    cpu([[{}, now.usage.cpu]]);
  };
  return { registry, update };
}

function each(values: Readonly<Record<string, number>>, label: string): [Record<string, string>, number][] {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, value]);
}

function setEach(gauge: Gauge, values: Readonly<Record<string, number>>, label: string): void {
  for (const [labels, value] of each(values, label)) gauge.set(labels, value);
}
