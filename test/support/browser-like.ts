/** Requests as a browser makes them of a page, and as one is made to make them by others: every header is the test's own. */

import { once } from "node:events";
import { type ClientRequest, type IncomingHttpHeaders, type RequestOptions, request } from "node:http";
import type { TestDaemon } from "./daemons.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A page that a daemon opened, and the browser that was sent there. */
export class BrowserLike {
  readonly port: number;
  readonly path: string;
  readonly token: string;
  cookie: string | undefined;
  key: string | undefined;

  constructor(url: string) {
    const { port, pathname, hash } = new URL(url);
    this.port = Number(port);
    this.path = pathname;
    this.token = hash.slice(1);
  }

  /** Asks the daemon for its page. */
  static async opened(daemon: TestDaemon): Promise<BrowserLike> {
    return new BrowserLike((await daemon.client.call("post", "/v1/page", {})).url);
  }

  /** The same, and lets it in. */
  static async letIn(daemon: TestDaemon): Promise<BrowserLike> {
    const browser = await BrowserLike.opened(daemon);
    await browser.enter(`Token ${browser.token}`);
    return browser;
  }

  /** Shows a token or a proof; takes what it is given for it. */
  async enter(authorization: string): Promise<Answer> {
    const answer = await this.ask("POST", "session", { authorization });
    const [cookie] = answer.headers["set-cookie"] ?? [];
    if (cookie !== undefined) this.cookie = cookie.split(";")[0];
    if (answer.status === 200) this.key = JSON.parse(answer.text).key;
    return answer;
  }

  /** Headers of a request of the page itself. */
  ours(method: string): Record<string, string> {
    return {
      host: `127.0.0.1:${this.port}`,
      "sec-fetch-site": "same-origin",
      ...(method !== "GET" && { origin: `http://127.0.0.1:${this.port}` }),
      ...(this.cookie !== undefined && { cookie: this.cookie }),
    };
  }

  /** `target` is below the page's own path, unless it begins with a slash. */
  begin(method: string, target: string, headers: Record<string, string>, more: RequestOptions = {}): ClientRequest {
    const path = target.startsWith("/") ? target : `${this.path}${target}`;
    return request({ host: "127.0.0.1", port: this.port, path, method, headers, agent: false, ...more });
  }

  /** `change` replaces headers; one that is undefined is left out. */
  async ask(
    method: string,
    target: string,
    change: Record<string, string | undefined> = {},
    body?: string | Uint8Array,
  ): Promise<Answer> {
    const headers = Object.entries({ ...this.ours(method), ...change }).filter(([, value]) => value !== undefined);
    const asked = this.begin(method, target, Object.fromEntries(headers) as Record<string, string>); // just filtered
    asked.end(body);
    return answerOf(asked);
  }

  /** A call of the control API; what it answers, if that is well. */
  async call(method: string, target: string, json?: unknown): Promise<unknown> {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const { status, text } = await this.ask(method, target, { "content-type": "application/json" }, body);
    if (status !== 200) throw new Error(`${status} ${text}`);
    return JSON.parse(text);
  }
}

/** Status 0 when the connection ended without an answer. */
export async function answerOf(asked: ClientRequest): Promise<Answer> {
  let text = "";
  try {
    const [response] = await once(asked, "response");
    asked.on("error", () => {}); // the rest of what was written is not wanted any more
    response.setEncoding("utf8");
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, headers: response.headers, text };
  } catch (error) {
    return { status: 0, headers: {}, text: String(error) };
  }
}
