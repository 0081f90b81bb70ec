/**
 * `doctor`: what the daemon found when it looked at all that transfers depend
 * on. When it does not run, that is the first finding, and the program itself is
 * asked to look, which takes the same checks but for those of a running daemon.
 */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ControlClient } from "../../control/client.ts";
import type { FindingView } from "../../control/schema.ts";
import { type ExitCode, LanxferError, toLanxferError } from "../../core/errors.ts";
import { path } from "../render/words.ts";
import type { Ui } from "../ui.ts";

/** Exit status when there is a problem: some checks failed. */
const PROBLEMS = 23;
const DAEMON = fileURLToPath(new URL("../../daemon/main.js", import.meta.url));

const MARKS: Readonly<Record<FindingView["state"], string>> = {
  ok: "ok",
  warning: "warning",
  problem: "problem",
  unchecked: "-",
};

export async function doctor(client: ControlClient, _args: object, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const findings = await look(client, signal);
  for (const finding of findings) ui.object(finding);
  ui.print(...lines(findings));
  const count = (state: FindingView["state"]) => findings.filter((finding) => finding.state === state).length;
  const problems = count("problem");
  if (!ui.json) ui.notice(summary(problems, count("warning")));
  return problems === 0 ? 0 : PROBLEMS;
}

async function look(client: ControlClient, signal: AbortSignal): Promise<readonly FindingView[]> {
  try {
    return (await client.call("get", "/v1/doctor", {}, signal)).findings;
  } catch (thrown) {
    const error = toLanxferError(thrown);
    if (!["E_DAEMON_DOWN", "E_DAEMON_VERSION", "E_SOCKET"].includes(error.code)) throw error;
    const { message: text, kind } = error;
    const down: FindingView = { check: "daemon", state: "problem", text, advice: kind.hint ?? null };
    return [down, ...(await lookWithout(signal))];
  }
}

/** Asks the program that stands beside this one. */
function lookWithout(signal: AbortSignal): Promise<FindingView[]> {
  return new Promise((resolve, reject) => {
    execFile(DAEMON, ["--check"], { signal }, (error, stdout) => {
      if (error === null) resolve(stdout.split("\n").flatMap((line) => (line === "" ? [] : JSON.parse(line))));
      else reject(new LanxferError("E_INTERNAL", { text: `"${DAEMON} --check" failed` }, { cause: error }));
    });
  });
}

function lines(findings: readonly FindingView[]): string[] {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const mark = Math.max(...Object.values(MARKS).map(({ length }) => length));
  return findings.flatMap(({ check, state, text, advice }) => [
    `${MARKS[state].padEnd(mark)}  ${check.padEnd(width)}  ${path(text)}`,
    ...(advice === null ? [] : [`${" ".repeat(mark + width + 4)}-> ${path(advice)}`]),
  ]);
}

function summary(problems: number, warnings: number): string {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  if (problems === 0 && warnings === 0) return "everything that could be checked is well";
  return `${count(problems, "problem")}, ${count(warnings, "warning")}`;
}
