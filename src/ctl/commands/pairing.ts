/**
 * `invite` and `pair`; the dialogue of codes is in pair-by-code.ts. The invite is a secret until it is used: it goes out on
 * stdout alone, so that it can be piped, and comes in by standard input or a
 * file, never by an argument.
 */

import { open } from "node:fs/promises";
import type { ControlClient } from "../../control/client.ts";
import type { ExitCode } from "../../core/errors.ts";
import { LanxferError, systemCode } from "../../core/errors.ts";
import { formatDuration, safe } from "../../core/text.ts";
import type { Ui } from "../ui.ts";

const MAX_INVITE = 1_024; // characters; the API takes no more

interface InviteArgs {
  readonly ttl: number | undefined;
  readonly address: string | undefined;
}

export async function invite(client: ControlClient, args: InviteArgs, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { ttl, address } = args;
  const json = { ...(ttl !== undefined && { ttl }), ...(address !== undefined && { address }) };
  const made = await client.call("post", "/v1/invites", { json }, signal);
  ui.print(made.text);
  ui.notice(
    `it can be used once, within ${formatDuration(Date.parse(made.expiresAt) - ui.clock.now())}`,
    'on the other device, run "lanxferctl pair --invite -" and give it this text',
  );
  return 0;
}

interface PairArgs {
  readonly peer: string | undefined;
  /** `-`, or the path of a file. */
  readonly invite: string | undefined;
  readonly unlock: boolean;
}

export async function pair(client: ControlClient, args: PairArgs, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const { peer, invite, unlock } = args;
  if ([peer !== undefined, invite !== undefined, unlock].filter(Boolean).length > 1) {
    throw new LanxferError("E_USAGE", { text: "pair takes a device, --invite or --unlock, and not two of them" });
  }
  if (invite !== undefined) return await redeem(client, invite, ui, signal);
  if (!unlock) return await (await import("./pair-by-code.ts")).pairByCode(client, peer, ui, signal);
  await client.call("delete", "/v1/pairing-lock", {}, signal);
  ui.print("pairing by code is allowed");
  return 0;
}

async function redeem(client: ControlClient, source: string, ui: Ui, signal: AbortSignal): Promise<ExitCode> {
  const text = (source === "-" ? await ui.read("invite: ", MAX_INVITE, signal) : await contentOf(source)).trim();
  if (text === "") throw new LanxferError("E_INVITE");
  const device = await client.call("post", "/v1/pairings", { json: { invite: text } }, signal);
  ui.print(`paired with ${safe(device.name)} (${safe(device.short)})`);
  return 0;
}

/** No more than an invite can have: the path may be that of a device, or of a huge file. */
async function contentOf(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(MAX_INVITE) });
      return buffer.toString("latin1", 0, bytesRead); // an invite is ASCII
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = systemCode(error) === "ENOENT" ? "E_SOURCE_MISSING" : "E_SOURCE_UNREADABLE";
    throw new LanxferError(code, { path }, { cause: error });
  }
}
