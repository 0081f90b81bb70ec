/** Queue time (queue-time.ts) as it goes on, and as it is kept from one run to the next. */

import { z } from "zod";
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../core/log.ts";
import { readStateFile, replaceStateFile } from "../../identity/state-file.ts";
import { beginReckoning, type Instant, type Reckoning, reckon, type Saved } from "./queue-time.ts";

/** A run that is killed loses so much at most (ms), and gets it back from the wall clock. */
const SAVE_EVERY_MS = 60 * 60 * 1_000;

const file = z.object({ v: z.literal(1), lived: z.number().min(0), wall: z.number() });

export class QueueClock {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #reckoning: Reckoning;

  /** Begins at 0, until `load`. */
  constructor(path: string, clock: Clock, log: Log) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    const now = instant(clock);
    this.#reckoning = beginReckoning({ lived: 0, wall: now.wall }, now);
  }

  /** Goes on where the last run left it, but not before `least` (ms). Never rejects: without the file it begins there. */
  async load(least: number): Promise<void> {
    const { lived, wall } = (await read(this.#path, this.#log)) ?? this.#reckoning;
    this.#reckoning = beginReckoning({ lived: Math.max(lived, least), wall }, instant(this.#clock));
  }

  /** Milliseconds; never goes back. */
  now(): number {
    this.#reckoning = reckon(this.#reckoning, instant(this.#clock));
    return this.#reckoning.lived;
  }

  /** Saves it every hour, until the returned function is called, and then once more. */
  keep(): () => Promise<void> {
    const stop = this.#clock.every(SAVE_EVERY_MS, () => void this.#save());
    return () => {
      stop();
      return this.#save();
    };
  }

  async #save(): Promise<void> {
    const lived = this.now();
    const { wall } = this.#reckoning;
    try {
      await replaceStateFile(this.#path, JSON.stringify({ v: 1, lived, wall }), 0o600);
    } catch (error) {
      this.#log.warn({ err: error }, "the time of the queue is not saved");
    }
  }
}

function instant(clock: Clock): Instant {
  return { wall: clock.now(), steady: clock.monotonic() };
}

async function read(path: string, log: Log): Promise<Saved | undefined> {
  try {
    const text = await readStateFile(path, { hint: "it is made anew" });
    return text === undefined ? undefined : file.parse(JSON.parse(text));
  } catch (error) {
    log.warn({ error: String(error), path }, "the time of the queue is not readable, beginning anew");
    return undefined;
  }
}
