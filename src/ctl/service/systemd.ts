/**
 * lanxferd under systemd: the unit of a user, which is the usual one, or an
 * instance of the template of the system. Which files that takes, and which
 * steps lead to it from what there is. Pure.
 */

import { dirname } from "node:path";
import { LanxferError } from "../../core/errors.ts";
import { journalLine } from "./log-lines.ts";
import { commandOf, type Program } from "./program.ts";
import { unitCommand, unitWord, wordsOf } from "./quoting.ts";
import { type Condition, type Facts, type Files, fileSteps, type Person, type Service, signed } from "./service.ts";
import type { Step } from "./steps.ts";

export type Scope = "user" | "system";

export interface SystemdFacts extends Facts {
  readonly scope: Scope;
  /** The system lets this scope have user namespaces. */
  readonly userNamespaces: boolean;
  /** Names of all users that have an instance of the template. */
  readonly instances: readonly string[];
}

export interface Unit {
  readonly name: string;
  readonly systemctl: readonly string[];
  /** The file that `service install` writes. */
  readonly path: string;
  /** Where packages have theirs. */
  readonly packaged: readonly string[];
  readonly dropIns: string;
}

/** Where a person's keys and passwords lie; a service of the system does not see them. */
const PRIVATE = [".ssh", ".gnupg", ".pki", ".aws", ".kube", ".docker", ".netrc", ".git-credentials", ".password-store"];
const PRIVATE_DATA = [".mozilla", ".thunderbird", ".local/share/keyrings", ".config/google-chrome", ".config/chromium"];
const ROOTS = ["/usr/local/lib", "/usr/lib", "/lib"];
const SYSTEM_UNITS = "/etc/systemd/system";

/** What the template hides. */
const HOMES = /^\/(?:home|root|run\/user)\//;

/** systemd.unit(5): what the name of an instance may be made of. A backslash is left out, as it would begin an escape. */
const INSTANCE = /^[\w:.-][\w:.@-]*$/;

/** Throws E_SERVICE for a user whose name no unit can have. */
export function unitOf(scope: Scope, person: Person): Unit {
  if (scope === "user") {
    const own = `${person.home}/.config/systemd/user`;
    const name = "lanxferd.service";
    const packaged = ROOTS.map((root) => `${root}/systemd/user/${name}`);
    return { name, systemctl: ["systemctl", "--user"], path: `${own}/${name}`, packaged, dropIns: `${own}/${name}.d` };
  }
  if (!INSTANCE.test(person.user)) {
    throw new LanxferError("E_SERVICE", { text: `systemd cannot name a service after the user ${person.user}` });
  }
  const name = `lanxferd@${person.user}.service`;
  return {
    name,
    systemctl: ["systemctl"],
    path: `${SYSTEM_UNITS}/lanxferd@.service`,
    packaged: ROOTS.map((root) => `${root}/systemd/system/lanxferd@.service`),
    dropIns: `${SYSTEM_UNITS}/${name}.d`,
  };
}

/** The unit with the paths of this machine. */
export function renderUnit(template: string, version: string, program: Program): string {
  return signed(template, version).replace(/^ExecStart=.*$/m, () => `ExecStart=${unitCommand(commandOf(program))}`);
}

/** The command of a unit, without what comes before it. */
export function startedBy(unit: string): string[] {
  return wordsOf(/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "");
}

/** The files of the service. What a package brought as it has to be is not written again. */
export function filesOf(facts: SystemdFacts): Files {
  const { scope, person, program, version } = facts;
  const unit = unitOf(scope, person);
  const text = renderUnit(
    facts.template(scope === "user" ? "lanxferd.service" : "lanxferd@.service"),
    version,
    program,
  );
  const isPackaged = unit.packaged.some((path) => facts.file(path) === text);
  const confined = scope === "user" && !facts.userNamespaces;
  return new Map([
    [unit.path, isPackaged ? undefined : text],
    [`${unit.dropIns}/10-places.conf`, scope === "user" ? userPlaces(facts) : systemPlaces(facts)],
    [`${unit.dropIns}/20-no-userns.conf`, confined ? signed(facts.template("no-userns.conf"), version) : undefined],
  ]);
}

const HEAD = '# lanxfer: written by "lanxferctl service install", which writes it anew.';

/** Only what the unit does not say of itself: it has the usual places. */
function userPlaces({ version, person }: SystemdFacts): string | undefined {
  const variables = Object.entries(person.variables);
  const others = writable(person).filter((path) => !usual(person).includes(path));
  if (variables.length + others.length === 0) return undefined;
  return lines(version, "[Service]", list("Environment", variables.map(equals)), list("ReadWritePaths", others, "-"));
}

function systemPlaces({ version, person, userNamespaces }: SystemdFacts): string {
  const hidden = [...PRIVATE, ...PRIVATE_DATA].map((name) => `${person.home}/${name}`);
  return lines(
    version,
    "[Unit]",
    list("RequiresMountsFor", [person.home, person.inbox]),
    "",
    "[Service]",
    list("BindReadOnlyPaths", [person.home]),
    list("InaccessiblePaths", hidden, "-"),
    list("BindPaths", writable(person), "-"),
    userNamespaces ? "" : "PrivateUsers=no",
  );
}

function lines(version: string, ...texts: readonly string[]): string {
  return `${[signed(HEAD, version), "", ...texts].join("\n").trimEnd()}\n`;
}

function list(name: string, words: readonly string[], prefix = ""): string {
  return words
    .map((word) => `${name}=${unitWord(`${prefix}${word}`)}\n`)
    .join("")
    .trimEnd();
}

function equals([name, value]: readonly [string, string]): string {
  return `${name}=${value}`;
}

