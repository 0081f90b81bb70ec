// Two daemons of this build, strangers until an invite pairs them.

import { spawn } from "node:child_process";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { end, ready, run } from "./process.mjs";

const program = (name) => fileURLToPath(new URL(`../dist/${name}/main.js`, import.meta.url));

const succeeds = (promise) =>
  promise.then(
    () => true,
    () => false,
  );

export async function lacksLanxfer() {
  for (const name of ["daemon", "ctl"]) {
    if (!(await succeeds(access(program(name))))) return `${program(name)} is not built`;
  }
  return undefined;
}

/** The daemon as its first line starts it, with a profile on top. */
async function profiled(directory) {
  const [, flags = ""] = /^#!.*\bnode (.*)$/m.exec(await readFile(program("daemon"), "utf8")) ?? [];
  const profiling = ["--cpu-prof", `--cpu-prof-dir=${directory}`];
  return [process.execPath, ...flags.split(" ").filter(Boolean), ...profiling, program("daemon")];
}

async function startDaemon(directory, name, host, profiles) {
  const home = `${directory}/${name}`;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const port = await host.freePort();
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
  const daemon = profiles === undefined ? [program("daemon")] : await profiled(`${profiles}/${name}`);
  const [file, ...args] = host.enter(daemon);
  const child = spawn(file, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  const ctl = (args, options) => run([program("ctl"), ...args], { env, ...options });
  const close = () => end(child);
  try {
    await ready(child, () => succeeds(ctl(["status"])));
  } catch (error) {
    await close();
    throw error;
  }
  const proc = (file) => `/proc/${child.pid}/${file}`;
  return {
    inbox: env.LANXFER_INBOX,
    address: `${host.address}:${port}`,
    ctl,
    close,
    /** Linux only: elsewhere there is no peak to read. */
    resetPeak: () => writeFile(proc("clear_refs"), "5").catch(() => {}),
    async peak() {
      const status = await readFile(proc("status"), "utf8").catch(() => "");
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
    },
  };
}

/** @type {import("./contenders.mjs").Contender["open"]} */
export async function openLanxfer(directory, { wire, options }) {
  const sender = await startDaemon(directory, "sender", wire.sender, options.cpuProf);
  const daemons = [sender];
  const close = async () => void (await Promise.all(daemons.map((daemon) => daemon.close())));
  try {
    const receiver = await startDaemon(directory, "receiver", wire.receiver, options.cpuProf);
    daemons.push(receiver);
    await sender.ctl(["peers", "add", "receiver", receiver.address]);
    await sender.ctl(["pair", "--invite", "-"], { input: await receiver.ctl(["invite"]) });
    return {
      inbox: receiver.inbox,
      copy: (source, signal) => sender.ctl(["send", "--always", "receiver", source], { signal }),
      close,
      resetPeak: async () => void (await Promise.all(daemons.map((daemon) => daemon.resetPeak()))),
      peaks: async () => [
        { process: "sending daemon", bytes: await sender.peak() },
        { process: "receiving daemon", bytes: await receiver.peak() },
      ],
    };
  } catch (error) {
    await close();
    throw error;
  }
}
