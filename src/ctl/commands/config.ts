/** `config`: settings, which only the daemon writes. */

import type { ControlClient } from "../../control/client.ts";
import type { SettingView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { LanxferError } from "../../core/errors.ts";
import { safe } from "../../core/text.ts";
import { table } from "../render/table.ts";
import { path } from "../render/words.ts";
import type { Ui } from "../ui.ts";

interface Name {
  readonly name: string;
}

export async function list(client: ControlClient, _args: object, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { settings } = await client.call("get", "/v1/settings", {}, signal);
  for (const setting of settings) ui.object(setting);
  const rows = settings.map((one) => [safe(one.name), shown(one.value), one.source, safe(one.description)]);
  ui.print(...(await table(["NAME", "VALUE", "FROM", "MEANING"], rows)));
  return 0;
}

export async function get(client: ControlClient, args: Name, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const setting = await find(client, args.name, signal);
  ui.object(setting);
  ui.print(shown(setting.value));
  return 0;
}

export async function set(
  client: ControlClient,
  args: Name & { readonly value: string },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  // As text: the daemon knows what kind of value the setting has.
  const json = { value: args.value };
  const setting = await client.call("put", "/v1/settings/:name", { param: { name: args.name }, json }, signal);
  say(setting, ui);
  return 0;
}

export async function unset(client: ControlClient, args: Name, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  say(await client.call("delete", "/v1/settings/:name", { param: { name: args.name } }, signal), ui);
  return 0;
}

async function find(client: ControlClient, name: string, signal: AbortSignal): Promise<SettingView> {
  const { settings } = await client.call("get", "/v1/settings", {}, signal);
  const setting = settings.find((one) => one.name === name);
  if (setting === undefined) throw new LanxferError("E_NOT_FOUND", { kind: "setting", name });
  return setting;
}

function shown(value: unknown): string {
  return path(typeof value === "string" ? value : JSON.stringify(value ?? null));
}

function say(setting: SettingView, ui: Ui): void {
  ui.object(setting);
  ui.print(`${safe(setting.name)} = ${shown(setting.value)}`);
  // What is set in the file has no effect as long as something else comes first.
  const stronger = setting.source === "environment" || setting.source === "flag";
  if (stronger) ui.notice(`the value in use comes from the ${setting.source} of lanxferd`);
}
