/** What this machine says of itself, of its users and of the service that there is. The only place in ctl/service that asks. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { fileURLToPath } from "node:url";
import { LanxferError, systemCode } from "../../core/errors.ts";
import { type Places, places } from "../../core/places.ts";
import { VERSION } from "../../core/version.ts";
import { ownsDirectory, userName } from "../connect.ts";
import { launchdService } from "./launchd.ts";
import { flagsOf, lastingPath, type Program } from "./program.ts";
import { type CommandOptions, type Outcome, runCommand } from "./run-command.ts";
import type { Facts, Person, Service } from "./service.ts";
import type { Owner } from "./steps.ts";
import { type Scope, systemdService } from "./systemd.ts";
import { type Whom, type Wish, whomFor } from "./whom.ts";

type Env = Readonly<Record<string, string | undefined>>;

const LINGERING = "/var/lib/systemd/linger";
const PLACES = { config: "LANXFER_CONFIG_DIR", state: "LANXFER_STATE_DIR", socket: "LANXFER_SOCKET" } as const;
const PASSED = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "XDG_CONFIG_HOME"];

/** A service and the means to deal with it. */
export interface Found {
  readonly service: Service;
  readonly run: (
    command: readonly string[],
    options?: { as?: Owner; onLine?: (line: string) => void },
  ) => Promise<Outcome>;
  /** Whether the user's services go on after the last session; undefined where that is no question. */
  readonly lingers: boolean | undefined;
}

/** Throws E_SERVICE for what stands in the way, E_CONFIG for settings that cannot be read. */
export async function findService(wish: Wish, env: Env, signal: AbortSignal): Promise<Found> {
  const { platform } = process;
  const uid = process.getuid?.() ?? -1;
  const whom = whomFor({ platform, uid, user: userName(), sudoUser: env["SUDO_USER"] }, wish);
  if (whom.kind !== "launchd" && !existsSync("/run/systemd/system")) {
    refuse("this system does not run systemd: start lanxferd by other means");
  }
  const childEnv = whom.kind === "user" ? userManager(env, uid, whom.user) : {};
  const run: Found["run"] = (command, options = {}) => {
    const all: CommandOptions = { ...options, env: childEnv, signal };
    return runCommand(command, all);
  };
  const person = await describePerson(whom, env, run);
  const facts: Facts = { version: VERSION, program: programHere(), person, file: read, exists: existsSync, template };
  if (whom.kind === "launchd") return { service: launchdService(facts), run, lingers: undefined };
  const scope: Scope = whom.kind;
  const userNamespaces = (await run(["unshare", "--user", "--mount", "true"])).ok;
  const service = systemdService({ ...facts, scope, userNamespaces, instances: instances() });
  return { service, run, lingers: scope === "user" ? existsSync(`${LINGERING}/${whom.user}`) : undefined };
}

/** The environment in which systemctl finds the manager of this user. */
function userManager(env: Env, uid: number, user: string): Record<string, string> {
  const runtime = env["XDG_RUNTIME_DIR"] || `/run/user/${uid}`; // su and cron leave the variable out
  if (!existsSync(`${runtime}/systemd/private`)) {
    refuse(
      `systemd runs nothing for ${user} now: log in as ${user} (su and sudo do not count), or first run "sudo loginctl enable-linger ${user}"`,
    );
  }
  const passed = PASSED.flatMap((name) => (env[name] ? [[name, env[name]]] : []));
  return { ...Object.fromEntries(passed), XDG_RUNTIME_DIR: runtime };
}

async function describePerson({ kind, user }: Whom, env: Env, run: Found["run"]): Promise<Person> {
  if (kind === "user") {
    const owner = { user, uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 };
    return settled(owner, homedir(), env);
  }
  const { owner, home } = kind === "system" ? await lookUpLinux(user, run) : await lookUpMac(user, run);
  return settled(owner, home, {});
}

type Account = { readonly owner: Owner; readonly home: string };

async function lookUpLinux(user: string, run: Found["run"]): Promise<Account> {
  const { ok, stdout } = await run(["getent", "passwd", "--", user]);
  const [name, , uid, gid, , home] = stdout.split(":");
  if (!ok || name === undefined || !home) refuse(`there is no user ${user}`);
  return { owner: { user: name, uid: Number(uid), gid: Number(gid) }, home };
}

async function lookUpMac(user: string, run: Found["run"]): Promise<Account> {
  const { ok, stdout } = await run([
    "dscl",
    ".",
    "-read",
    `/Users/${user}`,
    "UniqueID",
    "PrimaryGroupID",
    "NFSHomeDirectory",
  ]);
  const fact = (name: string) => new RegExp(`^${name}: (.+)$`, "m").exec(stdout)?.[1];
  const home = fact("NFSHomeDirectory");
  if (!ok || home === undefined) refuse(`there is no user ${user}`);
  return { owner: { user, uid: Number(fact("UniqueID")), gid: Number(fact("PrimaryGroupID")) }, home };
}

/** With the places that the environment gives, and what has to be told to the service because of them. */
function settled(owner: Owner, home: string, env: Env): Person {
  const host = {
    platform: process.platform,
    ...owner,
    home,
    ownsDirectory: (path: string) => ownsDirectory(path, owner.uid),
  };
  const found = places(env, host);
  const own = places(pick(env, ["XDG_RUNTIME_DIR"]), host);
  const variables = Object.entries(PLACES).flatMap(([name, variable]) => {
    const path = found[name as keyof Places]; // a key of PLACES is one of Places
    // The socket follows the state where there is no other place for it.
    return path === own[name as keyof Places] || (name === "socket" && !env[variable]) ? [] : [[variable, path]];
  });
  const inbox = inboxSetting(`${found.config}/config.json`) ?? `${home}/LanInbox`;
  return { ...owner, home, places: found, inbox, variables: Object.fromEntries(variables) };
}

function pick(env: Env, names: readonly string[]): Env {
  return Object.fromEntries(names.map((name) => [name, env[name]]));
}

/** What is unreadable is the daemon's to complain of; a service is not made for settings that are broken. */
function inboxSetting(path: string): string | undefined {
  const text = read(path);
  if (text === undefined) return undefined;
  try {
    const { inbox } = JSON.parse(text) as { inbox?: unknown }; // looked at before it is used
    return typeof inbox === "string" && inbox.startsWith("/") ? inbox : undefined;
  } catch (error) {
    throw new LanxferError("E_CONFIG", { path, text: "not valid JSON" }, { cause: error });
  }
}

/** Throws E_SERVICE when the daemon is not where this program came from. */
function programHere(): Program {
  const main = lastingPath(fileURLToPath(new URL("../../daemon/main.js", import.meta.url)));
  const text = read(main) ?? refuse(`${main} is missing: install lanxfer again`);
  return { node: lastingPath(process.execPath), main, flags: flagsOf(main, text) };
}

function template(name: string): string {
  const kind = name.endsWith(".plist") ? "launchd" : "systemd";
  const path = fileURLToPath(new URL(`../../../${kind}/${name}`, import.meta.url));
  return read(path) ?? refuse(`${path} is missing: install lanxfer again`);
}

function instances(): string[] {
  try {
    return readdirSync("/etc/systemd/system").flatMap((name) => /^lanxferd@(.+)\.service\.d$/.exec(name)?.[1] ?? []);
  } catch {
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR" || systemCode(error) === "EACCES")
      return undefined;
    throw new LanxferError("E_SERVICE", { text: `cannot read ${path}: ${systemCode(error)}` }, { cause: error });
  }
}

function refuse(text: string): never {
  throw new LanxferError("E_SERVICE", { text });
}
