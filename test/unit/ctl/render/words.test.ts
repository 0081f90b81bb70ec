import { describe, expect, it } from "vitest";
import { safe } from "../../../../src/core/text.ts";
import { happenings, peerLines } from "../../../../src/ctl/render/happenings.ts";
import { jsonLine } from "../../../../src/ctl/render/json.ts";
import { formatClock, formatWhen } from "../../../../src/ctl/render/time.ts";
import { address, trust, what, whatAndWho } from "../../../../src/ctl/render/words.ts";
import { item, offer, peer, transfer } from "../support/views.ts";

describe("In words,", () => {
  it("items are their first name and how many more", () => {
    expect(what([])).toBe("files");
    expect(what([item("a\x1b")])).toBe("a\\x1b");
    expect(what([item("a"), item("b"), item("c")])).toBe("a and 2 more");
  });

  it("a transfer goes to somebody or comes from somebody", () => {
    expect(whatAndWho(transfer())).toBe("report.pdf to alice");
    expect(whatAndWho(transfer({ direction: "in" }))).toBe("report.pdf from alice");
  });

  it("a peer is trusted under the name that we gave it", () => {
    expect(trust(peer({ petname: "alice" }))).toBe("unpaired");
    expect(trust(peer({ paired: true, petname: "alice" }))).toBe("paired");
    expect(trust(peer({ paired: true, petname: null }))).toBe("paired");
    expect(trust(peer({ paired: true, petname: "b\n" }))).toBe("paired as b\\x0a");
  });

  it("a peer is not the paired one whose name it has", () => {
    const namesake = { id: "x", short: "x", name: "a\x1blice" };
    expect(trust(peer({ namesake }))).toBe("unpaired, not your a\\x1blice");
  });

  it("an address has its port where it can be told from it", () => {
    const endpoint = { address: "::1", port: 1, interface: null, source: "known" as const };
    expect(address(endpoint)).toBe("[::1]:1");
    expect(address({ ...endpoint, address: "192.0.2.7" })).toBe("192.0.2.7:1");
    expect(address(undefined)).toBe("-");
  });

  it("a time is that of the reader's clock, and what is none is said to be none", () => {
    const local = new Date(2026, 4, 1, 9, 5, 7);
    expect(formatWhen(local.toISOString())).toBe("2026-05-01 09:05");
    expect(formatClock(local.getTime())).toBe("09:05:07");
    expect(formatWhen("\x1b[2J")).toBe("?");
  });
});

describe("A line of JSON", () => {
  it("is the same value, with nothing in it that a terminal acts upon or that a name may not show", () => {
    for (let code = 0; code <= 0x2fff; code++) {
      const text = String.fromCharCode(code);
      const line = jsonLine({ text });
      expect(JSON.parse(line)).toEqual({ text });
      if (safe(text) !== text) expect(line).toMatch(/^[\x20-\x7e]+\n$/);
    }
    for (const text of ["\ufeff", "\ud800", "😀", "\\u009b"]) expect(JSON.parse(jsonLine({ text }))).toEqual({ text });
  });
});

