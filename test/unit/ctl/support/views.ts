/** Views as the daemon shows them, with what matters to a test put in. */

import type { OfferView, PeerView, TransferView } from "../../../../src/control/schema.ts";

export function transfer(change: Partial<TransferView> = {}): TransferView {
  return {
    id: "t",
    direction: "out",
    peer: { id: "a", name: "alice" },
    state: "running",
    items: [item("report.pdf")],
    count: 1,
    entries: 1,
    bytes: 1_000_000,
    moved: 0,
    resumed: 0,
    already: { entries: 0, bytes: 0 },
    waitingFor: null,
    queue: null,
    renamed: [],
    skipped: [],
    skippedCount: 0,
    excluded: 0,
    note: null,
    sourceChanged: false,
    startedAt: "2026-05-01T12:00:00.000Z",
    endedAt: null,
    error: null,
    canRetry: false,
    ...change,
  };
}

export function item(
  name: string,
  as: string | null = null,
  path: string | null = null,
): TransferView["items"][number] {
  return { name, type: "file", as, path, root: null, there: false };
}

export function peer(change: Partial<PeerView> = {}): PeerView {
  return {
    id: "a",
    short: "aaaaaaaa",
    name: "alice",
    petname: null,
    paired: false,
    namesake: null,
    state: "present",
    endpoints: [{ address: "192.0.2.7", port: 4000, interface: null, source: "mdns" }],
    seenAt: "2026-05-01T12:00:00.000Z",
    ...change,
  };
}

export function offer(change: Partial<OfferView> = {}): OfferView {
  return {
    id: "o",
    from: { id: "b", name: "bob" },
    items: [{ name: "photos", type: "folder" }],
    entries: 12,
    bytes: 2_000,
    note: null,
    since: "2026-05-01T12:00:00.000Z",
    ...change,
  };
}
