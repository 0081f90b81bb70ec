/** What a receiver (receiver.ts) is told by its daemon: who it is, and what becomes of an offer. */

import type { Clock } from "../core/clock.ts";
import type { LanxferError } from "../core/errors.ts";
import type { DeviceId } from "../core/ids.ts";
import type { Arrival } from "./earlier.ts";
import type { Flusher } from "./flush.ts";
import type { BlockMemory, Offer } from "./incoming.ts";
import type { ReceiverEvent } from "./incoming-reports.ts";
import type { SmallFiles } from "./small-files.ts";
import type { MessageOf } from "./wire.ts";

/** All of it landed in an earlier attempt: nothing is to be sent. */
export interface Landed {
  readonly already: readonly { readonly item: number; readonly as: string; readonly there?: boolean }[];
}

/** The daemon's yes to an offer; its no is thrown. */
export interface Admission {
  readonly inbox: string;
  /** What landed of the same device before under the names of this offer, the newest first. */
  readonly arrivals: readonly Arrival[];
  /** To be awaited before a file of so many bytes is written; what stays as it stands takes no room. Throws E_NO_SPACE or E_INBOX. */
  readonly room: (bytes: number) => Promise<void>;
  readonly report: (event: ReceiverEvent) => void;
  /** Aborted to cancel; the other end is told the reason. */
  readonly signal: AbortSignal;
  /**
   * Everything is durable under its final name: to be recorded before the sender
   * is told. The journal of the transfer is at `journal` until this resolves.
   * Never rejects.
   */
  readonly landed: (journal: string) => Promise<void>;
  /**
   * Called once, whatever happened, when everything is cleaned up; `error` is why
   * it ended before it landed, `kept` how many bytes wait for a further attempt.
   */
  readonly ended: (error: LanxferError | undefined, kept: number | undefined) => void;
}

export interface ReceiverContext {
  readonly self: DeviceId;
  readonly hello: MessageOf<"hello">;
  readonly umask: number;
  readonly clock: Clock;
  readonly memory: BlockMemory;
  readonly flusher: Flusher;
  readonly files: SmallFiles;
  /** It is not trusted yet: it makes one offer, and soon, or it has to go. */
  readonly guest: boolean;
  /** The other end has introduced itself. Throws to hang up with a reason. */
  readonly greeted: (hello: MessageOf<"hello">) => void;
  /**
   * Judges an offer. `ask` tells the sender that a person has been asked. `gone`
   * is aborted when the sender gives up meanwhile. Throws to decline.
   */
  readonly decide: (offer: Offer, ask: () => void, gone: AbortSignal) => Promise<Admission | Landed>;
}
