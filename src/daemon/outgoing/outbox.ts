/**
 * The jobs of the sender on disk: one directory for each transfer that has
 * begun, with what is to be sent to whom (job.json) and what was sent of it
 * (sent.log). A job is there until its transfer is delivered or cancelled; one
 * that failed stays for a while, so that the user can try again.
 *
 * What cannot be read, or is not ours, is reported and left alone. What cannot
 * be written is reported, too: the transfer goes on, it only does not survive us.
 */

import type { Dirent } from "node:fs";
import { mkdir, readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { errorView } from "../../control/schema.ts";
import { coalesce } from "../../core/ahead.ts";
import type { Clock } from "../../core/clock.ts";
import { systemCode } from "../../core/errors.ts";
import { type DeviceId, isDeviceId, isTransferId, type TransferId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { readStateFile, replaceStateFile, syncDirectory } from "../../identity/state-file.ts";
import { SentLog } from "../../transfer/sent-log.ts";

/** Failed jobs are kept so long (milliseconds), and so many of them. */
const KEEP_FAILED_MS = 7 * 24 * 60 * 60 * 1_000;
const KEEP_FAILED = 100;

/** Above what a request for ten thousand paths becomes (bytes). */
const MAX_JOB = 32 * 1024 * 1024;

const JOB = "job.json";
const SENT = "sent.log";
/** What a crash leaves of a job.json that was being written. */
const UNFINISHED = /^job\.json\.[0-9a-f]{16}\.tmp$/;

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Milliseconds since 1970, such as a Date can hold. */
const time = z.number().min(0).max(8.64e15);

const jobSchema = z.object({
  v: z.literal(1),
  id: z.custom<TransferId>(isTransferId, "not a transfer id"),
  recipient: z.object({ id: z.custom<DeviceId>(isDeviceId, "not a device id"), name: z.string() }),
  /** Absolute. */
  paths: z.array(z.string().startsWith("/")).min(1),
  /** Missing in the jobs of older versions, as is the note. */
  exclude: z.array(z.string()).default([]),
  note: z.string().nullable().default(null),
  createdAt: time,
  /** Most bytes a second. */
  rate: size.min(1).optional(),
  items: z.array(z.object({ name: z.string(), type: z.enum(["file", "folder"]) })),
  entries: size,
  bytes: size,
  state: z.discriminatedUnion("is", [
    /** The receiver accepted it once. Goes on by itself. */
    z.object({ is: z.literal("begun"), progressAt: time }),
    /** Goes on when the user wants it. */
    z.object({ is: z.literal("failed"), at: time, moved: size, error: errorView }),
  ]),
});
export type Job = z.infer<typeof jobSchema>;

/** Throws for anything that is not a job of ours. */
export function parseJob(text: string): Job {
  return jobSchema.parse(JSON.parse(text));
}

export interface OutboxDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export class Outbox {
  readonly #directory: string;
  readonly #deps: OutboxDeps;
  readonly #jobs = new Map<TransferId, Job>();
  /** The last work on each job's directory. Never rejects. */
  readonly #work = new Map<TransferId, Promise<void>>();
  readonly #sync: () => Promise<void>;

  private constructor(directory: string, deps: OutboxDeps) {
    this.#directory = directory;
    this.#deps = deps;
    this.#sync = coalesce(() => syncDirectory(directory));
  }

  /** Reads what earlier runs left. Never rejects. */
  static async open(directory: string, deps: OutboxDeps): Promise<Outbox> {
    const outbox = new Outbox(directory, deps);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await syncDirectory(join(directory, ".."));
      for (const entry of await readdir(directory, { withFileTypes: true })) await outbox.#load(entry);
    } catch (error) {
      deps.log.warn({ err: error, path: directory }, "outbox not usable, transfers will not survive this run");
    }
    await outbox.#trim();
    return outbox;
  }

  /** Oldest first. */
  jobs(): Job[] {
    return [...this.#jobs.values()].sort((a, b) => a.createdAt - b.createdAt);
  }

  get(id: TransferId): Job | undefined {
    return this.#jobs.get(id);
  }

  /** Where what was sent of a transfer is remembered. Whoever asks closes it. */
  sentLog(id: TransferId): SentLog {
    const { log } = this.#deps;
    return new SentLog(join(this.#directory, id, SENT), (error) => {
      log.warn({ err: error, transfer: id }, "what is sent is not remembered");
    });
  }

  /** Adds or replaces a job. Resolves when it is on the disk, or cannot be. */
  async put(job: Job): Promise<void> {
    this.#jobs.set(job.id, job);
    await this.#inTurn(job.id, async (directory) => {
      await mkdir(directory, { mode: 0o700 }).catch(unless("EEXIST"));
      await replaceStateFile(join(directory, JOB), JSON.stringify(job), 0o600);
      await syncDirectory(directory);
      await this.#sync();
    });
    if (job.state.is === "failed") await this.#trim();
  }

  /** Forgets a job. Resolves when it can not come back any more. */
  async remove(id: TransferId): Promise<void> {
    this.#jobs.delete(id);
    await this.#inTurn(id, async (directory) => {
      // The job first: without it the rest means nothing.
      for (const name of [JOB, SENT]) await rm(join(directory, name), { force: true });
      await rmdir(directory).catch(unless("ENOENT", "ENOTEMPTY"));
      await this.#sync();
    });
  }

  async #inTurn(id: TransferId, work: (directory: string) => Promise<void>): Promise<void> {
    const before = this.#work.get(id) ?? Promise.resolve();
    const done = before.then(async () => {
      try {
        await work(join(this.#directory, id));
      } catch (error) {
        this.#deps.log.warn({ err: error, transfer: id }, "outbox not written");
      }
    });
    this.#work.set(id, done);
    await done;
    if (this.#work.get(id) === done) this.#work.delete(id);
  }

  async #load(entry: Dirent): Promise<void> {
    const { log } = this.#deps;
    const { name } = entry;
    const directory = join(this.#directory, name);
    try {
      // A symbolic link is not a directory here.
      if (!isTransferId(name) || !entry.isDirectory()) throw new Error("not the directory of a transfer");
      const names = await readdir(directory);
      for (const left of names.filter((each) => UNFINISHED.test(each))) await rm(join(directory, left));
      const text = await readStateFile(join(directory, JOB), { most: MAX_JOB, hint: "it is left alone" });
      if (text === undefined) {
        // Removed, but for what a crash left behind.
        await this.remove(name);
        return;
      }
      const job = parseJob(text);
      if (job.id !== name) throw new Error("it is about another transfer");
      this.#jobs.set(job.id, job);
    } catch (error) {
      log.warn({ error: String(error), path: directory }, "left alone in the outbox, as it is not understood");
    }
  }

  /** Removes failed jobs that are too old or too many. */
  async #trim(): Promise<void> {
    const failed = this.jobs()
      .flatMap(({ id, state }) => (state.is === "failed" ? [{ id, at: state.at }] : []))
      .sort((a, b) => b.at - a.at);
    const now = this.#deps.clock.now();
    const over = failed.filter(({ at }, i) => i >= KEEP_FAILED || now - at > KEEP_FAILED_MS);
    await Promise.all(over.map(({ id }) => this.remove(id)));
  }
}

/** Lets these system errors pass. */
function unless(...codes: readonly string[]): (error: unknown) => void {
  return (error) => {
    if (!codes.includes(systemCode(error) ?? "")) throw error;
  };
}
