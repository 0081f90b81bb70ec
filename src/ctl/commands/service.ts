/** `service`: lanxferd as a service of systemd or launchd. What that takes is decided in ctl/service. */

import { existsSync } from "node:fs";
import type { ControlClient } from "../../control/client.ts";
import type { ServiceLine } from "../../control/lines.ts";
import { ERRORS, type ExitCode, LanxferError } from "../../core/errors.ts";
import { safe } from "../../core/text.ts";
import { path } from "../render/words.ts";
import { carryOut } from "../service/carry-out.ts";
import { type Found, findService } from "../service/host.ts";
import { keeperOf } from "../service/program.ts";
import type { Condition } from "../service/service.ts";
import { show } from "../service/steps.ts";
import type { Ui } from "../ui.ts";

interface Args {
  readonly system: boolean;
  readonly user: string | undefined;
}

interface ChangeArgs extends Args {
  readonly "dry-run": boolean;
}

interface LogArgs extends Args {
  readonly follow: boolean;
  readonly lines: number | undefined;
}

const DEFAULT_LINES = 100;

export async function install(
  _client: ControlClient,
  args: ChangeArgs,
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const found = await findService({ ...args, changes: !args["dry-run"] }, ui.env, signal);
  const { service } = found;
  const steps = service.installSteps(await conditionNow(found));
  if (args["dry-run"]) {
    ui.print(...steps.flatMap(show));
    return 0;
  }
  await carryOut(steps, (command, as) => found.run(command, as === undefined ? {} : { as })).catch(async (error) => {
    throw await explained(error, found);
  });
  for (const step of steps) if (step.do === "write") ui.print(`wrote ${path(step.path)}`);
  ui.print(
    steps.length === 0
      ? "nothing to do: the service is installed as it should be, and runs"
      : `lanxferd runs as a service, and starts ${safe(service.starts)}`,
  );
  ui.notice(...warnings(found));
  return 0;
}

export async function uninstall(
  _client: ControlClient,
  args: ChangeArgs,
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const found = await findService({ ...args, changes: !args["dry-run"] }, ui.env, signal);
  const { person } = found.service.facts;
  const steps = found.service.uninstallSteps(await conditionNow(found));
  if (args["dry-run"]) {
    ui.print(...steps.flatMap(show));
    return 0;
  }
  await carryOut(steps, (command) => found.run(command));
  ui.print(
    steps.length === 0 ? "nothing to do: there is no service" : "the service is stopped and removed",
    `what was received stays in ${path(person.inbox)}, key and paired devices in ${path(person.places.state)}`,
  );
  return 0;
}

export async function status(_client: ControlClient, args: Args, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const found = await findService({ ...args, changes: false }, ui.env, signal);
  const { service, lingers } = found;
  const now = await conditionNow(found);
  const definition = service.definition();
  const [node, ...rest] = definition === undefined ? [] : service.commandIn(definition.text);
  const program = rest.at(-1);
  const outdated = definition !== undefined && service.installSteps(now).some(({ do: what }) => what !== "run");
  const view = { ...now, definition: definition?.path ?? null, outdated, node: node ?? null, program: program ?? null };
  const line: ServiceLine = { ...view, lingers: lingers ?? null };
  ui.object(line);
  const facts: [string, string][] = [
    ["state", safe(now.words)],
    ["enabled", now.enabled ? `yes, it starts ${safe(service.starts)}` : "no"],
    ["defined", definition === undefined ? "nowhere" : path(definition.path)],
    ["node", presence(node)],
    ["program", presence(program)],
  ];
  if (lingers !== undefined) facts.push(["lingers", lingers ? "yes, it runs while nobody is logged in" : "no"]);
  ui.print(...facts.map(([name, value]) => `${name.padEnd(7)}  ${value}`));
  if (definition === undefined) ui.notice('there is no service: run "lanxferctl service install"');
  else if (outdated) ui.notice('the service is not as this version would have it: run "lanxferctl service install"');
  return now.running ? 0 : ERRORS.E_DAEMON_DOWN.exit;
}

export async function logs(_client: ControlClient, args: LogArgs, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const until = AbortSignal.any([signal, ui.readerGone]);
  const { service, run } = await findService({ ...args, changes: false }, ui.env, until);
  const command = service.log(args.lines ?? DEFAULT_LINES, args.follow);
  try {
    const { ok, complaint } = await run(command, { onLine: (line) => ui.print(service.logLine(line)) });
    if (!ok) throw new LanxferError("E_SERVICE", { text: `${command[0]}: ${complaint}` });
  } catch (error) {
    if (!until.aborted) throw error; // interrupted, which is how --follow ends
  }
  return 0;
}

async function conditionNow({ service, run }: Found): Promise<Condition> {
  const { ok, stdout } = await run(service.ask);
  return service.condition(ok ? stdout : "");
}

/** What the manager says of a service that did not start tells more than that it did not. */
async function explained(error: unknown, found: Found): Promise<unknown> {
  const now = await conditionNow(found);
  if (now.running || !(error instanceof LanxferError) || !/ restart | kickstart /.test(error.message)) return error;
  return new LanxferError("E_SERVICE", { text: `the service does not start: ${now.words}` }, { cause: error });
}

function presence(file: string | undefined): string {
  if (file === undefined) return "-";
  return existsSync(file) ? path(file) : `${path(file)} is gone: run "lanxferctl service install"`;
}

function warnings({ service, lingers }: Found): string[] {
  const { program, person } = service.facts;
  const kept = [program.node, program.main].flatMap((file) => {
    const keeper = keeperOf(file);
    const advice = 'when it is removed there, run "lanxferctl service install" again';
    return keeper === undefined ? [] : [`${path(file)} belongs to ${keeper}: ${advice}`];
  });
  const left = `to keep it running while nobody is logged in: sudo loginctl enable-linger ${safe(person.user)}`;
  return lingers === false ? [...kept, left] : kept;
}
