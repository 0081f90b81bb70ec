/**
 * Who is on the network: the port that the daemon uses and its vocabulary.
 *
 * Everything here is a hint. A name, an address or a record never grants trust;
 * the key that answers at an address decides (transfer/link.ts).
 */

import type { DeviceId } from "../core/ids.ts";

/** Where a sighting came from: a multicast record, a user's `peers add`, or an earlier contact. */
export type EndpointSource = "mdns" | "static" | "known";

export interface Endpoint {
  /** IPv4 or IPv6 address; a link-local one carries its zone (`fe80::1%eth0`). */
  readonly address: string;
  readonly port: number;
  /** Name of our interface over which it was seen, where that is known. */
  readonly interface: string | null;
  readonly source: EndpointSource;
}

export interface Peer {
  readonly id: DeviceId;
  /**
   * The user's name for a static peer, else what it announces: at most 63 bytes
   * of UTF-8, not made safe for printing. Its id, where only a known address told of it.
   */
  readonly name: string;
  /** In the order in which to try them: proven, then newest first, then named by a record only, then doubtful. Never empty. */
  readonly endpoints: readonly Endpoint[];
  /** `suspect`: silent for some seconds or said goodbye, and being probed. */
  readonly state: "present" | "suspect";
  /** Wall clock, milliseconds since 1970. */
  readonly seenAt: number;
}

export type PeerEvent = { readonly change: "up" | "changed" | "down"; readonly peer: Peer };

/** What this device says of itself. */
export interface Announcement {
  readonly id: DeviceId;
  /** 1 to 63 bytes of UTF-8. */
  readonly name: string;
  readonly port: number;
}

/** One address of one of our interfaces and why it is used or not. */
export interface InterfaceView {
  readonly name: string;
  readonly address: string;
  /** Not left out by the rules: when it is not used all the same, it does not work. */
  readonly chosen: boolean;
  readonly used: boolean;
  /** Why it is left out, or what went wrong on it; null when all is well. */
  readonly reason: string | null;
}

/**
 * Asks whoever listens at `endpoint` for its key. Resolves to the id of the
 * device there, or to undefined when nobody answers as a lanxfer device, or it is
 * this very one: our own id means that another machine has our key.
 * Never rejects. Says nothing, but the handshake shows our certificate.
 */
export type Probe = (endpoint: Endpoint, signal: AbortSignal) => Promise<DeviceId | undefined>;

/** The port. discovery/mdns.ts is the real one, discovery/memory.ts its twin for tests. */
export interface Discovery {
  /** Begins to announce and to listen. Never fails because of a network: it waits for one. */
  start(announcement: Announcement): Promise<void>;
  /** Announces another name at once: others see the same device, renamed. `name` as in Announcement. */
  rename(name: string): void;
  /** Peers known now, in no particular order. Own announcements are left out. */
  peers(): readonly Peer[];
  /** Calls `listener` at each change until the returned function is called. */
  subscribe(listener: (event: PeerEvent) => void): () => void;
  /** A user asks: query again and probe what is suspect. Resolves when done, at the latest after about 1 s. */
  refresh(): Promise<void>;
  /**
   * Adds what was learned elsewhere: a static peer, or a known address of a
   * paired device. It is probed at once and on every new network, a static one
   * then every 10 s, a known one ever more rarely while nobody is there. It is
   * shown only while it answers with `id` (with any id, when `id` is undefined).
   * A name may have several endpoints; of known ones the newest 4 are kept.
   */
  hint(name: string, endpoint: Endpoint, id?: DeviceId): void;
  /** Takes back all hints of that name. */
  unhint(name: string): void;
  /**
   * Somebody has dialled a peer for reasons of his own: who answered there, or
   * undefined for nobody. What worked is tried first the next time.
   */
  tried(id: DeviceId, at: Pick<Endpoint, "address" | "port">, answer: DeviceId | undefined): void;
  /**
   * Names of other machines that announce the id of this device and have its key.
   * Each place that announces it is probed, once a minute at most.
   */
  doubles(): readonly string[];
  interfaces(): readonly InterfaceView[];
  /** Says goodbye and closes, within about 500 ms. Idempotent. */
  close(): Promise<void>;
}
