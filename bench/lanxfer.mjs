// Two daemons of this build on loopback, strangers until an invite pairs them.

import { spawn } from "node:child_process";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { end, freePort, listening, run } from "./process.mjs";

const program = (name) => fileURLToPath(new URL(`../dist/${name}/main.js`, import.meta.url));

export async function lacksLanxfer() {
  for (const name of ["daemon", "ctl"]) {
    if (
      !(await access(program(name)).then(
        () => true,
        () => false,
      ))
    )
      return `${program(name)} is not built`;
  }
  return undefined;
}

async function startDaemon(directory, name) {
  const home = `${directory}/${name}`;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const port = await freePort();
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    LANXFER_CONFIG_DIR: `${home}/config`,
    LANXFER_STATE_DIR: `${home}/state`,
    LANXFER_SOCKET: `${home}/run/control.sock`,
    LANXFER_INBOX: `${home}/inbox`,
    LANXFER_NAME: name,
    LANXFER_PORT: `${port}`,
    LANXFER_LOG_LEVEL: "warn",
    // Nothing is announced: the bench is nobody else's business.
    LANXFER_INTERFACES_EXCLUDE: "*",
  };
  const child = spawn(program("daemon"), [], { env, stdio: ["ignore", "ignore", "inherit"] });
  await listening(child, port);
  const ctl = (args, options) => run([program("ctl"), ...args], { env, ...options });
  const proc = (file) => `/proc/${child.pid}/${file}`;
  return {
    inbox: env.LANXFER_INBOX,
    port,
    ctl,
    close: () => end(child),
    /** Linux only: elsewhere there is no peak to read. */
    resetPeak: () => writeFile(proc("clear_refs"), "5").catch(() => {}),
    async peak() {
      const status = await readFile(proc("status"), "utf8").catch(() => "");
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
    },
  };
}

export async function openLanxfer(directory) {
  const sender = await startDaemon(directory, "sender");
  const receiver = await startDaemon(directory, "receiver");
  await sender.ctl(["peers", "add", "receiver", `127.0.0.1:${receiver.port}`]);
  await sender.ctl(["pair", "--invite", "-"], { input: await receiver.ctl(["invite"]) });
  return {
    inbox: receiver.inbox,
    copy: (source, signal) => sender.ctl(["send", "receiver", source], { signal }),
    close: async () => void (await Promise.all([sender.close(), receiver.close()])),
    resetPeak: async () => void (await Promise.all([sender.resetPeak(), receiver.resetPeak()])),
    peaks: async () => [
      { process: "sending daemon", bytes: await sender.peak() },
      { process: "receiving daemon", bytes: await receiver.peak() },
    ],
  };
}
