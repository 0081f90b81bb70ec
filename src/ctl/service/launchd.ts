/**
 * lanxferd under launchd: a daemon of the system that runs as a user. Which file
 * that takes, and which steps lead to it. Pure.
 */

import { LanxferError } from "../../core/errors.ts";
import { logLine } from "./log-lines.ts";
import { commandOf } from "./program.ts";
import { type Condition, type Facts, fileSteps, type Person, type Service, signed } from "./service.ts";

export interface Job {
  /** What launchctl(1) calls a service target. */
  readonly target: string;
  readonly path: string;
  readonly log: string;
}

export function jobOf({ user, home }: Person): Job {
  return {
    target: `system/lanxferd.${user}`,
    path: `/Library/LaunchDaemons/lanxferd.${user}.plist`,
    log: `${home}/Library/Logs/lanxferd.log`,
  };
}

/** The property list of the job. Throws E_SERVICE for a path that XML cannot hold. */
export function renderJob({ template, version, program, person }: Facts): string {
  const command = commandOf(program).map((word) => `<string>${escaped(word)}</string>`);
  const values: Readonly<Record<string, string>> = {
    USER: escaped(person.user),
    HOME: escaped(person.home),
    COMMAND: command.join("\n    "),
  };
  return signed(template("lanxferd.plist"), version).replace(
    /@([A-Z]+)@/g,
    (whole, name: string) => values[name] ?? whole,
  );
}

export function launchdService(facts: Facts): Service {
  const { target, path, log } = jobOf(facts.person);
  return {
    facts,
    starts: "with the machine",
    definition() {
      const text = facts.file(path);
      return text === undefined ? undefined : { path, text };
    },
    commandIn: startedBy,
    ask: ["launchctl", "print", target],
    condition: conditionOf,
    installSteps(now) {
      const files = fileSteps(new Map([[path, renderJob(facts)]]), facts);
      if (files.length === 0 && now.running) return [];
      return [
        ...files,
        { do: "run", command: ["launchctl", "bootout", target], mayFail: true },
        { do: "run", command: ["launchctl", "enable", target] },
        { do: "run", command: ["launchctl", "bootstrap", "system", path] },
        { do: "run", command: ["launchctl", "kickstart", target] },
      ];
    },
    uninstallSteps(now) {
      const files = fileSteps(new Map([[path, undefined]]), facts);
      if (files.length === 0 && !now.running) return [];
      return [{ do: "run", command: ["launchctl", "bootout", target], mayFail: true }, ...files];
    },
    log: (lines, follow) => ["tail", "-n", String(lines), ...(follow ? ["-F"] : []), log],
    logLine: (line) => logLine(line, Number.NaN),
  };
}

/** The command of a property list that we wrote. */
function startedBy(plist: string): string[] {
  const [, array = ""] = /<key>ProgramArguments<\/key>\s*<array>(.*?)<\/array>/s.exec(plist) ?? [];
  return [...array.matchAll(/<string>([^<]*)<\/string>/g)].map(([, text = ""]) => unescaped(text));
}

/** What `launchctl print` says; an empty text is that it knows no such job. */
export function conditionOf(printed: string): Condition {
  const fact = (name: string) => new RegExp(`^\\s*${name} = (.*)$`, "m").exec(printed)?.[1];
  const state = fact("state") ?? "not loaded";
  const exit = fact("last exit code");
  const running = state === "running";
  const why = running || exit === undefined || exit === "(never exited)" ? "" : `, last exit code ${exit}`;
  return { enabled: printed !== "", running, words: `${state}${why}` };
}

function escaped(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new LanxferError("E_SERVICE", { text: `a service cannot use the path ${text}` });
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
