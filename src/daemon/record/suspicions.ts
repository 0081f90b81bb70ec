/**
 * What speaks against somebody's being who he seems: counted for `status`, and
 * told in the log, once an hour for each device, because others decide how often
 * it happens.
 */

import type { Clock } from "../../core/clock.ts";
import { LanxferError } from "../../core/errors.ts";
import { type DeviceId, shortId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";

const AGAIN_MS = 60 * 60 * 1_000;
/** How long a double counts as being here after it was met; its announcement is looked into once a minute. */
const DOUBLE_MS = 3 * 60 * 1_000;

const CLONED =
  "another machine has the key of this device: its state directory was copied, by a restored backup or a cloned disk; on one of the two stop lanxferd, remove that directory, start it again and pair anew";

export class Suspicions {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #state: string;
  /** When a line was last written; its keys are kinds of line times paired devices. */
  readonly #told = new Map<string, number>();
  #otherKeys = 0;

  #double: { readonly address: string; readonly wall: number; readonly steady: number } | undefined;

  /** `state` is the directory that has our key. */
  constructor(clock: Clock, log: Log, state: string) {
    this.#clock = clock;
    this.#log = log;
    this.#state = state;
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

  /** Another machine has proven that it has our key. */
  double(address: string): void {
    this.#double = { address, wall: this.#clock.now(), steady: this.#clock.monotonic() };
    this.#tell("double", { address, state: this.#state }, CLONED);
  }

  /** Where and when, milliseconds since 1970, our double was last met, if that was lately. */
  get lastDouble(): { readonly address: string; readonly at: number } | undefined {
    const double = this.#double;
    if (double === undefined || this.#clock.monotonic() - double.steady > DOUBLE_MS) return undefined;
    return { address: double.address, at: double.wall };
  }

  /** Why nobody should be paired now; undefined when there is no reason. */
  get doubleError(): LanxferError | undefined {
    const double = this.lastDouble;
    return double && new LanxferError("E_CLONE", { address: double.address, path: this.#state });
  }

  #tell(key: string, fields: object, message: string): void {
    const now = this.#clock.monotonic();
    const before = this.#told.get(key);
    if (before !== undefined && now - before < AGAIN_MS) return;
    this.#told.set(key, now);
    this.#log.warn(fields, message);
  }
}
