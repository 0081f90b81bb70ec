// Real daemons on this machine with throw-away homes, for the demo and the
// recording. They find each other by multicast DNS on the loopback interface, so
// nothing leaves the machine; where that is not possible, by static addresses.
import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

export class Scene {
  home;
  #running = [];

  /** What follows `prefix` in the name of the folder below which the homes are, is left to chance. */
  constructor(prefix) {
    this.home = mkdtempSync(join(tmpdir(), prefix));
  }

  /** Starts a daemon, with a home of its own or in that of an earlier one of this name, and waits until it answers. */
  async daemon(name) {
    const home = join(this.home, name);
    mkdirSync(home, { mode: 0o700, recursive: true });
    const port = await freePort();
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      LANXFER_NAME: name,
      LANXFER_PORT: String(port),
      LANXFER_CONFIG_DIR: join(home, "config"),
      LANXFER_STATE_DIR: join(home, "state"),
      LANXFER_SOCKET: join(home, "run", "control.sock"),
      LANXFER_INTERFACES_EXCLUDE: "*",
      LANXFER_INTERFACES_INCLUDE: "lo,lo0",
      LANXFER_LOG_LEVEL: "warn",
    };
    const child = spawn(process.execPath, [join(root, "dist/daemon/main.js")], {
      env,
      cwd: home,
      stdio: ["ignore", "inherit", "inherit"],
    });
    this.#running.push(child);
    const host = { name, home, port, env, child };
    if (!(await waitFor(() => isUp(host), 10_000))) throw new Error(`${name} did not start`);
    return host;
  }

  /** Ends all daemons and removes their homes. */
  async close() {
    await Promise.all(this.#running.splice(0).map(stop));
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Resolves when the program has ended. */
export function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    child.once("exit", resolve);
    child.kill("SIGTERM");
  });
}

/** Runs lanxferctl on a host; rejects with what it says when it fails. */
export function ctl(host, args, input = "") {
  return new Promise((resolve, reject) => {
    const command = [join(root, "dist/ctl/main.js"), ...args];
    const child = execFile(process.execPath, command, { env: host.env, cwd: host.home }, (error, stdout, stderr) => {
      if (error) reject(new Error(`lanxferctl ${args.join(" ")}: ${stderr.trim() || error.message}`));
      else resolve({ stdout, stderr });
    });
    child.stdin.end(input);
  });
}

/** As a person would write it. */
export function written(args) {
  return `lanxferctl ${args.map((arg) => (/[^\w./-]/.test(arg) ? `"${arg}"` : arg)).join(" ")}`;
}

/** Resolves when `one` sees `other`; returns whether that took no more than multicast. */
export async function meet(one, other) {
  const sees = async () => (await ctl(one, ["peers", "--json"])).stdout.includes(`"name":"${other.name}"`);
  if (await waitFor(sees, 4_000)) return true;
  await ctl(one, ["peers", "add", other.name, `127.0.0.1:${other.port}`]);
  await ctl(other, ["peers", "add", one.name, `127.0.0.1:${one.port}`]);
  if (!(await waitFor(sees, 4_000))) throw new Error(`${one.name} does not see ${other.name}`);
  return false;
}

export async function waitFor(condition, ms) {
  for (const end = Date.now() + ms; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 100))) {
    if (await condition()) return true;
  }
  return false;
}

function isUp(host) {
  return ctl(host, ["status"]).then(
    () => true,
    () => false,
  );
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