describe("What happens is told", () => {
  const none = new Set<string>();

  it("once when a transfer begins and once when it ends", () => {
    const began = happenings(none, { type: "transfer", seq: 1, transfer: transfer() });
    expect(began.lines).toEqual(["sending report.pdf to alice (1.0 MB)"]);
    const went = happenings(began.seen, { type: "transfer", seq: 2, transfer: transfer({ moved: 5 }) });
    expect(went.lines).toEqual([]);
    const ended = happenings(went.seen, { type: "transfer", seq: 3, transfer: transfer({ state: "done" }) });
    expect(ended.lines).toEqual(["sent report.pdf to alice (1.0 MB)"]);
    expect(ended.seen).toEqual(none);
  });

  it("only when it is known of what", () => {
    const early = transfer({ state: "preparing", items: [], bytes: 0 });
    const told = happenings(none, { type: "transfer", seq: 1, transfer: early });
    expect(told).toEqual({ lines: [], seen: none });
    const snapshot = { type: "snapshot" as const, seq: 0, peers: [], transfers: [early], offers: [] };
    expect(happenings(none, snapshot)).toEqual({ lines: [], seen: none });
  });

  it("with the place of what arrived", () => {
    const arrived = transfer({ direction: "in", state: "done", items: [item("a", "a (1)", "/in/a (1)"), item("b")] });
    expect(happenings(none, { type: "transfer", seq: 1, transfer: arrived }).lines).toEqual([
      "received a and 1 more from alice (1.0 MB)",
      "  /in/a (1)",
    ]);
  });

  it("from a snapshot only as far as it was not told before", () => {
    const snapshot = { type: "snapshot" as const, seq: 0, peers: [peer()], transfers: [transfer()], offers: [offer()] };
    const first = happenings(none, snapshot);
    expect(first.lines).toEqual([
      "alice is here (aaaaaaaa, unpaired, 192.0.2.7:4000)",
      "sending report.pdf to alice (1.0 MB)",
      'offered: photos (2.0 kB) from bob; answer with "lanxferctl accept o" or "lanxferctl decline o"',
    ]);
    const again = happenings(first.seen, { ...snapshot, peers: [], offers: [] });
    expect(again.lines).toEqual([]);
    expect(happenings(first.seen, { ...snapshot, transfers: [] }).seen).toEqual(none);
  });

  it("once when one is queued, once when it goes, and not for each time that its device was called in vain", () => {
    const queue = { why: null, expiresAt: null, copied: false };
    const states = ["queued", "connecting", "queued", "connecting", "running", "waiting", "queued", "done"] as const;
    const lines: string[] = [];
    let seen: ReadonlySet<string> = none;
    for (const state of states) {
      const told = happenings(seen, { type: "transfer", seq: 1, transfer: transfer({ state, queue }) });
      lines.push(...told.lines);
      seen = told.seen;
    }
    expect(lines).toEqual([
      "queued: report.pdf to alice",
      "sending report.pdf to alice (1.0 MB)",
      "sent report.pdf to alice (1.0 MB)",
    ]);
    expect(seen).toEqual(none);
    const transfers = [transfer({ state: "queued", queue }), transfer({ id: "other", state: "paused", queue })];
    const snapshot = happenings(none, { type: "snapshot", seq: 0, peers: [], transfers, offers: [] });
    expect(snapshot.lines).toEqual(["queued or paused: 2"]);
  });

  it("with the reason when something failed", () => {
    const error = { code: "E_LIMIT" as const, message: "no\n", exit: 9, retryable: false };
    const event = (change: Parameters<typeof transfer>[0]) => ({
      type: "transfer" as const,
      seq: 1,
      transfer: transfer(change),
    });
    expect(happenings(none, event({ state: "failed", error })).lines).toEqual(["failed: report.pdf to alice: no\\x0a"]);
    expect(happenings(none, event({ state: "failed" })).lines).toEqual([
      "failed: report.pdf to alice: no reason given",
    ]);
    expect(happenings(none, event({ state: "cancelled" })).lines).toEqual(["cancelled: report.pdf to alice"]);
  });

  it("of peers that come and go, not of their addresses", () => {
    const event = (change: "up" | "changed" | "down") => ({ type: "peer" as const, seq: 1, change, peer: peer() });
    expect(peerLines(event("up"))).toEqual(["alice came (aaaaaaaa, unpaired, 192.0.2.7:4000)"]);
    expect(peerLines(event("changed"))).toEqual([]);
    expect(peerLines(event("down"))).toEqual(["alice left (aaaaaaaa)"]);
    expect(happenings(none, { type: "offer", seq: 1, change: "gone", offer: offer() }).lines).toEqual([]);
    expect(happenings(none, { type: "overrun", seq: 1 }).lines).toHaveLength(1);
  });
});
