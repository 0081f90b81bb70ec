/**
 * Carries out the plan (plan.ts): holds what is to be delivered, in its order,
 * and looks again whenever something has happened or time has come.
 */

import type { Cancel, Clock } from "../../core/clock.ts";
import { LanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import { formatPeriod } from "../../core/text.ts";
import type { Delivery, DeliveryHost } from "./delivery.ts";
import { plan } from "./plan.ts";
import type { Sessions } from "./sessions.ts";

/** Devices to which queued transfers go at a time. */
const WIDTH = 8;
/** Ends that are written down at a time, when thousands have waited too long. */
const ENDS = 64;
/** Queue time may run ahead of the timers, after the machine has slept: looked at no later than this (ms). */
const LOOK_MS = 60_000;

export interface SchedulerDeps {
  readonly clock: Clock;
  readonly queueTime: () => number;
  readonly sessions: Sessions;
  readonly isPresent: (device: DeviceId) => boolean;
}

interface DeliveryLane {
  readonly peer: DeviceId;
  readonly urgent: boolean;
  readonly tasks: Delivery[];
}

export class Scheduler implements DeliveryHost {
  readonly #deps: SchedulerDeps;
  readonly #lanes = new Map<string, DeliveryLane>();
  readonly #seen = new Map<DeviceId, number>();
  readonly #running = new Set<Promise<void>>();
  #stopTimer: Cancel = () => {};
  #closed = false;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  /** Puts it in its place, behind what was queued for the same device before. Call `look` then. */
  add(delivery: Delivery): void {
    const { queue, recipient, id } = delivery;
    // What is to go at once waits for no other.
    const key = queue === null ? id : recipient.id;
    const lane = this.#lanes.get(key) ?? { peer: recipient.id, urgent: queue === null, tasks: [] };
    this.#lanes.set(key, lane);
    const order = queue?.order ?? 0;
    const at = lane.tasks.findLastIndex((other) => (other.queue?.order ?? 0) <= order);
    lane.tasks.splice(at + 1, 0, delivery);
  }

  /** All that have not ended. */
  *deliveries(): Generator<Delivery, void> {
    for (const { tasks } of this.#lanes.values()) yield* tasks;
  }

  /** The device has shown up, or is there no more. */
  noticed(device: DeviceId, isPresent: boolean): void {
    const wanted = [...this.#lanes.values()].some(({ peer }) => peer === device);
    if (!wanted) return;
    if (isPresent) this.#seen.set(device, this.#deps.queueTime());
    this.look();
  }

  /** Does what is to be done now. */
  look(): void {
    if (this.#closed) return;
    const { clock, queueTime, isPresent } = this.#deps;
    this.#tidy();
    const now = queueTime();
    const { start, expire, waits, lookAt } = plan(this.#lanes.values(), {
      now,
      isPresent,
      seenAt: (peer) => this.#seen.get(peer),
      width: WIDTH,
    });
    for (const delivery of expire.slice(0, ENDS)) void delivery.cancel(expired(delivery));
    for (const delivery of start) void this.busy(delivery.run());
    for (const lane of this.#lanes.values()) {
      for (const delivery of lane.tasks)
        if (delivery.phase === "idle") delivery.waitsFor(waits.get(delivery) ?? "behind");
      if (!lane.urgent && !this.#isBusy(lane)) void this.#deps.sessions.drop(lane.peer);
    }
    this.#stopTimer();
    this.#stopTimer = Number.isFinite(lookAt)
      ? clock.after(Math.min(lookAt - now, LOOK_MS), () => this.look())
      : () => {};
  }

  /** From now on nothing is begun. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#stopTimer();
  }

  /** Resolves when nothing is being sent any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
    for (const { peer } of this.#lanes.values()) await this.#deps.sessions.drop(peer);
  }

  changed(): void {
    this.look();
  }

  /** What is to be done before this program ends. */
  busy(work: Promise<void>): Promise<void> {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Lets go of what has ended. */
  #tidy(): void {
    for (const [key, { peer, tasks }] of this.#lanes) {
      if (tasks.some(({ ended }) => ended)) tasks.splice(0, tasks.length, ...tasks.filter(({ ended }) => !ended));
      if (tasks.length > 0) continue;
      this.#lanes.delete(key);
      void this.#deps.sessions.drop(peer);
    }
  }

  /** Whether anything is being sent in it. */
  #isBusy({ tasks }: DeliveryLane): boolean {
    return tasks.some(({ phase }) => phase === "running");
  }
}

function expired({ recipient, queue }: Delivery): LanxferError {
  return new LanxferError("E_EXPIRED", { peer: recipient.name, text: formatPeriod(queue?.ttl ?? 0) });
}
