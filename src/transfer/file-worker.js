// @ts-check
/**
 * The thread that works on many small files at a time. A call of the promise
 * API costs several times what the system call itself does; here the calls are
 * synchronous, one message brings a batch of files, and only this thread waits
 * for the disk. small-files.ts is the other end and the only one to start it.
 *
 * In JavaScript, because Node 20 starts no thread from TypeScript.
 */

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  futimesSync,
  lstatSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

/** @import { Failure, Job, Outcome, Setup } from "./small-files.ts" */

/** @type {Setup} */
const { prefix, notKept } = workerData;

// O_NONBLOCK: a pipe that took the file's place must not hang us.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_WRONLY;

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T, at: number) => void} work
 * @returns {Failure[]}
 */
function each(items, work) {
  /** @type {Failure[]} */
  const failures = [];
  for (const [at, item] of items.entries()) {
    try {
      work(item, at);
    } catch (error) {
      failures.push({ at, ...describe(error) });
    }
  }
  return failures;
}

/** @param {unknown} error */
function describe(error) {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, errno, syscall } = /** @type {NodeJS.ErrnoException} */ (error);
  return { message: error.message, code, errno, syscall };
}

/**
 * @param {Job & { is: "look" }} job
 * @returns {Outcome}
 */
function look({ folder, names }) {
  const facts = new Float64Array(names.length * 4);
  const failures = each(names, (name, at) => {
    const { mode, size, mtimeMs, ino } = lstatSync(`${folder}/${name}`);
    facts.set([mode, size, mtimeMs, ino], at * 4);
  });
  return { failures, data: facts.buffer };
}

/**
 * Reads whole files, each behind `prefix` bytes of room. One that is not what
 * was listed, or that changes meanwhile, fails without a code.
 * @param {Job & { is: "read" }} job
 * @returns {Outcome}
 */
function read({ paths, facts }) {
  let end = 0;
  for (let at = 0; at < paths.length; at++) end += prefix + (facts[at * 3] ?? 0);
  const frames = Buffer.allocUnsafeSlow(end);
  let start = 0;
  const failures = each(paths, (path, at) => {
    const [size = 0, inode, modified] = facts.subarray(at * 3, at * 3 + 3);
    const from = start + prefix;
    start = from + size;
    const file = openSync(path, READ);
    try {
      const assertSame = () => {
        const now = fstatSync(file);
        const same = now.isFile() && now.ino === inode && now.size === size && now.mtimeMs === modified;
        if (!same) throw new Error("changed");
      };
      assertSame();
      for (let done = 0; done < size; ) {
        const bytes = readSync(file, frames, from + done, size - done, done);
        if (bytes === 0) throw new Error("changed");
        done += bytes;
      }
      assertSame();
    } finally {
      closeSync(file);
    }
  });
  return { failures, data: frames.buffer };
}

/**
 * Creates files, whole, with their attributes. Nothing is flushed.
 * @param {Job & { is: "write" }} job
 * @returns {Outcome}
 */
function write({ paths, facts, data }) {
  const bytes = Buffer.from(data);
  let start = 0;
  const failures = each(paths, (path, at) => {
    const [size = 0, mode = 0, mtime = 0] = facts.subarray(at * 3, at * 3 + 3);
    let from = start;
    const end = start + size;
    start = end;
    const file = create(path);
    try {
      while (from < end) from += writeSync(file, bytes, from, end - from);
      asFarAsKept(() => fchmodSync(file, mode));
      asFarAsKept(() => futimesSync(file, mtime, mtime));
    } finally {
      closeSync(file);
    }
  });
  return { failures, data };
}

/** @param {string} path */
function create(path) {
  try {
    return openSync(path, CREATE, 0o600);
  } catch (error) {
    throw Object.assign(/** @type {Error} */ (error), { syscall: "create" });
  }
}

/** @param {() => void} set */
function asFarAsKept(set) {
  try {
    set();
  } catch (error) {
    if (!notKept.includes(describe(error).code ?? "")) throw error;
  }
}

/**
 * @param {Job} job
 * @returns {Outcome}
 */
function run(job) {
  switch (job.is) {
    case "look":
      return look(job);
    case "read":
      return read(job);
    case "write":
      return write(job);
  }
}

parentPort?.on("message", (/** @type {{ id: number, job: Job }} */ { id, job }) => {
  const outcome = run(job);
  parentPort?.postMessage({ id, outcome }, [outcome.data]);
});
