/** What carries announcements: multicast on real links, or a network in memory. */

import type { Heard, OwnRecord } from "./record.ts";
import type { InterfaceView } from "./types.ts";

/** Where something was heard: address of the sender, name of our interface. */
export interface Source {
  readonly address: string;
  readonly interface: string;
}

export interface MediumListener {
  heard(heard: Heard, from: Source): void;
  /** What was heard over this interface of ours may be out of reach now. */
  lost(name: string): void;
  /** There is a link that was not there before. */
  joined(): void;
  /** Somebody else has our instance name. */
  conflict(): void;
}

export interface Medium {
  /** Announces `own` and reports what others say until it is closed. Never fails: it waits for a network. */
  open(own: OwnRecord, listener: MediumListener): void;
  /** Announces `own`, with other names for the same device, instead of what was announced. */
  rename(own: OwnRecord, former: "goodbye" | "silent"): void;
  /** Asks everybody to answer. */
  query(): void;
  interfaces(): readonly InterfaceView[];
  /** Says goodbye and closes, within about 500 ms. Never rejects. */
  close(): Promise<void>;
}
