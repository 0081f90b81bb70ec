/**
 * The control API: every route, once. Routes only translate; what they mean is
 * in the handlers, which the daemon provides. The CLI's client takes its types
 * from here (client.ts).
 */

import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { validator } from "hono/validator";
import type { z } from "zod";
import { LanxferError, systemCode, toLanxferError, toView } from "../core/errors.ts";
import {
  acceptRequest,
  addPeerRequest,
  type BundleRequest,
  bundleRequest,
  codeRequest,
  devicePatch,
  groupRequest,
  historyQuery,
  type InboxQuery,
  inboxQuery,
  inviteRequest,
  pairRequest,
  redeemRequest,
  type StreamRequest,
  sendRequest,
  settingValue,
  streamRequest,
  transfersQuery,
} from "./requests.ts";
import {
  type AcceptedView,
  API_VERSION,
  type CodeVerdict,
  type ControlEvent,
  type DeviceView,
  type FindingView,
  type GroupResult,
  type HistoryView,
  type IdentityView,
  type InboxView,
  type InviteView,
  type OfferView,
  type PageView,
  type PairingView,
  type PeerView,
  type PreviewLine,
  type SettingView,
  type StatusView,
  type TransferView,
  type UnpairedView,
  VERSION_HEADER,
} from "./schema.ts";

/** What the daemon does for each route. Errors are LanxferErrors; anything else is reported as E_INTERNAL. */
export interface ControlHandlers {
  identity(): IdentityView;
  status(): Promise<StatusView>;
  /** Looks at everything that a transfer depends on; takes up to 8 s. */
  doctor(): Promise<FindingView[]>;
  /** Who is known now; also makes the daemon ask the network again. */
  peers(): Promise<PeerView[]>;
  addPeer(request: z.infer<typeof addPeerRequest>): Promise<void>;
  removePeer(name: string): Promise<void>;
  /** `gone` aborts when nobody waits for the answer any more: what is not queued by then never is. */
  send(request: z.infer<typeof sendRequest>, gone: AbortSignal): Promise<TransferView>;
  /** The same to several devices, with one result each, in their order. Throws for a name that it cannot resolve; then nothing is begun. */
  sendToAll(request: z.infer<typeof groupRequest>, gone: AbortSignal): Promise<GroupResult[]>;
  /** Sends what comes as one file. Resolves when all of it is here; nothing of it is kept when that fails. */
  stream(request: StreamRequest, content: AsyncIterable<Uint8Array>): Promise<TransferView>;
  /** Sends what comes as files and folders, as one transfer; else the same. */
  bundle(request: BundleRequest, content: AsyncIterable<Uint8Array>): Promise<TransferView>;
  /** What `send` would send. Nobody but this machine is asked. */
  preview(request: z.infer<typeof sendRequest>, gone: AbortSignal): Promise<AsyncGenerator<PreviewLine>>;
  /** Running ones, and with `all` also the last ones that ended. */
  transfers(all: boolean): TransferView[];
  /** By id or unambiguous prefix. */
  transfer(id: string): TransferView;
  /** Of one that failed, what is kept for another try goes. */
  cancel(id: string): Promise<TransferView>;
  /** Begins a failed one again, from what the receiver has of it. */
  retry(id: string): Promise<TransferView>;
  /** What `target` names: one transfer, or all that are to go to one device. Durable when it resolves. */
  pause(target: string): Promise<TransferView[]>;
  resume(target: string): Promise<TransferView[]>;
  offers(): OfferView[];
  acceptOffer(id: string, request: z.infer<typeof acceptRequest>): Promise<AcceptedView>;
  declineOffer(id: string): OfferView;
  devices(): DeviceView[];
  /** By name, id or id prefix. */
  device(device: string): DeviceView;
  changeDevice(device: string, patch: z.infer<typeof devicePatch>): Promise<DeviceView>;
  unpair(device: string): Promise<UnpairedView>;
  invite(request: z.infer<typeof inviteRequest>): InviteView;
  redeem(request: z.infer<typeof redeemRequest>): Promise<DeviceView>;
  /** Opens a window for pairing by code. It closes when `holder` aborts, and is over with the last view. */
  pair(request: z.infer<typeof pairRequest>, holder: AbortSignal): Promise<AsyncGenerator<PairingView>>;
  typeCode(request: z.infer<typeof codeRequest>): CodeVerdict;
  unlockPairing(): Promise<void>;
  /** Newest first. */
  inbox(query: InboxQuery): Promise<InboxView[]>;
  /** The content of a file that came with a transfer and is still where it was put. */
  received(transfer: string, item: string): Promise<ReceivedFile>;
  /** Newest first; `damaged` lines were passed over on the way. */
  history(query: z.infer<typeof historyQuery>): Promise<{ history: HistoryView[]; damaged: number }>;
  settings(): SettingView[];
  changeSetting(name: string, value: unknown): Promise<SettingView>;
  unsetSetting(name: string): Promise<SettingView>;
  events(signal: AbortSignal): AsyncGenerator<ControlEvent>;
  /** Lets a browser in, once. */
  openPage(): Promise<PageView>;
  /** Counts for Prometheus; `type` is the content type of the text. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>;
}

export interface ReceivedFile {
  readonly name: string;
  readonly bytes: number;
  /** Has to be read to its end, or returned. */
  readonly content: AsyncGenerator<Uint8Array>;
}

