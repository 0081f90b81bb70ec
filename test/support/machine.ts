/**
 * Machines with a real systemd: each is a host of a Lan (its own network, name,
 * processes, cgroup, and a file system that forgets) whose first process is
 * systemd, with users that have homes and services of their own.
 *
 * Everything ends with the process that holds it, at the latest with the test
 * process. Only an empty cgroup can stay behind, and the next boot removes those
 * of dead processes.
 */

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/control/client.ts";
import type { TransferView } from "../../src/control/schema.ts";
import type { Host } from "./hosts.ts";
import { eventually, type Finished, isAlive, must, type Running, run } from "./process.ts";

const BOOT = fileURLToPath(new URL("machine.sh", import.meta.url));
const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));
const PREFIX = "lanxfer-machine-";
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
/** Where machines have the programs, unless they bring their own. */
export const PROGRAM = "/usr/lib/lanxfer";

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

export class Machine implements AsyncDisposable {
  readonly host: Host;
  readonly #holder: Running;
  readonly #init: number;
  readonly #cgroup: string;

  private constructor(host: Host, holder: Running, init: number, cgroup: string) {
    this.host = host;
    this.#holder = holder;
    this.#init = init;
    this.#cgroup = cgroup;
  }

  /**
   * Boots on a host of a Lan; resolves when systemd has started all that it is to
   * start. The programs of this checkout are at PROGRAM, unless `bare`.
   */
  static async boot(host: Host, { bare = false } = {}): Promise<Machine> {
    await removeCgroups((pid) => !isAlive(pid));
    const cgroup = `${PREFIX}${process.pid}-${host.name}`;
    const namespaces = ["unshare", "--pid", "--mount", "--ipc", "--fork", "--kill-child"];
    const holder = host.start([...namespaces, "sh", BOOT, host.name, cgroup, bare ? "" : CHECKOUT]);
    const init = await eventually("the first process of the machine", async () => {
      if (holder.ended) throw new Error(`the machine did not boot: ${(await holder.finished).stderr}`);
      const children = await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8").catch(() => "");
      const [child] = children.trim().split(" ");
      const name = child ? await readFile(`/proc/${child}/comm`, "utf8").catch(() => "") : "";
      return name === "systemd\n" ? Number(child) : undefined;
    });
    const machine = new Machine(host, holder, init, cgroup);
    await eventually(`${host.name} is up`, async () => {
      const { stdout } = await machine.run(["systemctl", "is-system-running"]);
      if (stdout.trim() === "degraded") throw new Error(await machine.must("systemctl", "--failed", "--no-legend"));
      return stdout.trim() === "running" || undefined;
    });
    return machine;
  }

  /** A path in the machine, as it is opened from here. */
  path(inside: string): string {
    return `/proc/${this.#init}/root${inside}`;
  }

  /** Runs a command as root. */
  run(command: readonly string[], { env, ...options }: CommandOptions = {}): Promise<Finished> {
    const variables = Object.entries({ PATH, LANG: "C.UTF-8", HOME: "/root", ...env }).map(([k, v]) => `${k}=${v}`);
    const enter = ["nsenter", `--target=${this.#init}`, "--all", "--root", "--", "env", "-i", "-C", "/"];
    return run([...enter, ...variables, ...command], options);
  }

  /** The short way for what must succeed: standard output. */
  async must(...command: readonly string[]): Promise<string> {
    return succeeded(`${this.host.name}: ${command.join(" ")}`, await this.run(command));
  }

  write(inside: string, text: string): Promise<void> {
    return writeFile(this.path(inside), text);
  }

