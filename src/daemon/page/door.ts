/**
 * Who may ask the page's listener for what. Any program of this machine can
 * connect to it, and any site that a browser shows can make that browser ask: so
 * a request counts only when it is addressed to us, by our own page, and then
 * only for what the page is there for. Pure.
 */

/** What a request says of itself, as Node shows its headers. */
export interface Asked {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`: how the page that asks is related to us. Browsers set it, pages cannot. */
  readonly site: string | undefined;
}

const READS = new Set(["GET", "HEAD"]);

/** What the page is reached under. Nothing else: a name that was made to lead here is none of ours (DNS rebinding). */
export function hostsOf(port: number): ReadonlySet<string> {
  return new Set([`127.0.0.1:${port}`, `[::1]:${port}`, `localhost:${port}`]);
}

/** Whether a request comes from our own page, or from a person who opened its address. */
export function comesFromPage({ method, host, origin, site }: Asked, port: number): boolean {
  if (host === undefined || !hostsOf(port).has(host)) return false;
  if (origin !== undefined && origin !== `http://${host}`) return false;
  if (READS.has(method)) return site === undefined || site === "same-origin" || site === "none";
  // A browser says where a request comes from that changes something; other programs have the control socket.
  return origin !== undefined && (site === undefined || site === "same-origin");
}

/** What people change who have no terminal open. What runs programs, or decides on networks, is not among it. */
const SETTINGS = [
  "name",
  "inbox",
  "unpaired",
  "notify",
  "limits.reserve",
  "limits.transfer",
  "limits.parallel",
  "limits.rate.send",
  "limits.rate.receive",
  "queue.ttl",
  "queue.space",
];

/**
 * What of the control API the page may use, `*` for an id in a path. Left out
 * is above all what would turn a stolen session into more than the page shows:
 * programs to run for what arrives, and sending files of this machine by their path.
 */
const ROUTES = [
  "GET /v1/id",
  "GET /v1/status",
  "GET /v1/doctor",
  "GET /v1/peers",
  "POST /v1/bundles",
  "GET /v1/transfers",
  "DELETE /v1/transfers/*",
  "POST /v1/transfers/*/retry",
  "POST /v1/transfers/*/pause",
  "POST /v1/transfers/*/resume",
  "POST /v1/offers/*/accept",
  "POST /v1/offers/*/decline",
  "GET /v1/devices",
  "PATCH /v1/devices/*",
  "DELETE /v1/devices/*",
  "POST /v1/invites",
  "POST /v1/pairings",
  "POST /v1/pairing-window",
  "POST /v1/pairing-window/code",
  "DELETE /v1/pairing-lock",
  "GET /v1/inbox",
  "GET /v1/received/*/*",
  "GET /v1/history",
  "GET /v1/settings",
  "GET /v1/events",
  ...SETTINGS.flatMap((name) => [`PUT /v1/settings/${name}`, `DELETE /v1/settings/${name}`]),
];

const ALLOWED = ROUTES.map((route) => {
  // An id has nothing that a parser of addresses could take for another path: no dots, backslashes or escapes.
  const literal = route.replaceAll(".", "\\.").replaceAll("*", "[\\w-]+");
  return new RegExp(`^${literal}$`);
});

/** `path` is that of the control API, as it came and without its query. */
export function isForPage(method: string, path: string): boolean {
  return ALLOWED.some((route) => route.test(`${method} ${path}`));
}

/** Bodies of these may take as long as they take. */
export function isUnbounded(path: string): boolean {
  return path === "/v1/bundles";
}
