/** `offers`, `accept` and `decline`: what waits for an answer. */

import type { ControlClient } from "../../control/client.ts";
import type { ExitCode } from "../../core/errors.ts";
import { formatDeviceId, parseDeviceId } from "../../core/ids.ts";
import { formatSize, safe } from "../../core/text.ts";
import { table } from "../render/table.ts";
import { formatWhen } from "../render/time.ts";
import { noted, offered, sender, what } from "../render/words.ts";
import type { Ui } from "../ui.ts";

export async function offers(client: ControlClient, _args: object, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { offers } = await client.call("get", "/v1/offers", {}, signal);
  for (const offer of offers) ui.object(offer);
  const rows = offers.map((offer) => [
    safe(offer.id),
    sender(offer),
    formatWhen(offer.since),
    String(offer.entries),
    formatSize(offer.bytes),
    what(offer.items) + noted(offer.note),
  ]);
  if (rows.length > 0) ui.print(...(await table(["ID", "FROM", "SINCE", "ENTRIES", "SIZE", "WHAT"], rows)));
  else if (!ui.json) ui.notice("no offers");
  return 0;
}

interface Args {
  readonly id: string;
}

export async function accept(
  client: ControlClient,
  args: Args & { readonly pair: boolean },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  const request = { param: { id: args.id }, json: { pair: args.pair } };
  const { offer, device, again } = await client.call("post", "/v1/offers/:id/accept", request, signal);
  ui.print(`accepted ${offered(offer)}`);
  if (device === null) return 0;
  const who = `${safe(device.name)} (${safe(device.short)})`;
  if (again) {
    ui.print(`${who} was paired before`);
    return 0;
  }
  ui.print(`paired with ${who}: what it sends is taken from now on`);
  ui.notice(
    "nobody has checked that it is the device you mean: compare its id with what",
    `"lanxferctl id" says there: ${formatDeviceId(parseDeviceId(device.id))}`,
  );
  return 0;
}

export async function decline(client: ControlClient, args: Args, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const offer = await client.call("post", "/v1/offers/:id/decline", { param: { id: args.id } }, signal);
  ui.print(`declined ${offered(offer)}`);
  return 0;
}
