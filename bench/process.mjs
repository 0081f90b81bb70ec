// Starting and ending programs.

import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

// Servers live in directories that are not in every user's PATH.
const PLACES = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];

/** Absolute path of an installed program. */
export async function which(tool) {
  for (const place of PLACES) {
    const file = path.join(place, tool);
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

/** What of `tools` is not installed, as a reason; undefined when all are. */
export async function lacksTools(...tools) {
  const lacking = [];
  for (const tool of tools) if ((await which(tool)) === undefined) lacking.push(tool);
  return lacking.length === 0 ? undefined : `${lacking.join(" and ")} not installed`;
}

/**
 * Runs a program that must succeed; its standard output. A signal also ends what
 * the program has started, such as the ssh below an rsync.
 * @param {string[]} command
 * @param {{ env?: NodeJS.ProcessEnv, input?: string, signal?: AbortSignal }} options
 * @returns {Promise<string>}
 */
export function run([program, ...args], { env = process.env, input = "", signal } = {}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawn(program, args, { env, detached: true }); // the leader of a process group
    const interrupt = () => child.pid !== undefined && process.kill(-child.pid, "SIGTERM");
    signal?.addEventListener("abort", interrupt);
    const out = [];
    const err = [];
    child.stdout.on("data", (data) => out.push(data));
    child.stderr.on("data", (data) => err.push(data));
    child.on("error", reject);
    child.on("exit", () => signal?.removeEventListener("abort", interrupt));
    child.on("close", (code, signal) => {
      if (code === 0) resolve(Buffer.concat(out).toString());
      else reject(new Error(`${program} ${args.join(" ")}: ${signal ?? code}: ${Buffer.concat(err)}`));
    });
    child.stdin.on("error", () => {}); // it may end without reading
    child.stdin.end(input);
  });
}

/** Ends a child, at the latest after 5 s. */
export async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const insist = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await gone;
  clearTimeout(insist);
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address()); // it listens on TCP
      server.close(() => resolve(port));
    });
  });
}

/** Waits until `up` says so; rejects after 10 s or when `child` ends before. */
export async function ready(child, up) {
  for (let tries = 0; tries < 200 && child.exitCode === null; tries++) {
    if (await up()) return;
    await sleep(50);
  }
  throw new Error(`${child.spawnfile} does not get ready`);
}
