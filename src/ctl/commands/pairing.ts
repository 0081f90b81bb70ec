/**
 * `pair`: by an invite, or by code, of which the dialogue is in pair-by-code.ts.
 * The invite is a secret until it is used: it comes in by standard input or a
 * file, never by an argument.
 */

import { open } from "node:fs/promises";
import type { ControlClient } from "../../control/client.ts";
import type { ExitCode } from "../../core/errors.ts";
import { LanxferError, systemCode } from "../../core/errors.ts";
import { safe } from "../../core/text.ts";
import { path } from "../render/words.ts";
import type { Ui } from "../ui.ts";

const MAX_INVITE = 1_024; // characters; the API takes no more
const OTHERS = 0o066; // group and everybody: may read or write

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
  const text = (source === "-" ? await ui.read("invite: ", MAX_INVITE, signal) : await contentOf(source, ui)).trim();
  if (text === "") throw new LanxferError("E_INVITE");
  const device = await client.call("post", "/v1/pairings", { json: { invite: text } }, signal);
  ui.object(device);
  ui.print(`paired with ${safe(device.name)} (${safe(device.short)})`);
  return 0;
}

/** No more than an invite can have: it may be the path of a device, or of a huge file. */
async function contentOf(source: string, ui: Ui): Promise<string> {
  try {
    const file = await open(source);
    try {
      const stats = await file.stat();
      if (stats.isFile() && (stats.mode & OTHERS) !== 0) {
        ui.notice(`careful: ${path(source)} is open to other users, and whoever is first to use an invite is paired`);
      }
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(MAX_INVITE) });
      return buffer.toString("latin1", 0, bytesRead); // an invite is ASCII
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = systemCode(error) === "ENOENT" ? "E_SOURCE_MISSING" : "E_SOURCE_UNREADABLE";
    throw new LanxferError(code, { path: source }, { cause: error });
  }
}
