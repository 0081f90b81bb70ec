/** `completion`: the script for a shell. */

import type { ControlClient } from "../../control/client.ts";
import type { ExitCode } from "../../core/errors.ts";
import { type Shell, scriptFor, shellOf } from "../shells.ts";
import type { Ui } from "../ui.ts";

export async function completion(
  _client: ControlClient,
  args: { readonly shell: Shell | undefined },
  ui: Ui,
): Promise<ExitCode> {
  const script = scriptFor(args.shell ?? shellOf(ui.env["SHELL"]));
  ui.print(...script.trimEnd().split("\n"));
  return 0;
}
