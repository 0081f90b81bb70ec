/**
 * The jobs of the sender on disk: one directory for each transfer that is queued
 * or has begun, with what is to be sent to whom (job.json), what was sent of it
 * (sent.log) and, where it was copied, that (copy, see spool.ts). A job is there
 * until its transfer is delivered or cancelled; one that failed stays for a
 * while, so that the user can try again.
 *
 * What cannot be read, or is not ours, is reported and left alone.
 */

import { type Dirent, readdirSync } from "node:fs";
import { lstat, mkdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Budget, coalesce } from "../../core/ahead.ts";
import { LanxferError, systemCode } from "../../core/errors.ts";
import { isTransferId, type TransferId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { replaceStateFile, syncDirectory } from "../../identity/state-file.ts";
import { SentLog } from "../../transfer/sent-log.ts";
import { type Job, parseJob } from "./job.ts";
import { readJobFile } from "./job-file.ts";
import type { SpoolRoom } from "./spool-room.ts";

/** So many failed jobs are kept, the latest. */
const KEEP_FAILED = 100;
/** Jobs whose files are worked on at a time. */
const WRITING = 16;
/** What is not understood is listed up to here. */
const LISTED = 100;

const JOB = "job.json";
const SENT = "sent.log";
const COPY = "copy";
/** What a crash leaves of a job.json that was being written. */
const UNFINISHED = /^job\.json\.[0-9a-f]{16}\.tmp$/;

/** Something in the outbox that is no job of ours. */
export interface Stranger {
  readonly path: string;
  /** Why it is none. */
  readonly text: string;
}

export class Outbox {
  readonly #directory: string;
  readonly #room: SpoolRoom;
  readonly #log: Log;
  /** As they were last said to be: what is still being written is an older state, or this one. */
  readonly #jobs = new Map<TransferId, Job>();
  readonly #strangers: Stranger[] = [];
  #strangerCount = 0;
  /** The last work on each job's directory. Never rejects. */
  readonly #work = new Map<TransferId, Promise<unknown>>();
  /** Of all jobs: of ten thousand that end at once, as when their device is trusted no more, not all are written at once. */
  readonly #writing = new Budget(WRITING);
  readonly #sync: () => Promise<void>;
  /** Once for all that fail together. */
  readonly #trim = coalesce(() => this.#trimNow());
  #now = 0;

  /** Empty, until `load`. Copies that go give their room back. */
  constructor(directory: string, room: SpoolRoom, log: Log) {
    this.#directory = directory;
    this.#room = room;
    this.#log = log;
    this.#sync = coalesce(() => syncDirectory(directory));
  }

  /**
   * Reads what earlier runs left, and tidies up behind them: nobody else may be
   * writing to it, or about to. Never rejects. For the start, when nothing else
   * goes on: files are read synchronously, which takes a tenth of the time.
   */
  async load(): Promise<void> {
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await syncDirectory(join(this.#directory, ".."));
      for (const entry of readdirSync(this.#directory, { withFileTypes: true })) await this.#load(entry);
    } catch (error) {
      const problem = { err: error, path: this.#directory };
      this.#log.warn(problem, "outbox not usable, transfers will not survive this run");
    }
  }

  /** In no particular order. */
  jobs(): Iterable<Job> {
    return this.#jobs.values();
  }

  get(id: TransferId): Job | undefined {
    return this.#jobs.get(id);
  }

  get count(): number {
    return this.#jobs.size;
  }

  /** The latest queue time that a job tells of (ms): it is at least that late. */
  get latest(): number {
    const times = [...this.#jobs.values()].map(({ queue, state }) => {
      const queuedAt = queue === null ? 0 : queue.expiresAt - queue.ttl;
      return state.is === "begun" ? Math.max(queuedAt, state.progressAt) : queuedAt;
    });
    return times.reduce((latest, time) => Math.max(latest, time), 0);
  }

  /** What was found in it and left alone: the first hundred, and how many in all. */
  get strangers(): { readonly listed: readonly Stranger[]; readonly count: number } {
    return { listed: this.#strangers, count: this.#strangerCount };
  }

  /** Where what was sent of a transfer is remembered. Whoever asks closes it. */
  sentLog(id: TransferId): SentLog {
    return new SentLog(join(this.#directory, id, SENT), (error) => {
      this.#log.warn({ err: error, transfer: id }, "what is sent is not remembered");
    });
  }

  /** Where the copy of what is to be sent is to be made. It goes when the job does. */
  copyOf(id: TransferId): string {
    return join(this.#directory, id, COPY);
  }

  /** Where jobs are kept, to say so. */
  get path(): string {
    return this.#directory;
  }

  /**
   * Adds or replaces a job. Resolves when it will survive a power cut. Rejects
   * with E_STATE when that cannot be: the disk then has what it had before.
   */
  async commit(job: Job): Promise<void> {
    const before = this.#jobs.get(job.id);
    this.#jobs.set(job.id, job);
    try {
      await this.#inTurn(job.id, (directory) => this.#write(directory, job));
    } catch (error) {
      if (before === undefined) await this.remove(job.id);
      else if (this.#jobs.get(job.id) === job) this.#jobs.set(job.id, before);
      if (error instanceof LanxferError) throw error;
      throw new LanxferError("E_STATE", { path: this.#directory, text: whatIsWrong(error) }, { cause: error });
    }
  }

  /**
   * The same for what goes on in any case: where it cannot be written it only
   * does not survive us. Never rejects.
   */
  async put(job: Job): Promise<void> {
    this.#jobs.set(job.id, job);
    await this.#reported(job.id, (directory) => this.#write(directory, job));
  }

  /** Forgets a job and all that belongs to it. Resolves when it can not come back any more. Never rejects. */
  async remove(id: TransferId): Promise<void> {
    this.#jobs.delete(id);
    await this.#reported(id, async (directory) => {
      // The job first: without it the rest means nothing.
      for (const name of [JOB, SENT]) await rm(join(directory, name), { force: true });
      await rm(join(directory, COPY), { recursive: true, force: true });
      this.#room.free(id);
      await rmdir(directory).catch(unless("ENOENT", "ENOTEMPTY"));
      await this.#sync();
    });
  }

  /** Removes failed jobs that were kept long enough at `now` (queue time), or are too many. */
  trim(now: number): Promise<void> {
    this.#now = now;
    return this.#trim();
  }

  async #trimNow(): Promise<void> {
    const now = this.#now;
    const failed = [...this.#jobs.values()]
      .flatMap(({ id, state }) => (state.is === "failed" ? [{ id, until: state.until }] : []))
      .sort((a, b) => b.until - a.until);
    const over = failed.filter(({ until }, i) => i >= KEEP_FAILED || now >= until);
    await Promise.all(over.map(({ id }) => this.remove(id)));
  }

  async #write(directory: string, job: Job): Promise<void> {
    await mkdir(directory, { mode: 0o700 }).catch(unless("EEXIST"));
    await replaceStateFile(join(directory, JOB), JSON.stringify(job), 0o600);
    await syncDirectory(directory);
    await this.#sync();
  }

  async #reported(id: TransferId, work: (directory: string) => Promise<void>): Promise<void> {
    try {
      await this.#inTurn(id, work);
    } catch (error) {
      this.#log.warn({ err: error, transfer: id }, "outbox not written");
    }
  }

  async #inTurn(id: TransferId, work: (directory: string) => Promise<void>): Promise<void> {
    const done = (this.#work.get(id) ?? Promise.resolve()).then(async () => {
      await this.#writing.take(1);
      return work(join(this.#directory, id)).finally(() => this.#writing.give(1));
    });
    const settled = done.catch(() => {});
    this.#work.set(id, settled);
    try {
      await done;
    } finally {
      if (this.#work.get(id) === settled) this.#work.delete(id);
    }
  }

  async #load(entry: Dirent): Promise<void> {
    const { name } = entry;
    const directory = join(this.#directory, name);
    try {
      // A symbolic link is not a directory here.
      if (!isTransferId(name) || !entry.isDirectory()) throw new Error("not the directory of a transfer");
      for (const left of readdirSync(directory)) if (UNFINISHED.test(left)) await rm(join(directory, left));
      const text = readJobFile(join(directory, JOB));
      if (text === undefined) {
        // Removed, or never finished, but for what a crash left behind.
        await this.remove(name);
        if ((await lstat(directory).catch(unless("ENOENT"))) === undefined) return;
        throw new Error("there is something in it that is not ours");
      }
      const job = parseJob(text);
      if (job.id !== name) throw new Error("it is about another transfer");
      this.#jobs.set(job.id, job);
      if (job.copied !== null) this.#room.hold(job.id, job.copied);
    } catch (error) {
      this.#keepAway(directory, error);
    }
  }

  #keepAway(path: string, error: unknown): void {
    this.#strangerCount++;
    if (this.#strangers.length < LISTED) this.#strangers.push({ path, text: whatIsWrong(error) });
    this.#log.warn({ error: String(error), path }, "left alone in the outbox, as it is not understood");
  }
}

/** In a few words: the checks of a job describe each of its members. */
function whatIsWrong(error: unknown): string {
  if (error instanceof SyntaxError) return "it is not JSON";
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    return `it is not a job: ${[issue?.path.join("."), issue?.message].filter(Boolean).join(": ")}`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Lets these system errors pass. */
function unless(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(systemCode(error) ?? "")) throw error;
    return undefined;
  };
}
