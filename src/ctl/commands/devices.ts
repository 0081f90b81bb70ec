/** `devices`, `unpair`, `policy` and `rename`: whom we trust, and how far. */

import type { ControlClient } from "../../control/client.ts";
import type { DeviceView, Policy } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { safe } from "../../core/text.ts";
import { table } from "../render/table.ts";
import { formatWhen } from "../render/time.ts";
import type { Ui } from "../ui.ts";

export async function devices(client: ControlClient, _args: object, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { devices } = await client.call("get", "/v1/devices", {}, signal);
  for (const device of devices) ui.object(device);
  const rows = devices.map((device) => [
    safe(device.name),
    safe(device.short),
    device.policy,
    formatWhen(device.pairedAt),
  ]);
  if (rows.length > 0) ui.print(...(await table(["NAME", "ID", "POLICY", "PAIRED"], rows)));
  else if (!ui.json) ui.notice('no paired devices: "lanxferctl pair" begins with one');
  return 0;
}

interface DeviceArg {
  readonly device: string;
}

export async function unpair(client: ControlClient, args: DeviceArg, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const device = await client.call("delete", "/v1/devices/:device", { param: { device: args.device } }, signal);
  const { givenUp } = device;
  const ended = givenUp === 0 ? "" : `; given up what was to go there: ${givenUp}`;
  ui.print(`unpaired ${named(device)}${ended}`);
  return 0;
}

export async function policy(
  client: ControlClient,
  args: DeviceArg & { readonly policy: Policy },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const device = await change(client, args.device, { policy: args.policy }, signal);
  ui.print(`policy for ${named(device)} is ${device.policy}`);
  return 0;
}

export async function rename(
  client: ControlClient,
  args: DeviceArg & { readonly name: string },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const device = await change(client, args.device, { name: args.name }, signal);
  ui.print(`${safe(device.short)} is called ${safe(device.name)}`);
  return 0;
}

async function change(
  client: ControlClient,
  device: string,
  patch: { readonly policy?: Policy; readonly name?: string },
  signal: AbortSignal,
): Promise<DeviceView> {
  return await client.call("patch", "/v1/devices/:device", { param: { device }, json: patch }, signal);
}

function named(device: DeviceView): string {
  return `${safe(device.name)} (${safe(device.short)})`;
}
