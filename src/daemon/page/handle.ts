/**
 * Answers one request to the page's listener: its files to whoever asks as a
 * browser does, a session for a token, and the control API to those who have one.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { type ErrorCode, LanxferError, toView } from "../../core/errors.ts";
import type { Listener } from "../http.ts";
import { comesFromPage, isForPage, isUnbounded } from "./door.ts";
import { HEADERS, type PageFiles } from "./files.ts";
import type { Session, Sessions } from "./sessions.ts";

const COOKIE = "lanxfer";
/** Node gives other headers in other forms, these as one text. */
const SITE = "sec-fetch-site";

export interface HandleDeps {
  /** Begins and ends with a slash; nobody guesses it. */
  readonly path: string;
  readonly port: number;
  readonly files: PageFiles;
  readonly sessions: Sessions;
  /** Answers as the control socket does. */
  readonly api: Listener;
  /** Whether the connection is that of a program of another user. */
  readonly isForeign: (asked: IncomingMessage) => Promise<boolean>;
  /** Somebody came in: what is kept of it has to be written. */
  readonly changed: () => Promise<void>;
  /** A request of a page that was let in has begun; the function is called at its end. */
  readonly inUse: () => () => void;
  /** Breaks off what takes longer to come than any text of a page. */
  readonly limit: (asked: IncomingMessage) => void;
}

export async function handle(asked: IncomingMessage, answer: ServerResponse, deps: HandleDeps): Promise<void> {
  const { path, port, files, sessions } = deps;
  for (const [name, value] of Object.entries(HEADERS)) answer.setHeader(name, value);
  const { method = "", url = "", headers } = asked;
  const site = headers[SITE];
  const from = { method, host: headers.host, origin: headers.origin, site: site === undefined ? site : String(site) };
  if (!comesFromPage(from, port)) return refuse(answer, 403, "E_USAGE", "only the page of lanxferd may ask this");
  const [whole = "", query] = url.split("?", 2);
  const rest = whole.startsWith(path) ? whole.slice(path.length) : undefined;
  const file = rest === undefined ? undefined : files.get(rest);
  if (file !== undefined && (method === "GET" || method === "HEAD")) {
    answer.writeHead(200, { "content-type": file.type, "content-length": file.content.length });
    answer.end(file.content);
    return;
  }
  if (rest === "session") return session(asked, answer, deps);
  if (rest?.startsWith("v1/") !== true) return refuse(answer, 404, "E_USAGE", "there is nothing here");
  if (sessions.find(cookieOf(asked)) === undefined) return refuse(answer, 401, "E_SESSION");
  if (!isForPage(method, `/${rest}`)) return refuse(answer, 403, "E_USAGE", "the page may not ask this");
  answer.once("close", deps.inUse());
  if (!isUnbounded(`/${rest}`)) deps.limit(asked);
  asked.url = query === undefined ? `/${rest}` : `/${rest}?${query}`;
  deps.api(asked, answer);
}

/**
 * `GET` tells the key of a session, and to whoever has none, what to prove.
 * `POST` begins one, for a token or for a proof in the header `Authorization`.
 */
async function session(asked: IncomingMessage, answer: ServerResponse, deps: HandleDeps): Promise<void> {
  const { sessions, path, changed, isForeign } = deps;
  const found = sessions.find(cookieOf(asked));
  if (asked.method === "GET") {
    return tell(answer, 200, found === undefined ? { challenge: sessions.challenge } : { key: found.key });
  }
  if (asked.method !== "POST") return refuse(answer, 405, "E_USAGE", "there is nothing here");
  if (await isForeign(asked)) return refuse(answer, 403, "E_USAGE", "the page is for another user of this machine");
  const [scheme, secret = ""] = (asked.headers.authorization ?? "").split(" ");
  let begun: Session | undefined;
  if (scheme === "Token") begun = sessions.exchange(secret);
  else if (scheme === "Proof") begun = sessions.resume(secret);
  if (begun === undefined) return refuse(answer, 401, "E_SESSION");
  await changed();
  answer.setHeader("set-cookie", `${COOKIE}=${begun.cookie}; Path=${path}; HttpOnly; SameSite=Strict`);
  tell(answer, 200, { key: begun.key });
}

function cookieOf({ headers }: IncomingMessage): string {
  const [, value = ""] = new RegExp(`(?:^|; )${COOKIE}=([\\w-]+)`).exec(headers.cookie ?? "") ?? [];
  return value;
}

function tell(answer: ServerResponse, status: number, value: object): void {
  const text = JSON.stringify(value);
  answer.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  answer.end(text);
}

/** The rest of a request that is refused is not waited for. */
function refuse(answer: ServerResponse, status: number, code: ErrorCode, text?: string): void {
  answer.setHeader("connection", "close");
  tell(answer, status, { error: toView(new LanxferError(code, text === undefined ? {} : { text })) });
}
