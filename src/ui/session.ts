/**
 * How the page is let in: once by the token in its address, and by a daemon that
 * was started anew for a proof that it had been. What the proof is made with is
 * in memory only.
 */

import { ApiError, GONE } from "./api.ts";
import type { Problem } from "./problem.ts";

const ENDED: Problem = {
  code: "E_SESSION",
  message: "this page was not let in, or is not any more",
  hint: 'run "lanxferctl ui" once more',
};

export class Session {
  #key: string | undefined;

  /** Uses up the token that the page was opened with, if there is one. Throws E_SESSION or E_DAEMON_DOWN. */
  async enter(): Promise<void> {
    const token = /^#([\w-]{43})$/.exec(location.hash)?.[1];
    if (token === undefined) return;
    // Neither in the list of visited pages nor for whoever looks over a shoulder.
    history.replaceState(null, "", location.pathname);
    await this.#begin(`Token ${token}`);
  }

  /** Makes sure that the daemon knows this page. Throws E_SESSION when it does not and cannot. */
  async resume(): Promise<void> {
    const told: { key?: string; challenge?: string } = await (await ask("GET")).json();
    if (told.key !== undefined) this.#key = told.key;
    else if (told.challenge === undefined || this.#key === undefined) throw new ApiError(ENDED);
    else await this.#begin(`Proof ${await proofOf(this.#key, told.challenge)}`);
  }

  async #begin(authorization: string): Promise<void> {
    const response = await ask("POST", { authorization });
    if (!response.ok) throw new ApiError(ENDED);
    const told: { key: string } = await response.json();
    this.#key = told.key;
  }
}

async function ask(method: string, headers: Record<string, string> = {}): Promise<Response> {
  try {
    return await fetch("session", { method, headers });
  } catch {
    throw new ApiError(GONE);
  }
}

async function proofOf(secret: string, challenge: string): Promise<string> {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", bytes(secret), hmac, false, ["sign"]);
  const proof = new Uint8Array(await crypto.subtle.sign("HMAC", imported, bytes(challenge)));
  return btoa(String.fromCharCode(...proof))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}
