/**
 * Shows notifications on the desktop of the user, where there is one: by
 * notify-send, or osascript on macOS. Nobody waits for it, and that it cannot
 * be shown is no fault. What is said, and how often, is notices.ts.
 */

import { execFile } from "node:child_process";
import { systemCode } from "../../core/errors.ts";
import type { Log } from "../../core/log.ts";
import type { HostFacts } from "./paths.ts";

export interface Notice {
  /** Our own words. */
  readonly title: string;
  /** May hold names from the network that were made safe to print. */
  readonly body: string;
}

/** A notification service that does not answer is not waited for (milliseconds). */
const PATIENCE_MS = 10_000;

/** Any of these says that there may be a session with a desktop. */
const SESSION = ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"];

/** Title and body come as arguments, so that no text is ever part of the script. */
const APPLESCRIPT = ["on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"];

type Host = Pick<HostFacts, "platform" | "env">;

/** The program to run and its arguments; undefined where there is no desktop. Pure. */
export function notifyCommand({ platform, env }: Host, { title, body }: Notice): readonly string[] | undefined {
  if (platform === "darwin") return ["osascript", ...APPLESCRIPT.flatMap((line) => ["-e", line]), title, body];
  if (!SESSION.some((name) => env[name])) return undefined;
  return ["notify-send", "--app-name=lanxfer", "--", title, markup(body)];
}

/** Shows a notice, or not. Returns at once and never throws. */
export function showNotice(host: Host, log: Log, notice: Notice): void {
  const [program, ...args] = notifyCommand(host, notice) ?? [];
  if (program === undefined) return;
  const failed = (error: unknown) => log.debug({ program, code: systemCode(error) }, "notification not shown");
  try {
    const options = { env: { ...host.env }, cwd: "/", timeout: PATIENCE_MS, killSignal: "SIGKILL" } as const;
    const child = execFile(program, args, options, (error) => {
      if (error !== null) failed(error);
    });
    child.unref();
  } catch (error) {
    failed(error); // some failures to start a program are thrown
  }
}

/**
 * Desktop Notifications Specification, "Markup": the body is a kind of HTML.
 * Before that, notify-send itself takes a backslash for the beginning of an
 * escape, and `\074` would become the `<` that is kept out here.
 */
function markup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\\", "\\\\");
}
