/**
 * Talks to the control API over its Unix socket. Types come from the API's own
 * definition and cost nothing at run time: this file loads neither Hono nor zod,
 * because the CLI starts often.
 */

import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { ExtractSchema } from "hono/types";
import { type Details, ERRORS, type ErrorCode, LanxferError, systemCode } from "../core/errors.ts";
import type { ControlApi } from "./api.ts";
import type { StreamRequest } from "./requests.ts";
import type { ControlEvent, PairingView, PreviewLine } from "./schema.ts";

export type Routes = ExtractSchema<ControlApi>;
type Method = "get" | "post" | "put" | "patch" | "delete";
export type MethodsOf<P extends keyof Routes> = Method & (keyof Routes[P] extends `$${infer M}` ? M : never);
type Endpoint<P extends keyof Routes, M extends string> = `$${M}` extends keyof Routes[P] ? Routes[P][`$${M}`] : never;
export type Input<P extends keyof Routes, M extends string> = Endpoint<P, M> extends { input: infer I } ? I : never;
export type Output<P extends keyof Routes, M extends string> = Endpoint<P, M> extends { output: infer O } ? O : never;

/** Must equal API_VERSION of schema.ts, which this file may not load; a test compares them. */
export const CLIENT_API_VERSION = 1;
const VERSION_HEADER = "lanxfer-version";
const MAX_ANSWER = 256 * 1024 * 1024; // a history of 10,000 large transfers stays far below

interface CallInput {
  readonly json?: unknown;
  readonly param?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
}

export class ControlClient {
  readonly #socketPath: string;
  readonly #version: string;

  /** `version` is the program's own, for the message when the daemon speaks another API. */
  constructor(socketPath: string, version: string) {
    this.#socketPath = socketPath;
    this.#version = version;
  }

  /**
   * One call: `client.call("get", "/v1/peers", {})`. Throws the LanxferError that
   * the daemon reports, E_DAEMON_DOWN when nobody listens, E_DAEMON_VERSION when
   * the daemon speaks another API.
   */
  async call<P extends keyof Routes & string, M extends MethodsOf<P>>(
    method: M,
    path: P,
    input: Input<P, M> & CallInput,
    signal?: AbortSignal,
  ): Promise<Output<P, M>> {
    return answerOf(await this.#open(method, path, input, signal));
  }

  /** Snapshot, then deltas, until the signal aborts (then it just ends) or the daemon goes away (E_DAEMON_DOWN). */
  async *events(signal: AbortSignal): AsyncGenerator<ControlEvent> {
    yield* this.#stream<ControlEvent>("get", "/v1/events", {}, signal);
    if (!signal.aborted) throw new LanxferError("E_DAEMON_DOWN");
  }

  /**
   * Opens a window for pairing by code and tells how it stands, until it is over.
   * It closes when the signal aborts or nobody reads on. Throws what the daemon
   * reports when it does not open.
   */
  pair(request: Input<"/v1/pairing-window", "post">["json"], signal: AbortSignal): AsyncGenerator<PairingView> {
    return this.#stream<PairingView>("post", "/v1/pairing-window", { json: request }, signal);
  }

  /**
   * Sends what `content` yields, as it comes, and resolves when the daemon has all
   * of it. What `content` throws is thrown here, and the daemon then keeps nothing.
   * When the daemon refuses before the end, the rest is not asked for.
   */
  async stream(
    { queue, unpaired, ...rest }: StreamRequest,
    content: AsyncIterable<Uint8Array>,
  ): Promise<Output<"/v1/streams", "post">> {
    const query = {
      ...rest,
      ...(queue && { queue: JSON.stringify(queue) }),
      ...(unpaired !== undefined && { unpaired: String(unpaired) }),
    };
    const { request, response } = this.#ask("post", "/v1/streams", { query });
    const answered = new AbortController();
    // A daemon that refuses must not hang up with that: we may be writing just then, and would never read why.
    request.setHeader("connection", "keep-alive");
    request.on("response", () => answered.abort());
    void pour(content, request, answered.signal);
    try {
      return await answerOf(await response);
    } finally {
      answered.abort();
      request.destroy();
    }
  }

  /** What a `send` would send; the last line is `total` or `failed`. Throws what the daemon reports when it does not begin. */
  preview(request: Input<"/v1/previews", "post">["json"], signal: AbortSignal): AsyncGenerator<PreviewLine> {
    return this.#stream<PreviewLine>("post", "/v1/previews", { json: request }, signal);
  }

  async *#stream<T>(method: Method, path: string, input: CallInput, signal: AbortSignal): AsyncGenerator<T> {
    const response = await this.#open(method, path, input, signal);
    try {
      if ((response.statusCode ?? 500) >= 400) throw toError(parseJson(await readAll(response)));
      for await (const line of lines(response)) {
        yield parseJson(line) as T; // same version, same shape
        if (signal.aborted) return; // more of it may have come already
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof LanxferError ? error : new LanxferError("E_DAEMON_DOWN", {}, { cause: error });
    } finally {
      response.destroy();
    }
  }

  #open(method: Method, path: string, input: CallInput, signal?: AbortSignal): Promise<IncomingMessage> {
    const { request, response } = this.#ask(method, path, input, signal);
    request.end(input.json === undefined ? undefined : JSON.stringify(input.json));
    return response;
  }

