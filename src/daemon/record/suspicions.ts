/**
 * What speaks against somebody's being who he seems: counted for `status`, and
 * told in the log, once an hour for each device, because others decide how often
 * it happens.
 */

import type { Clock } from "../../core/clock.ts";
import { type DeviceId, shortId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";

const AGAIN_MS = 60 * 60 * 1_000;

export class Suspicions {
  readonly #clock: Clock;
  readonly #log: Log;
  /** When a line was last written; its keys are kinds of line times paired devices. */
  readonly #told = new Map<string, number>();
  #otherKeys = 0;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Times since the start that another key answered in place of a device. */
  get otherKeys(): number {
    return this.#otherKeys;
  }

  /** We called a paired device, and somebody else answered. */
  otherKey(device: DeviceId, got: string): void {
    this.#otherKeys++;
    this.#tell(`key ${device}`, { device, got }, "another key answered in place of a paired device: nothing was sent");
  }

  /** Somebody announces the name of a paired device. */
  otherName(device: DeviceId, other: DeviceId, address: string | undefined): void {
    const fields = { device, other: shortId(other), address };
    this.#tell(`name ${device}`, fields, "another device uses the name of a paired one: it is granted nothing");
  }

  #tell(key: string, fields: object, message: string): void {
    const now = this.#clock.monotonic();
    const before = this.#told.get(key);
    if (before !== undefined && now - before < AGAIN_MS) return;
    this.#told.set(key, now);
    this.#log.warn(fields, message);
  }
}