  /** Adds a user, whose services run from now on when `lingers`. */
  async user(name: string, { home = `/home/${name}`, lingers = true } = {}): Promise<User> {
    await this.must("useradd", "--create-home", "--home-dir", home, name);
    const uid = Number(await this.must("id", "-u", name));
    if (lingers) {
      await this.must("loginctl", "enable-linger", name);
      await eventually(`systemd of ${name}`, async () => {
        const { stdout } = await this.run(["systemctl", "show", "-P", "ActiveState", `user@${uid}.service`]);
        return stdout === "active\n" || undefined;
      });
    }
    return new User(this, name, uid, home);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.stop("SIGKILL");
    // The kernel takes a moment to end what was in it.
    await eventually("the cgroup is empty", async () => {
      await removeCgroups((_, name) => name === this.#cgroup);
      return (await cgroups()).includes(this.#cgroup) ? undefined : true;
    });
  }
}

/** Somebody with a home on a machine. */
export class User {
  readonly machine: Machine;
  readonly name: string;
  readonly uid: number;
  readonly home: string;

  constructor(machine: Machine, name: string, uid: number, home: string) {
    this.machine = machine;
    this.name = name;
    this.uid = uid;
    this.home = home;
  }

  run(command: readonly string[], { env, ...options }: CommandOptions = {}): Promise<Finished> {
    const become = ["setpriv", `--reuid=${this.name}`, `--regid=${this.name}`, "--init-groups"];
    const own = { HOME: this.home, USER: this.name, XDG_RUNTIME_DIR: `/run/user/${this.uid}`, ...env };
    return this.machine.run([...become, ...command], { ...options, env: own });
  }

  async must(...command: readonly string[]): Promise<string> {
    return succeeded(`${this.name}: ${command.join(" ")}`, await this.run(command));
  }

  /** Runs lanxferctl. */
  ctl(args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
    return this.run([process.execPath, `${PROGRAM}/dist/ctl/main.js`, ...args], options);
  }

  /** The short way for what must succeed: standard output. */
  async tell(...args: readonly string[]): Promise<string> {
    return succeeded(`${this.name}: ${args.join(" ")}`, await this.ctl(args));
  }

  systemctl(...args: readonly string[]): Promise<string> {
    return this.must("systemctl", "--user", ...args);
  }

  /** Changes a unit as `systemctl edit` does; without a text, takes that back. */
  async dropIn(text: string | undefined, unit = "lanxferd.service"): Promise<void> {
    const ofSystem = unit.includes("@");
    const directory = ofSystem ? "/etc/systemd/system" : `${this.home}/.config/systemd/user`;
    const scope = ofSystem ? "" : "--user";
    const write = 'mkdir -p "$1.d" && cat >"$1.d/50-test.conf"';
    const remove = 'rm -f "$1.d/50-test.conf" && rmdir --ignore-fail-on-non-empty "$1.d"';
    const script = `${text === undefined ? remove : write} && systemctl ${scope} daemon-reload`;
    const command = ["sh", "-c", script, "sh", `${directory}/${unit}`];
    const options = { stdin: text ?? "" };
    succeeded(`drop-in of ${unit}`, await (ofSystem ? this.machine.run(command, options) : this.run(command, options)));
  }

  /** One property of the service, of this user or, as `lanxferd@NAME`, of the system. */
  async property(name: string, unit = "lanxferd.service"): Promise<string> {
    const scope = unit.includes("@") ? [] : ["--user"];
    return (await this.must("systemctl", ...scope, "show", "-P", name, unit)).trim();
  }

  /** What the service wrote to its log, as the unit of a user or, as `lanxferd@NAME`, of the system. */
  journal(unit = "lanxferd.service"): Promise<string> {
    const options = ["--output=cat", "--no-pager"];
    if (unit.includes("@")) return this.machine.must("journalctl", `--unit=${unit}`, ...options);
    return this.must("journalctl", "--user", `--user-unit=${unit}`, ...options);
  }

  /** The daemon's process as this machine numbers it; resolves when the service runs, as another one than `before`. */
  started(before = 0): Promise<number> {
    return eventually(`the service of ${this.name} runs`, async () => {
      if ((await this.property("ActiveState")) !== "active") return undefined;
      const pid = Number(await this.property("MainPID"));
      return pid > 0 && pid !== before ? pid : undefined;
    });
  }

  /** The daemon, asked from outside. */
  get control(): ControlClient {
    return new ControlClient(this.machine.path(`/run/user/${this.uid}/lanxfer/control.sock`), "test");
  }

  async pairWith(other: User): Promise<void> {
    const stdin = await other.tell("invite");
    succeeded(`${this.name} pairs`, await this.ctl(["pair", "--invite", "-"], { stdin }));
  }

  /** Writes a file into the home. */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const file = `${this.home}/${name}`;
    await writeFile(this.machine.path(file), content);
    await this.machine.must("chown", `${this.name}:`, file);
    return file;
  }

  async transfer(id: string): Promise<TransferView | undefined> {
    const { transfers } = await this.control.call("get", "/v1/transfers", { query: { all: "true" } });
    return transfers.find((transfer) => transfer.id === id);
  }
}

function succeeded(what: string, { code, signal, stdout, stderr }: Finished): string {
  if (code !== 0) throw new Error(`${what}: ${signal ?? `exit ${code}`}: ${stderr}${stdout}`);
  return stdout;
}

/** Runs a script where the hierarchy of cgroups is seen, whatever this machine has mounted. */
function amongCgroups(script: string, ...args: readonly string[]): Promise<string> {
  const mounted = `mount -t cgroup2 cgroup2 /sys/fs/cgroup && cd /sys/fs/cgroup && ${script}`;
  return must(["unshare", "--mount", "sh", "-c", mounted, "sh", ...args]);
}

async function cgroups(): Promise<string[]> {
  return (await amongCgroups(`ls -d ${PREFIX}* 2>/dev/null || true`)).split("\n").filter((name) => name !== "");
}

async function removeCgroups(over: (pid: number, name: string) => boolean): Promise<void> {
  const names = (await cgroups()).filter((name) => over(Number.parseInt(name.slice(PREFIX.length), 10), name));
  if (names.length === 0) return;
  await amongCgroups('find "$@" -depth -type d -exec rmdir {} + 2>/dev/null || true', ...names);
}
