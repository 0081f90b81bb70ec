/**
 * Who may use the page: tokens, each of which lets a browser in once, and the
 * sessions of those who came in. Pure, but for the random bytes it is given.
 *
 * A session has a cookie and a key. The cookie goes with every request, also to
 * whatever might listen on our port while we do not; so it ends with this
 * process. The key never leaves the page: with it a page proves, to the daemon
 * that comes after this one, that it was let in, and gets another cookie.
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../core/clock.ts";

/** For how long an address can be used that was asked for: a browser may have to start (milliseconds). */
const TOKEN_MS = 2 * 60_000;
/** Browsers that can be let in at a time, and addresses that wait to be used; the oldest goes. */
const MOST = 16;
const SECRET_BYTES = 32;

export interface Token {
  readonly text: string;
  /** Wall clock. */
  readonly expiresAt: number;
}

export interface Session {
  readonly key: string;
  readonly cookie: string;
}

export interface SessionsDeps {
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
}

export class Sessions {
  /** What a proof is made for, another one in each process: one that was seen is worth nothing. */
  readonly challenge: string;
  readonly #deps: SessionsDeps;
  /** When each runs out, on the steady clock, by the digest of its text. */
  readonly #tokens = new Map<string, number>();
  /** By the digest of the cookie. */
  readonly #sessions = new Map<string, Session>();
  /** Keys of sessions of an earlier process. */
  readonly #earlier: Set<string>;

  constructor(deps: SessionsDeps, earlier: readonly string[] = []) {
    this.#deps = deps;
    this.#earlier = new Set(earlier);
    this.challenge = this.#secret();
  }

  /** What has to be kept for a daemon that comes after this one. */
  get keys(): string[] {
    return [...this.#earlier, ...[...this.#sessions.values()].map(({ key }) => key)];
  }

  issue(): Token {
    const { clock } = this.#deps;
    const text = this.#secret();
    this.#tokens.set(digest(text), clock.monotonic() + TOKEN_MS);
    dropOldest(this.#tokens);
    return { text, expiresAt: clock.now() + TOKEN_MS };
  }

  /** A session for a token, which is used up with that; undefined for any other text. */
  exchange(token: string): Session | undefined {
    const name = digest(token);
    const until = this.#tokens.get(name);
    this.#tokens.delete(name);
    if (until === undefined || until <= this.#deps.clock.monotonic()) return undefined;
    return this.#begin();
  }

  /** Looked up by a digest, so that the time this takes says nothing of the text. */
  find(cookie: string): Session | undefined {
    return this.#sessions.get(digest(cookie));
  }

  /** A session in place of one of an earlier process, for `proofOf` its key; that key is used up. */
  resume(proof: string): Session | undefined {
    const key = [...this.#earlier].find((each) => equal(proof, proofOf(each, this.challenge)));
    if (key === undefined) return undefined;
    this.#earlier.delete(key);
    return this.#begin();
  }

  #begin(): Session {
    const session = { key: this.#secret(), cookie: this.#secret() };
    this.#sessions.set(digest(session.cookie), session);
    dropOldest(this.#sessions);
    return session;
  }

  #secret(): string {
    return Buffer.from(this.#deps.random(SECRET_BYTES)).toString("base64url");
  }
}

/** What a page shows instead of the key: HMAC-SHA-256 of the challenge, both as the texts they are. */
export function proofOf(key: string, challenge: string): string {
  return createHmac("sha256", key).update(challenge).digest("base64url");
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function equal(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(digest(a)), Buffer.from(digest(b)));
}

/** Maps keep the order in which they were filled. */
function dropOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > MOST && oldest !== undefined) map.delete(oldest);
}