  /** A request whose body is yet to be written. */
  #ask(method: Method, path: string, input: CallInput, signal?: AbortSignal): Asked {
    const request = httpRequest({
      socketPath: this.#socketPath,
      path: target(path, input),
      method: method.toUpperCase(),
      headers: { host: "lanxferd", ...(input.json !== undefined && { "content-type": "application/json" }) },
      agent: false,
      ...(signal && { signal }),
    });
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      request.on("response", (response) => {
        const mismatch = this.#mismatch(response);
        if (mismatch === undefined) resolve(response);
        else {
          response.destroy();
          reject(mismatch);
        }
      });
      request.on("error", (error) => reject(signal?.aborted ? error : connectError(error)));
    });
    return { request, response };
  }

  #mismatch(response: IncomingMessage): LanxferError | undefined {
    const header = String(response.headers[VERSION_HEADER] ?? "unknown");
    if (header.endsWith(` api=${CLIENT_API_VERSION}`)) return undefined;
    return new LanxferError("E_DAEMON_VERSION", { ours: this.#version, theirs: header.split(" ")[0] ?? "unknown" });
  }
}

interface Asked {
  readonly request: ClientRequest;
  readonly response: Promise<IncomingMessage>;
}

/** Writes a body no faster than it is taken; what `content` throws ends the request. Never rejects. */
async function pour(content: AsyncIterable<Uint8Array>, request: ClientRequest, answered: AbortSignal): Promise<void> {
  request.flushHeaders(); // else they wait for the first chunk, and a refusal with them
  try {
    for await (const chunk of content) {
      if (answered.aborted) return;
      if (!request.write(chunk)) await once(request, "drain", { signal: answered });
    }
    request.end();
  } catch (error) {
    if (!answered.aborted) request.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Throws what the daemon reports. */
async function answerOf<T>(response: IncomingMessage): Promise<T> {
  const answer: unknown = parseJson(await readAll(response));
  if ((response.statusCode ?? 500) >= 400) throw toError(answer);
  return answer as T; // the API version was compared: same version, same shape
}

function target(path: string, input: CallInput): string {
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(input.param?.[name] ?? ""));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {}))
    if (value !== undefined) query.set(name, String(value));
  return query.size > 0 ? `${filled}?${query}` : filled;
}

function connectError(error: Error): LanxferError {
  if (error instanceof LanxferError) return error; // of what was to be sent
  const code = systemCode(error);
  const down = code === "ENOENT" || code === "ECONNREFUSED" || code === "ECONNRESET" || code === "EPIPE";
  if (down) return new LanxferError("E_DAEMON_DOWN", {}, { cause: error });
  return new LanxferError("E_SOCKET", { path: "of lanxferd", text: error.message }, { cause: error });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_ANSWER) throw new LanxferError("E_INTERNAL", { text: "answer too large" });
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof LanxferError ? error : new LanxferError("E_DAEMON_DOWN", {}, { cause: error });
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding("utf8");
  let rest = "";
  for await (const chunk of response as AsyncIterable<string>) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LanxferError("E_INTERNAL", { text: "lanxferd answered with something that is not JSON" }, { cause });
  }
}

/** An error that the daemon described, as the error it was. */
export class ReportedError extends LanxferError {
  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(code, details);
    this.message = message;
  }
}

function toError(answer: unknown): LanxferError {
  // Checked field by field, but for the details: of the same version, they have the same shape.
  const view = (answer as { error?: { code?: unknown; message?: unknown; details?: Details } } | null)?.error;
  const code = view?.code;
  if (typeof code !== "string" || !Object.hasOwn(ERRORS, code) || typeof view?.message !== "string") {
    return new LanxferError("E_INTERNAL", { text: "lanxferd answered with an error that is not understood" });
  }
  return new ReportedError(code as ErrorCode, view.message, view.details);
}