export interface ControlApiOptions {
  readonly version: string;
  /** Requests that come before that wait for it. @default at once */
  readonly ready?: Promise<void>;
  /** Told of every error that is our own fault, with its stack. */
  readonly onInternalError: (error: unknown) => void;
}

const MAX_BODY = 4 * 1024 * 1024; // a send request with thousands of long paths

/** Builds the API. The type of what it returns is the contract of both programs. */
export function createControlApi(handlers: ControlHandlers, options: ControlApiOptions) {
  const api = new Hono()
    .get("/v1/id", (c) => c.json(handlers.identity()))
    .get("/v1/status", async (c) => c.json(await handlers.status()))
    .get("/v1/doctor", async (c) => c.json({ findings: await handlers.doctor() }))

    .get("/v1/peers", async (c) => c.json({ peers: await handlers.peers() }))
    .post("/v1/peers", body(addPeerRequest), async (c) => {
      await handlers.addPeer(c.req.valid("json"));
      return c.json({ ok: true });
    })
    .delete("/v1/peers/:name", async (c) => {
      await handlers.removePeer(c.req.param("name"));
      return c.json({ ok: true });
    })

    .post("/v1/transfers", body(sendRequest), async (c) =>
      c.json(await handlers.send(c.req.valid("json"), goneWith(c.req.raw.signal))),
    )
    .post("/v1/transfer-groups", body(groupRequest), async (c) =>
      c.json({ results: await handlers.sendToAll(c.req.valid("json"), c.req.raw.signal) }),
    )
    .post("/v1/previews", body(sendRequest), async (c) => {
      const gone = new AbortController();
      return ndjson(await handlers.preview(c.req.valid("json"), gone.signal), gone);
    })
    .get("/v1/transfers", query(transfersQuery), (c) =>
      c.json({ transfers: handlers.transfers(c.req.valid("query").all === "true") }),
    )
    .get("/v1/transfers/:id", (c) => c.json(handlers.transfer(c.req.param("id"))))
    .delete("/v1/transfers/:id", async (c) => c.json(await handlers.cancel(c.req.param("id"))))
    .post("/v1/transfers/:id/retry", async (c) => c.json(await handlers.retry(c.req.param("id"))))
    .post("/v1/transfers/:target/pause", async (c) =>
      c.json({ transfers: await handlers.pause(c.req.param("target")) }),
    )
    .post("/v1/transfers/:target/resume", async (c) =>
      c.json({ transfers: await handlers.resume(c.req.param("target")) }),
    )

    .get("/v1/offers", (c) => c.json({ offers: handlers.offers() }))
    .post("/v1/offers/:id/accept", body(acceptRequest), async (c) =>
      c.json(await handlers.acceptOffer(c.req.param("id"), c.req.valid("json"))),
    )
    .post("/v1/offers/:id/decline", (c) => c.json(handlers.declineOffer(c.req.param("id"))))

    .get("/v1/devices", (c) => c.json({ devices: handlers.devices() }))
    .get("/v1/devices/:device", (c) => c.json(handlers.device(c.req.param("device"))))
    .patch("/v1/devices/:device", body(devicePatch), async (c) =>
      c.json(await handlers.changeDevice(c.req.param("device"), c.req.valid("json"))),
    )
    .delete("/v1/devices/:device", async (c) => c.json(await handlers.unpair(c.req.param("device"))))
    .post("/v1/invites", body(inviteRequest), (c) => c.json(handlers.invite(c.req.valid("json"))))
    .post("/v1/pairings", body(redeemRequest), async (c) => c.json(await handlers.redeem(c.req.valid("json"))))
    // The window is open for as long as somebody reads how it stands.
    .post("/v1/pairing-window", body(pairRequest), async (c) => {
      const gone = new AbortController();
      return ndjson(await handlers.pair(c.req.valid("json"), gone.signal), gone);
    })
    .post("/v1/pairing-window/code", body(codeRequest), (c) => c.json(handlers.typeCode(c.req.valid("json"))))
    .delete("/v1/pairing-lock", async (c) => {
      await handlers.unlockPairing();
      return c.json({ ok: true });
    })

    .get("/v1/inbox", query(inboxQuery), async (c) => c.json({ items: await handlers.inbox(c.req.valid("query")) }))
    .get("/v1/history", query(historyQuery), async (c) => c.json(await handlers.history(c.req.valid("query"))))

    .get("/v1/received/:transfer/:item", async (c) =>
      attachment(await handlers.received(c.req.param("transfer"), c.req.param("item"))),
    )

    .get("/v1/settings", (c) => c.json({ settings: handlers.settings() }))
    .put("/v1/settings/:name", body(settingValue), async (c) =>
      c.json(await handlers.changeSetting(c.req.param("name"), c.req.valid("json").value)),
    )
    .delete("/v1/settings/:name", async (c) => c.json(await handlers.unsetSetting(c.req.param("name"))))

    .post("/v1/page", async (c) => c.json(await handlers.openPage()))
    // Where whoever collects metrics looks for them.
    .get("/metrics", async (c) => {
      const { type, text } = await handlers.metrics();
      return c.body(text, 200, { "content-type": type });
    })
    .get("/v1/events", () => {
      const gone = new AbortController();
      return ndjson(handlers.events(gone.signal), gone);
    });

  // Of any size, and never in memory as a whole: before the limit for all others.
  const streams = new Hono()
    .post("/v1/streams", query(streamRequest), async (c) =>
      c.json(await handlers.stream(c.req.valid("query"), contentOf(c.req.raw))),
    )
    .post("/v1/bundles", query(bundleRequest), async (c) =>
      c.json(await handlers.bundle(c.req.valid("query"), contentOf(c.req.raw))),
    );

  return new Hono()
    .use(stampVersion(options.version))
    .use(async (c, next) => {
      // It would be answered as GET, by a body that nobody reads to its end.
      if (c.req.method === "HEAD") throw new LanxferError("E_USAGE", { text: "HEAD is not answered" });
      await options.ready;
      await next();
    })
    .route("/", streams)
    .use(
      bodyLimit({
        maxSize: MAX_BODY,
        onError: () => refusal(new LanxferError("E_USAGE", { text: "request body too large" })),
      }),
    )
    .route("/", api)
    .notFound((c) => refusal(new LanxferError("E_USAGE", { text: `no such route: ${c.req.method} ${c.req.path}` })))
    .onError((thrown) => {
      const error = ofCaller(thrown) ?? toLanxferError(thrown);
      if (error.code === "E_INTERNAL") options.onInternalError(thrown);
      return refusal(error);
    });
}

