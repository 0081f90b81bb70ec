/** `completion`: the script for a shell. */

import type { ControlClient } from "../../control/client.ts";
import type { ExitCode } from "../../core/errors.ts";
import { completionScript } from "../help.ts";
import type { Ui } from "../ui.ts";

export async function completion(
  _client: ControlClient,
  args: { readonly shell: string | undefined },
  ui: Ui,
): Promise<ExitCode> {
  const script = await completionScript(args.shell, ui.env);
  ui.print(...script.split("\n"));
  return 0;
}
