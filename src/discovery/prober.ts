/**
 * Makes the probes that the peer table wants, a few at a time. What is
 * announced costs nothing to invent, so neither the number of connections we
 * open nor their rate may follow from it.
 */

import type { Cancel, Clock } from "../core/clock.ts";
import type { DeviceId } from "../core/ids.ts";
import type { ProbeRequest } from "./peer-step.ts";
import type { Probe } from "./types.ts";

export interface ProberDeps {
  readonly clock: Clock;
  readonly probe: Probe;
  /** Paired devices and hints of the user go first. */
  readonly isUrgent: (request: ProbeRequest) => boolean;
  /** Asked before each probe: what waited may have become pointless. */
  readonly isWanted: (request: ProbeRequest) => boolean;
  readonly onResult: (request: ProbeRequest, answer: DeviceId | undefined) => void;
}

const MAX_IN_FLIGHT = 8;
const TIMEOUT = 1500; // ms: a lost packet is sent again after one second (RFC 6298 2.1)
const WINDOW = 1000; // ms
const PER_WINDOW = 20; // probes: each may be a TLS handshake at both ends

export class Prober {
  readonly #deps: ProberDeps;
  readonly #urgent: ProbeRequest[] = [];
  readonly #others: ProbeRequest[] = [];
  readonly #inFlight = new Map<AbortController, Cancel>();
  readonly #idle = new Set<() => void>();
  #startedInWindow = 0;
  #endWindow: Cancel | null = null;
  #closed = false;

  constructor(deps: ProberDeps) {
    this.#deps = deps;
  }

  ask(request: ProbeRequest): void {
    if (this.#closed) return;
    (this.#deps.isUrgent(request) ? this.#urgent : this.#others).push(request);
    this.#pump();
  }

  /** Resolves when nothing is asked, or waits to be. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.add(resolve);
      this.#tellIdle();
    });
  }

  /** Ends all probes. Their results are not reported. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#endWindow?.();
    this.#urgent.length = 0;
    this.#others.length = 0;
    for (const [controller, stopTimer] of this.#inFlight) {
      stopTimer();
      controller.abort();
    }
    this.#inFlight.clear();
    this.#tellIdle();
  }

  #pump(): void {
    while (this.#inFlight.size < MAX_IN_FLIGHT && this.#startedInWindow < PER_WINDOW) {
      const request = this.#urgent.shift() ?? this.#others.shift();
      if (request === undefined) break;
      if (this.#deps.isWanted(request)) this.#start(request);
    }
    this.#tellIdle();
  }

  #start(request: ProbeRequest): void {
    const { clock, probe, onResult } = this.#deps;
    this.#startedInWindow++;
    this.#endWindow ??= clock.after(WINDOW, () => {
      this.#endWindow = null;
      this.#startedInWindow = 0;
      this.#pump();
    });

    const controller = new AbortController();
    const finish = (answer: DeviceId | undefined) => {
      const stopTimer = this.#inFlight.get(controller);
      if (stopTimer === undefined) return; // its time was over, or everything is closed
      stopTimer();
      this.#inFlight.delete(controller);
      onResult(request, answer);
      this.#pump();
    };
    const expire = () => {
      controller.abort();
      finish(undefined);
    };
    this.#inFlight.set(controller, clock.after(TIMEOUT, expire));
    const answer = new Promise<DeviceId | undefined>((resolve) => resolve(probe(request.endpoint, controller.signal)));
    answer.then(finish, () => finish(undefined));
  }

  #tellIdle(): void {
    if (this.#inFlight.size > 0 || this.#urgent.length > 0 || this.#others.length > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}
