/** How other devices are reached: dials them, asks who is at an address, remembers where they were met. */

import { isIP } from "node:net";
import type { Clock } from "../core/clock.ts";
import { LanxferError, toLanxferError } from "../core/errors.ts";
import type { DeviceId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { DEFAULT_PORT } from "../core/places.ts";
import type { Discovery, Endpoint, Peer, Probe } from "../discovery/types.ts";
import type { Device } from "../identity/trust-file.ts";
import { type DialContext, dial } from "../transfer/dial.ts";
import type { Link } from "../transfer/link.ts";
import { ALPN_TRANSFER, type MessageOf } from "../transfer/wire.ts";
import type { Mirror } from "./mirror.ts";
import { namesakesOf } from "./namesakes.ts";
import type { Recipient } from "./outgoing/attempt.ts";
import { firstToAnswer } from "./outgoing/dialer.ts";
import type { Contacts, Place } from "./record/contacts.ts";
import type { Suspicions } from "./record/suspicions.ts";

/** Places of others with the same name that are looked at: whoever takes a name decides how many there are. */
const MAX_NAMESAKES = 8;

/** Asks who is at an address: handshake and goodbye, not a word more. Notices our own key on another machine. */
export function createProbe(context: DialContext, mirror: Mirror, suspicions: Suspicions): Probe {
  return async (endpoint, signal) => {
    try {
      const { address: host, port } = endpoint;
      const link = await dial({ host, port, alpn: ALPN_TRANSFER, peer: host }, context, signal);
      const isDouble = link.peer === context.credentials.id && (await mirror.isElsewhere(link));
      void link.close(); // in good order: else the other end might not get to see our key, and learn that we are here
      if (isDouble) suspicions.double(host);
      return link.peer !== context.credentials.id || isDouble ? link.peer : undefined;
    } catch {
      return undefined;
    }
  };
}

export interface ReachDeps {
  readonly context: DialContext;
  readonly clock: Clock;
  readonly log: Log;
  readonly discovery: Discovery;
  readonly contacts: Contacts;
  /** Told of each address at which a paired device was met, now or by an earlier run. */
  readonly welcome: (address: string) => void;
  readonly suspicions: Suspicions;
  readonly paired: () => readonly Device[];
}

export class Reach {
  readonly #deps: ReachDeps;

  constructor(deps: ReachDeps) {
    this.#deps = deps;
  }

  /** Tells discovery what is remembered from earlier runs. */
  remind(): void {
    const { contacts, discovery, welcome } = this.#deps;
    for (const [name, place] of contacts.added()) discovery.hint(name, endpointOf(place, "static"));
    for (const [id, places] of contacts.known()) {
      for (const place of places.toReversed()) {
        discovery.hint(id, endpointOf(place, "known"), id);
        welcome(place.host);
      }
    }
  }

  /**
   * A paired device has connected, perhaps only to see whether we are here. One
   * that we do not see ourselves may be back, where no multicast tells.
   */
  visited({ peer: id, remoteAddress: host }: Link): void {
    const { contacts, discovery } = this.#deps;
    if (isIP(host) === 0 || discovery.peers().some((peer) => peer.id === id && peer.state === "present")) return;
    const port = contacts.last(id)?.port ?? DEFAULT_PORT;
    discovery.hint(id, endpointOf({ host, port }, "known"), id);
  }

  /**
   * Resolves to a link to this very device through any of its addresses. Rejects
   * with why there is none: E_IDENTITY also when it is nowhere, but another
   * device answers that has its name.
   */
  async link(to: Recipient, alpn: string, signal: AbortSignal, extra: readonly Place[] = []): Promise<Link> {
    const { discovery, paired } = this.#deps;
    const known = () =>
      discovery
        .peers()
        .filter((peer) => peer.id === to.id)
        .flatMap(placesOf);
    // Not seen: it may have come this moment, so ask once before giving up.
    if (known().length === 0 && extra.length === 0) await discovery.refresh();
    try {
      return await this.#dial(to, alpn, signal, [...extra, ...known()]);
    } catch (thrown) {
      const error = toLanxferError(thrown).with({ peer: to.name });
      const namesakes = namesakesOf(to.id, discovery.peers(), paired()).flatMap(placesOf);
      if (signal.aborted) throw thrown;
      if (error.code === "E_IDENTITY" || namesakes.length === 0) throw this.#explained(error, to);
      return await this.#dial(to, alpn, signal, namesakes.slice(0, MAX_NAMESAKES)).catch((other) => {
        const isOtherKey = toLanxferError(other).code === "E_IDENTITY";
        throw isOtherKey ? this.#explained(toLanxferError(other), to) : error;
      });
    }
  }

  #dial(to: Recipient, alpn: string, signal: AbortSignal, known: readonly Place[]): Promise<Link> {
    const { discovery, context, clock } = this.#deps;
    const targets = {
      known,
      key: ({ host, port }: Place) => `${host} ${port}`,
      watch: (found: (place: Place) => void) =>
        discovery.subscribe(({ peer }) => {
          if (peer.id === to.id) placesOf(peer).forEach(found);
        }),
    };
    const attempt = async ({ host, port }: Place, stop: AbortSignal) => {
      const tried = (answer: DeviceId | undefined) => discovery.tried(to.id, { address: host, port }, answer);
      try {
        const options = { host, port, alpn, expect: to.id, peer: to.name };
        const link = await dial(options, context, stop);
        tried(link.peer);
        return link;
      } catch (error) {
        if (!stop.aborted) tried(undefined);
        throw error;
      }
    };
    return firstToAnswer(targets, attempt, clock, signal);
  }

  /** Another key answered: what we know of both. */
  #explained(error: LanxferError, to: Recipient): LanxferError {
    if (error.code !== "E_IDENTITY") return error;
    const { paired, suspicions, context } = this.#deps;
    const got = String(error.details["got"]);
    if (got === context.credentials.id) {
      // An address that the other one had, and we have now; or our double has it.
      const ours = new LanxferError("E_UNREACHABLE", { peer: to.name, text: "this device has its address now" });
      return suspicions.doubleError ?? ours;
    }
    const wanted = paired().find(({ id }) => id === to.id);
    const answered = paired().find(({ id }) => id === got);
    if (wanted !== undefined) suspicions.otherKey(wanted.id, got);
    return error.with({
      ...(wanted && { pairedAt: new Date(wanted.since).toISOString() }),
      ...(answered && { gotName: answered.name }),
    });
  }

  /** A paired device said on which port it listens: the place to look for it when multicast fails. */
  met(link: Link, hello: Pick<MessageOf<"hello">, "port">): void {
    const { contacts, discovery, log, welcome } = this.#deps;
    welcome(link.remoteAddress);
    const place = { host: link.remoteAddress, port: hello.port };
    if (isIP(place.host) === 0) return;
    const last = contacts.last(link.peer);
    if (last?.host === place.host && last.port === place.port) return;
    discovery.hint(link.peer, endpointOf(place, "known"), link.peer);
    contacts.met(link.peer, place).catch((error) => log.warn({ err: error }, "address not remembered"));
  }

  async forget(id: DeviceId): Promise<void> {
    this.#deps.discovery.unhint(id);
    await this.#deps.contacts.forget(id);
  }

  async add(name: string, place: Place): Promise<void> {
    await this.#deps.contacts.add(name, place);
    this.#deps.discovery.unhint(name);
    this.#deps.discovery.hint(name, endpointOf(place, "static"));
  }

  async remove(name: string): Promise<void> {
    await this.#deps.contacts.remove(name);
    this.#deps.discovery.unhint(name);
  }
}

function placesOf({ endpoints }: Peer): Place[] {
  return endpoints.map(({ address, port }) => ({ host: address, port }));
}

function endpointOf(place: Place, source: "static" | "known"): Endpoint {
  return { address: place.host, port: place.port, interface: null, source };
}
