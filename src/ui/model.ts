/**
 * What the page knows, and how it changes: by the events of the daemon and by
 * what a user has handed over here. Pure.
 */

import type { ControlEvent, DeviceView, IdentityView, OfferView, PeerView, TransferView } from "../control/schema.ts";
import { advance, type Progress, startProgress } from "../core/progress.ts";
import type { Problem } from "./problem.ts";

/** `ended`: the daemon does not let this page in any more. */
export type Link = "opening" | "live" | "gone" | "ended";

/** Files on their way from the browser to the daemon. */
export interface Handover {
  readonly id: number;
  readonly to: { readonly id: string; readonly name: string };
  readonly names: readonly string[];
  readonly progress: Progress;
  /** Null while it goes on. */
  readonly problem: Problem | null;
}

export interface Notice {
  readonly id: number;
  readonly tone: "good" | "bad" | "plain";
  readonly text: string;
}

export interface Model {
  readonly link: Link;
  readonly self: IdentityView | null;
  readonly devices: readonly DeviceView[];
  readonly peers: ReadonlyMap<string, PeerView>;
  /** Those that have not ended, and those that ended while somebody looked. */
  readonly transfers: ReadonlyMap<string, Progress<TransferView>>;
  readonly offers: ReadonlyMap<string, OfferView>;
  readonly handovers: ReadonlyMap<number, Handover>;
  readonly notices: readonly Notice[];
  /** Counts what ended: what is read from the record is read again then. */
  readonly endings: number;
}

export const NOTHING: Model = {
  link: "opening",
  self: null,
  devices: [],
  peers: new Map(),
  transfers: new Map(),
  offers: new Map(),
  handovers: new Map(),
  notices: [],
  endings: 0,
};

/** The model after an event, `at` a time that does not jump. */
export function apply(model: Model, event: ControlEvent, at: number): Model {
  switch (event.type) {
    case "snapshot":
      return {
        ...model,
        link: "live",
        peers: byId(event.peers),
        offers: byId(event.offers),
        transfers: afterSnapshot(model, event.transfers, at),
        endings: model.endings + 1,
      };
    case "peer": {
      const peers = new Map(model.peers);
      if (event.change === "down") peers.delete(event.peer.id);
      else peers.set(event.peer.id, event.peer);
      return { ...model, peers };
    }
    case "transfer":
      return withTransfer(model, event.transfer, at);
    case "offer": {
      const offers = new Map(model.offers);
      if (event.change === "gone") offers.delete(event.offer.id);
      else offers.set(event.offer.id, event.offer);
      return { ...model, offers };
    }
    case "hook":
    case "overrun":
      return model;
  }
}

function byId<T extends { readonly id: string }>(list: readonly T[]): Map<string, T> {
  return new Map(list.map((each) => [each.id, each]));
}

/** What had ended stays to be seen; what ended while nobody told us is in the record. */
function afterSnapshot(model: Model, views: readonly TransferView[], at: number): Model["transfers"] {
  const ended = [...model.transfers].filter(([, { transfer }]) => transfer.endedAt !== null);
  const transfers = new Map(ended);
  for (const view of views) transfers.set(view.id, progressOf(model.transfers.get(view.id), view, at));
  return transfers;
}

function progressOf(
  before: Progress<TransferView> | undefined,
  view: TransferView,
  at: number,
): Progress<TransferView> {
  const isSame = before !== undefined && before.transfer.endedAt === null;
  return isSame ? advance(before, view, at) : startProgress(view, at);
}

function withTransfer(model: Model, view: TransferView, at: number): Model {
  const before = model.transfers.get(view.id);
  const transfers = new Map(model.transfers).set(view.id, progressOf(before, view, at));
  const hasJustEnded = view.endedAt !== null && before?.transfer.endedAt !== view.endedAt;
  return { ...model, transfers, endings: model.endings + (hasJustEnded ? 1 : 0) };
}

/** A device as it is shown: paired, here, or both. */
export interface Card {
  readonly id: string;
  readonly short: string;
  readonly name: string;
  readonly paired: boolean;
  readonly here: boolean;
  /** What it calls itself, when we call it otherwise. */
  readonly calledItself: string | null;
  /** The paired device that has the name which this one only claims. */
  readonly namesake: string | null;
}

/** The paired ones first; within these, who is here; then by name. */
export function cardsOf({ peers, devices }: Pick<Model, "peers" | "devices">): Card[] {
  const paired = devices.map(({ id, short, name }): Card => {
    const peer = peers.get(id);
    const other = peer !== undefined && peer.name !== name ? peer.name : null;
    return { id, short, name, paired: true, here: peer !== undefined, calledItself: other, namesake: null };
  });
  const known = new Set(devices.map(({ id }) => id));
  const others = [...peers.values()].filter(({ id }) => !known.has(id));
  const strangers = others.map(({ id, short, name, namesake }): Card => {
    return { id, short, name, paired: false, here: true, calledItself: null, namesake: namesake?.name ?? null };
  });
  const rank = (card: Card) => (card.paired ? 0 : 2) + (card.here ? 0 : 1);
  return [...paired, ...strangers].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

/** The newest first; what moves before what waits, and that before what has ended. */
export function transfersOf({ transfers }: Pick<Model, "transfers">): Progress<TransferView>[] {
  const rank = ({ transfer: { endedAt, state } }: Progress<TransferView>) => {
    if (endedAt !== null) return 2;
    return state === "queued" || state === "paused" ? 1 : 0;
  };
  return [...transfers.values()].sort(
    (a, b) => rank(a) - rank(b) || b.transfer.startedAt.localeCompare(a.transfer.startedAt),
  );
}
