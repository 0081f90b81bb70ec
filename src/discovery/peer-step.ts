/** What goes into a step of the peer table (peer-table.ts), and what comes out of it. */

import type { DeviceId } from "../core/ids.ts";
import type { Source } from "./medium.ts";
import type { PeerTable } from "./peer-view.ts";
import type { Heard } from "./record.ts";
import type { Endpoint, PeerEvent } from "./types.ts";

/** Milliseconds: `wall` to show, `steady` (monotonic) to count with. */
export interface Instant {
  readonly wall: number;
  readonly steady: number;
}

export type ProbeRequest =
  | { readonly kind: "peer"; readonly id: DeviceId; readonly endpoint: Endpoint }
  | { readonly kind: "hint"; readonly key: string; readonly endpoint: Endpoint }
  /** Who announces our own id there? */
  | { readonly kind: "echo"; readonly endpoint: Endpoint };

export type Input =
  | { readonly kind: "heard"; readonly heard: Heard; readonly from: Source }
  | { readonly kind: "lost"; readonly interface: string }
  /** We are on a link that we were not on before. */
  | { readonly kind: "joined" }
  | { readonly kind: "hint"; readonly name: string; readonly endpoint: Endpoint; readonly id: DeviceId | undefined }
  | { readonly kind: "unhint"; readonly name: string }
  | { readonly kind: "probed"; readonly probe: ProbeRequest; readonly answer: DeviceId | undefined }
  /** Several times a second. */
  | { readonly kind: "tick" }
  /** A user wants to know now. */
  | { readonly kind: "asked" }
  /** Everybody was asked at `since`, and had time to answer. */
  | { readonly kind: "answered"; readonly since: number };

export interface Rules {
  /** This device; undefined as long as it is not announced. */
  readonly own: DeviceId | undefined;
  readonly isPaired: (id: DeviceId) => boolean;
}

export interface Step {
  readonly table: PeerTable;
  readonly events: readonly PeerEvent[];
  readonly probes: readonly ProbeRequest[];
}
