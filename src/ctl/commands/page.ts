/** `ui`: asks for the page of lanxferd, and shows it in a browser of this machine. */

import { spawn } from "node:child_process";
import { platform } from "node:os";
import type { ControlClient } from "../../control/client.ts";
import type { Clock } from "../../core/clock.ts";
import type { ExitCode } from "../../core/errors.ts";
import { formatPeriod } from "../../core/text.ts";
import type { Ui } from "../ui.ts";

/** How long is waited for a program that opens addresses to fail (ms); one that becomes the browser does not end. */
const PATIENCE = 3_000;
const MINUTE = 60_000;

interface Args {
  readonly "no-open": boolean;
}

export async function openPage(client: ControlClient, args: Args, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { url, expiresAt } = await client.call("post", "/v1/page", {}, signal);
  ui.print(url);
  const minutes = Math.max(1, Math.round((Date.parse(expiresAt) - ui.clock.now()) / MINUTE));
  const use = `open it in a browser of this machine: it lets one in, once, within ${formatPeriod(minutes * MINUTE)}`;
  if (args["no-open"]) ui.notice(use);
  else if (!(await showInBrowser(url, ui.env, ui.clock))) ui.notice("no browser was opened", use);
  return 0;
}

/** Resolves to whether that seems to have worked. */
async function showInBrowser(url: string, env: NodeJS.ProcessEnv, clock: Clock): Promise<boolean> {
  const isMac = platform() === "darwin";
  // Without a desktop, xdg-open would try browsers that take over the terminal.
  if (!isMac && !env["DISPLAY"] && !env["WAYLAND_DISPLAY"]) return false;
  const opener = spawn(isMac ? "open" : "xdg-open", [url], { env, stdio: "ignore", detached: true });
  opener.unref();
  const over = new AbortController();
  const ended = new Promise<boolean>((resolve) => {
    opener.once("error", () => resolve(false));
    opener.once("exit", (code) => resolve(code === 0));
  });
  const patience = clock.sleep(PATIENCE, over.signal).then(
    () => true,
    () => true,
  );
  return Promise.race([ended, patience]).finally(() => over.abort());
}
