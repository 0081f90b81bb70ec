/** `peers add` and `peers rm`: addresses for networks without multicast. */

import type { ControlClient } from "../../control/client.ts";
import type { HostPort } from "../../core/address.ts";
import type { ExitCode } from "../../core/errors.ts";
import { safe } from "../../core/text.ts";
import type { Ui } from "../ui.ts";

interface AddArgs {
  readonly name: string;
  readonly address: HostPort;
}

export async function addPeer(client: ControlClient, args: AddArgs, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { host, port } = args.address;
  await client.call("post", "/v1/peers", { json: { name: args.name, host, port } }, signal);
  ui.print(`added ${safe(args.name)} at ${safe(host)}, port ${port}`);
  return 0;
}

export async function removePeer(
  client: ControlClient,
  args: { readonly name: string },
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  await client.call("delete", "/v1/peers/:name", { param: { name: args.name } }, signal);
  ui.print(`removed ${safe(args.name)}`);
  return 0;
}