/** What whoever asks has done wrong, where Hono or Node says so. */
function ofCaller(thrown: unknown): LanxferError | undefined {
  if (thrown instanceof HTTPException && thrown.status < 500)
    return new LanxferError("E_USAGE", { text: thrown.message }); // a body that is not JSON
  if (systemCode(thrown) === "ECONNRESET") return new LanxferError("E_USAGE", { text: "the request was cut short" });
  return undefined;
}

export type ControlApi = ReturnType<typeof createControlApi>;

function stampVersion(version: string): MiddlewareHandler {
  return async (c, next) => {
    await next();
    c.res.headers.set(VERSION_HEADER, `${version} api=${API_VERSION}`);
  };
}

/** The error's view with an HTTP status for clients that look no further. */
function refusal(error: LanxferError): Response {
  const status: Record<number, ContentfulStatusCode> = { 1: 500, 2: 400, 4: 404 };
  return Response.json({ error: toView(error) }, { status: status[error.kind.exit] ?? 409 });
}

function check<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw new LanxferError("E_USAGE", { text: `bad request: ${where}${issue?.message ?? "not understood"}` });
}

function body<T extends z.ZodType>(schema: T) {
  return validator("json", (value): z.infer<T> => check(schema, value));
}

function query<T extends z.ZodType>(schema: T) {
  return validator("query", (value): z.infer<T> => check(schema, value));
}

/** Aborted when the client of a request goes away. */
function goneWith(request: AbortSignal): AbortSignal {
  const gone = new AbortController();
  request.addEventListener("abort", () => gone.abort(new LanxferError("E_CANCELLED")), { once: true });
  return gone.signal;
}

/** The body of a request, as it comes. Throws E_CANCELLED when it breaks off: whoever sent it is gone. */
async function* contentOf({ body }: Request): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  try {
    yield* body;
  } catch (error) {
    throw new LanxferError("E_CANCELLED", {}, { cause: error });
  }
}

/** A file to be kept, of whatever type: nothing is to show it, run it or guess what it is. */
function attachment({ name, bytes, content }: ReceivedFile): Response {
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await content.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await content.return(undefined);
    },
  });
  // RFC 8187, whose attr-char leaves out these of what encodeURIComponent lets through.
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  );
  return new Response(stream, {
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(bytes),
      "content-disposition": `attachment; filename*=UTF-8''${encoded}`,
      "x-content-type-options": "nosniff",
    },
  });
}

/** A stream of JSON objects, one a line. When the reader goes away, `gone` is aborted. */
function ndjson(values: AsyncGenerator<object>, gone: AbortController): Response {
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await values.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(`${JSON.stringify({ v: 1, ...value })}\n`));
    },
    async cancel() {
      gone.abort();
      await values.return(undefined);
    },
  });
  return new Response(stream, { headers: { "content-type": "application/x-ndjson" } });
}