function usual({ home }: Person): string[] {
  return [`${home}/LanInbox`, `${home}/.config/lanxfer`, `${home}/.local/state/lanxfer`];
}

function writable({ inbox, places, variables }: Person): string[] {
  const runtime = variables["LANXFER_SOCKET"] === undefined ? [] : [dirname(places.socket)];
  return [...new Set([inbox, places.config, places.state, ...runtime])];
}

/** What the sandbox lets the daemon write has to be there before it starts; of the usual places, the unit of a user sees to that. */
function missingPlaces({ scope, person, exists }: SystemdFacts): Step[] {
  const cared = scope === "user" ? usual(person) : [];
  const missing = writable(person).filter((path) => !cared.includes(path) && !exists(path));
  return missing.map((path) => {
    // Around an inbox elsewhere, a folder that is missing may be a disk that is not mounted.
    const parents = path === person.inbox && !usual(person).includes(path) ? [] : ["-p"];
    const step = { do: "run", command: ["mkdir", ...parents, "-m", "0700", "--", path] } as const;
    return scope === "user" ? step : { ...step, as: person };
  });
}

export function systemdService(facts: SystemdFacts): Service {
  const { scope, person, file } = facts;
  const unit = unitOf(scope, person);
  const selected = scope === "user" ? ["--user", "--user-unit", unit.name] : ["--unit", unit.name];
  return {
    facts,
    starts: scope === "user" ? `when ${person.user} logs in` : "with the machine",
    definition() {
      const places = [unit.path, ...unit.packaged].map((path) => ({ path, text: file(path) }));
      const found = places.find(({ text }) => text !== undefined);
      return found?.text === undefined ? undefined : { path: found.path, text: found.text };
    },
    commandIn: startedBy,
    ask: [...unit.systemctl, "show", ...SHOWN, unit.name],
    condition: conditionOf,
    installSteps: (now) => installSteps(facts, unit, now),
    uninstallSteps: (now) => uninstallSteps(facts, unit, now),
    log: (lines, follow) => {
      const how = ["--output=json", "--no-pager", `--lines=${lines}`, ...(follow ? ["--follow"] : [])];
      return ["journalctl", ...selected, ...how];
    },
    logLine: journalLine,
  };
}

const SHOWN = ["ActiveState", "SubState", "UnitFileState", "Result", "StatusText"].map((name) => `--property=${name}`);

function installSteps(facts: SystemdFacts, { name, systemctl }: Unit, now: Condition): Step[] {
  refuseWhatCannotRun(facts);
  const run = (...args: readonly string[]) => ({ do: "run", command: [...systemctl, ...args] }) as const;
  const files = fileSteps(filesOf(facts), facts);
  return [
    ...missingPlaces(facts),
    ...files,
    ...(files.length > 0 ? [run("daemon-reload")] : []),
    ...(now.enabled ? [] : [run("enable", name)]),
    // One that failed too often does not start again before that is forgotten.
    ...(files.length > 0 || !now.running
      ? [{ ...run("reset-failed", name), mayFail: true }, run("restart", name)]
      : []),
  ];
}

/** Two daemons on one state, or a program that the service cannot see. Throws E_SERVICE. */
function refuseWhatCannotRun({ scope, person: { user, home }, program, exists }: SystemdFacts): void {
  const refuse = (text: string): never => {
    throw new LanxferError("E_SERVICE", { text });
  };
  const ofSystem = `${SYSTEM_UNITS}/multi-user.target.wants/lanxferd@${user}.service`;
  const ofUser = `${home}/.config/systemd/user/default.target.wants/lanxferd.service`;
  if (scope === "user") {
    const remove = `sudo lanxferctl service uninstall --system --user ${user}`;
    if (exists(ofSystem)) refuse(`a service of the system is there for ${user} already: first run "${remove}"`);
    return;
  }
  if (!exists(home)) refuse(`the home of ${user} is missing: ${home}`);
  if (exists(ofUser)) refuse(`${user} has a service already: first, as ${user}, run "lanxferctl service uninstall"`);
  const unseen = [program.node, program.main].find((path) => HOMES.test(path) && !path.startsWith(`${home}/`));
  if (unseen !== undefined) {
    refuse(`the service does not see ${unseen}, which is in a home: install Node and lanxfer for all users`);
  }
}

function uninstallSteps(facts: SystemdFacts, unit: Unit, now: Condition): Step[] {
  const { name, systemctl, path, dropIns } = unit;
  const run = (...args: readonly string[]) => ({ do: "run", command: [...systemctl, ...args] }) as const;
  const isShared = facts.scope === "system" && facts.instances.some((user) => user !== facts.person.user);
  const ours = [...(isShared ? [] : [path]), `${dropIns}/10-places.conf`, `${dropIns}/20-no-userns.conf`];
  const files = fileSteps(new Map(ours.map((file) => [file, undefined])), facts);
  if (files.length === 0 && !now.enabled && !now.running) return [];
  return [
    run("disable", "--now", name),
    ...files,
    run("daemon-reload"),
    { ...run("reset-failed", name), mayFail: true },
  ];
}

/** What `systemctl show` says. */
export function conditionOf(shown: string): Condition {
  const fact = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(shown)?.[1] ?? "";
  const state = `${fact("ActiveState")} (${fact("SubState")})`;
  const result = fact("Result") === "success" || fact("Result") === "" ? "" : `, ${fact("Result")}`;
  const status = fact("StatusText") === "" ? "" : `: ${fact("StatusText")}`;
  return {
    enabled: fact("UnitFileState") === "enabled",
    running: fact("ActiveState") === "active",
    words: `${state}${result}${status}`,
  };
}
