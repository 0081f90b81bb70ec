/** `status` and `id`: how the daemon is doing, and who we are. */

import type { ControlClient } from "../../control/client.ts";
import type { StatusView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { formatSize, safe } from "../../core/text.ts";
import { formatWhen } from "../render/time.ts";
import { path } from "../render/words.ts";
import type { Ui } from "../ui.ts";

export async function status(client: ControlClient, _args: object, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const view = await client.call("get", "/v1/status", {}, signal);
  ui.object(view);
  ui.print(...pairs(facts(view)));
  return 0;
}

export async function id(client: ControlClient, _args: object, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const view = await client.call("get", "/v1/id", {}, signal);
  ui.object(view);
  ui.print(
    ...pairs([
      ["name", safe(view.name)],
      ["short id", safe(view.short)],
      ["id", safe(view.formatted)],
    ]),
  );
  return 0;
}

/** Of what is not understood. */
const SHOWN = 5;

type Fact = readonly [name: string, value: string];

function facts(view: StatusView): Fact[] {
  const { inbox, paths } = view;
  const free = inbox.free === null ? "" : ` (${formatSize(inbox.free)} free)`;
  const refused = Object.entries(view.refused).map(([why, count]) => `${safe(why)} ${count}`);
  return [
    ["name", safe(view.name)],
    ["short id", safe(view.short)],
    ["version", `${safe(view.version)} on Node ${safe(view.node)}`],
    ["process", `${view.pid}, since ${formatWhen(view.startedAt)}`],
    ["port", String(view.port)],
    ["inbox", `${path(inbox.path)}${free}${inbox.problem === null ? "" : `: ${path(inbox.problem)}`}`],
    ["settings", path(paths.config)],
    ["state", path(paths.state)],
    ["socket", path(paths.socket)],
    ["sandbox", safe(view.sandbox)],
    ...view.interfaces.map((link): Fact => {
      const reason = link.reason === null ? "" : `, ${safe(link.reason)}`;
      return ["network", `${safe(link.name)} ${safe(link.address)}, ${link.used ? "used" : "not used"}${reason}`];
    }),
    ["peers", `${view.peers} here, ${view.devices} paired`],
    ["transfers", `${view.running} running, ${view.queued} queued, ${view.offers} waiting for an answer`],
    ...view.outbox.strangers.slice(0, SHOWN).map(({ path: at, text }): Fact => {
      return ["outbox", `${path(at)} is left alone: ${safe(text)}`];
    }),
    ...(view.outbox.strangerCount > SHOWN
      ? [["outbox", `and ${view.outbox.strangerCount - SHOWN} more that are left alone`] as const]
      : []),
    ...(view.pairing === "locked"
      ? [["pairing", 'by code is locked: "lanxferctl pair --unlock" ends that'] as const]
      : []),
    ["history", `${formatSize(view.history.bytes)}${damaged(view.history)}`],
    ...doubts(view).map((doubt): Fact => ["careful", doubt]),
    ["refused", refused.length === 0 ? "nothing" : refused.join(", ")],
  ];
}

function damaged({ damaged }: StatusView["history"]): string {
  return damaged === 0 ? "" : `, ${damaged} damaged lines were passed over`;
}

/** What may mean that somebody is not who he seems. */
function doubts({ namesakes, otherKeys, double, paths }: StatusView): string[] {
  const doubts: string[] = [];
  if (double !== null) {
    doubts.push(
      `another machine, seen at ${safe(double.address)}, has the key of this device: ${path(paths.state)} was copied`,
      "on one of the two stop lanxferd, remove that folder, start it again and pair anew",
    );
  }
  if (namesakes > 0) {
    const some = namesakes === 1 ? "1 device here has" : `${namesakes} devices here have`;
    doubts.push(`${some} the name of a paired device without being it: see "lanxferctl peers"`);
  }
  if (otherKeys > 0) doubts.push(`another key answered in place of a paired device, ${times(otherKeys)}`);
  return doubts;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** One fact a line. The names are ours, so their length is their width. */
function pairs(facts: readonly Fact[]): string[] {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
