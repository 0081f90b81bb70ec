/**
 * Calls of the control API from the page. Paths are relative: the page lies
 * under a path of its own, and the API under that. Types come from the API's own
 * definition, as in the CLI's client.
 */

import type { Input, MethodsOf, Output, Routes } from "../control/client.ts";
import type { TransferView } from "../control/schema.ts";
import type { Problem } from "./problem.ts";

/** What the daemon reports; `E_DAEMON_DOWN` when nobody answers. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

export const GONE: Problem = { code: "E_DAEMON_DOWN", message: "lanxferd does not answer" };

export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  return { code: "E_INTERNAL", message: error instanceof Error ? error.message : String(error) };
}

interface CallInput {
  readonly json?: unknown;
  readonly param?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
}

export async function call<P extends keyof Routes & string, M extends MethodsOf<P>>(
  method: M,
  path: P,
  input: Input<P, M> & CallInput,
): Promise<Output<P, M>> {
  const response = await ask(method, target(path, input), input.json);
  return (await response.json()) as Output<P, M>; // the page and the daemon come from one build
}

/** The lines of an answer as they come. Throws `E_DAEMON_DOWN` when it breaks off. */
export async function* lines<T>(method: string, path: string, json: unknown, signal: AbortSignal): AsyncGenerator<T> {
  const { body } = await ask(method, target(path, {}), json, signal);
  if (body === null) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) yield JSON.parse(part) as T; // as above
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof ApiError ? error : new ApiError(GONE);
  } finally {
    reader.cancel().catch(() => {}); // it may have broken off
  }
}

async function ask(method: string, path: string, json: unknown, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: method.toUpperCase(),
      ...(json !== undefined && { body: JSON.stringify(json), headers: { "content-type": "application/json" } }),
      ...(signal && { signal }),
    });
  } catch {
    throw new ApiError(GONE);
  }
  if (!response.ok) throw new ApiError(await problemIn(response));
  return response;
}

async function problemIn(response: Response): Promise<Problem> {
  const told: { error?: Problem } = await response.json().catch(() => ({}));
  return told.error ?? { code: "E_INTERNAL", message: `lanxferd answered with status ${response.status}` };
}

function target(path: string, { param = {}, query = {} }: CallInput): string {
  const filled = path.slice(1).replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(param[name] ?? ""));
  const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return pairs.length > 0 ? `${filled}?${new URLSearchParams(pairs)}` : filled;
}

/** Where a browser gets the content of something that was received. */
export function contentAddress(transfer: string, item: number): string {
  return `v1/received/${encodeURIComponent(transfer)}/${item}`;
}

/**
 * Hands over files and folders for a device. `onProgress` is told of the bytes
 * that have left the browser. fetch() tells nothing of what it has sent.
 */
export function upload(
  request: { readonly peer: string; readonly unpaired: boolean },
  content: Blob,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<TransferView> {
  const query = new URLSearchParams({ peer: request.peer, queue: "{}", ...(request.unpaired && { unpaired: "true" }) });
  return new Promise((resolve, reject) => {
    const asked = new XMLHttpRequest();
    asked.open("POST", `v1/bundles?${query}`);
    asked.responseType = "json";
    asked.upload.addEventListener("progress", ({ loaded }) => onProgress(loaded));
    const fail = (problem: Problem) => reject(new ApiError(problem));
    asked.addEventListener("load", () => {
      const answer: { error?: Problem } | null = asked.response;
      if (asked.status === 200)
        resolve(answer as unknown as TransferView); // as above
      else fail(answer?.error ?? GONE);
    });
    asked.addEventListener("error", () =>
      fail({ code: "E_LOST", message: "the files could not be handed to lanxferd", hint: UNREADABLE }),
    );
    asked.addEventListener("abort", () => fail({ code: "E_CANCELLED", message: "cancelled" }));
    signal.addEventListener("abort", () => asked.abort(), { once: true });
    asked.send(content);
  });
}

const UNREADABLE = "lanxferd ended, or a file was changed, moved or cannot be read";
