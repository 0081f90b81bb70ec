/** `watch`: what happens, as it happens, until interrupted. */

import type { ControlClient } from "../../control/client.ts";
import type { ExitCode } from "../../core/errors.ts";
import { eventsOf } from "../follow.ts";
import { happenings, type Seen } from "../render/happenings.ts";
import { formatClock } from "../render/time.ts";
import type { Ui } from "../ui.ts";

export async function watch(client: ControlClient, _args: object, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  let seen: Seen = new Set();
  for await (const event of eventsOf(client, AbortSignal.any([signal, ui.readerGone]))) {
    ui.object(event);
    const told = happenings(seen, event);
    seen = told.seen;
    const at = formatClock(ui.clock.now());
    ui.print(...told.lines.map((line) => `${at} ${line}`));
  }
  return 0;
}
