/**
 * `invite`: makes an invite and gives it out. It is a secret until it is used,
 * so it goes to stdout alone, from where it can be piped, or to a file that is
 * the user's alone.
 */

import type { ControlClient } from "../../control/client.ts";
import type { InviteFileLine } from "../../control/lines.ts";
import type { InviteView } from "../../control/schema.ts";
import type { ExitCode } from "../../core/errors.ts";
import { formatDuration } from "../../core/text.ts";
import { qrCode } from "../render/qr.ts";
import { path } from "../render/words.ts";
import { SecretFile } from "../secret-file.ts";
import type { Ui } from "../ui.ts";

interface Args {
  readonly ttl: number | undefined;
  readonly address: string | undefined;
  readonly qr: boolean;
  readonly out: string | undefined;
  readonly json: boolean;
}

export async function invite(client: ControlClient, args: Args, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { out } = args;
  const made = out === undefined ? await make(client, args, signal) : await makeInto(out, client, args, signal);
  const { text, expiresAt } = made;
  const line: InviteView | InviteFileLine = out === undefined ? { text, expiresAt } : { file: out, expiresAt };
  ui.object(line);
  ui.print(out === undefined ? text : `the invite is in ${path(out)}`);
  const within = formatDuration(Date.parse(expiresAt) - ui.clock.now());
  const use =
    out === undefined
      ? 'on the other device, run "lanxferctl pair --invite -" and give it this text'
      : 'carry it to the other device and run "lanxferctl pair --invite FILE" there';
  if (!ui.json) ui.notice(`it can be used once, within ${within}`, use);
  if (args.qr || out === undefined) await draw(text, args.qr, ui);
  return 0;
}

async function make(client: ControlClient, { ttl, address }: Args, signal: AbortSignal): Promise<InviteView> {
  const json = { ...(ttl !== undefined && { ttl }), ...(address !== undefined && { address }) };
  return await client.call("post", "/v1/invites", { json }, signal);
}

async function makeInto(out: string, client: ControlClient, args: Args, signal: AbortSignal): Promise<InviteView> {
  const file = await SecretFile.create(out);
  try {
    const made = await make(client, args, signal);
    await file.finish(`${made.text}\n`);
    return made;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Last of all, so that nothing pushes it off the screen. Where it was not asked for, it is left out rather than cut. */
async function draw(text: string, asked: boolean, ui: Ui): Promise<void> {
  const { screen } = ui;
  if (ui.json || (!asked && screen === undefined)) return;
  if (!ui.hasUnicode) {
    if (asked) ui.notice("no QR code: it needs a terminal that is set to UTF-8");
    return;
  }
  // In capitals it takes fewer modules, and the case of an invite means nothing.
  const lines = await qrCode(text.toUpperCase(), ui.paints ? "dark" : "light");
  const width = lines[0]?.length ?? 0;
  if (screen !== undefined && screen.columns < width) {
    if (asked) ui.notice(`no QR code: it needs a terminal of ${width} columns, and this one has ${screen.columns}`);
  } else if (asked || (screen !== undefined && screen.rows > lines.length)) {
    ui.paint(...lines);
  }
}
