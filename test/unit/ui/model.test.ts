import { describe, expect, it } from "vitest";
import type { ControlEvent, DeviceView, PeerView, TransferView } from "../../../src/control/schema.ts";
import { apply, cardsOf, NOTHING, transfersOf } from "../../../src/ui/model.ts";
import { offer, peer, transfer } from "../ctl/support/views.ts";

const AT = "2026-05-01T12:00:00.000Z";
const done = (view: TransferView): TransferView => ({ ...view, state: "done", endedAt: AT });
const device = (change: Partial<DeviceView>): DeviceView => ({
  ...{ id: "", short: "", name: "", policy: "auto", pairedAt: AT },
  ...change,
});

const snapshot = (change: Partial<Extract<ControlEvent, { type: "snapshot" }>> = {}): ControlEvent => ({
  ...{ type: "snapshot", seq: 0, peers: [], transfers: [], offers: [] },
  ...change,
});
const told = (view: TransferView): ControlEvent => ({ type: "transfer", seq: 1, transfer: view });

describe("what the page knows", () => {
  it("is what a snapshot says, and what came since", () => {
    const [first, second] = [peer({ id: "a", name: "a" }), peer({ id: "b", name: "b" })];
    let model = apply(NOTHING, snapshot({ peers: [first], offers: [offer()] }), 0);
    expect([model.link, [...model.peers.keys()], model.offers.size]).toEqual(["live", ["a"], 1]);
    model = apply(model, { type: "peer", seq: 1, change: "up", peer: second }, 1);
    model = apply(model, { type: "peer", seq: 2, change: "down", peer: first }, 2);
    expect([...model.peers.keys()]).toEqual(["b"]);
    model = apply(model, { type: "offer", seq: 3, change: "gone", offer: offer() }, 3);
    expect(model.offers.size).toBe(0);
  });

  it("counts each end of a transfer once, so that it is announced once", () => {
    const running = transfer({ state: "running" });
    const before = apply(apply(NOTHING, snapshot(), 0), told(running), 1);
    const ended = apply(before, told(done(running)), 2);
    expect(ended.endings - before.endings).toBe(1);
    expect(apply(ended, told(done(running)), 3).endings).toBe(ended.endings);
  });

  it("keeps what has ended over a snapshot, and begins anew with what is tried again", () => {
    const ended = apply(apply(NOTHING, snapshot(), 0), told(done(transfer())), 1);
    const again = apply(ended, snapshot(), 2);
    expect(again.transfers.size).toBe(1);
    const running = transfer({ state: "running", moved: 5 });
    const [progress] = [...apply(again, told(running), 3).transfers.values()];
    expect(progress).toMatchObject({ from: { at: 3, moved: 5 }, samples: [{ at: 3, moved: 5 }] });
  });

  it("shows what moves first, then what waits, then what has ended, the newest first", () => {
    const at = (id: string, startedAt: string, change: Partial<TransferView>) => transfer({ id, startedAt, ...change });
    const views = [
      { ...done(transfer()), id: "ended", startedAt: "2026-05-01T12:04:00.000Z" },
      at("queued", "2026-05-01T12:03:00.000Z", { state: "queued" }),
      at("older", "2026-05-01T12:01:00.000Z", { state: "running" }),
      at("newer", "2026-05-01T12:02:00.000Z", { state: "asking" }),
    ];
    const model = apply(NOTHING, snapshot({ transfers: views }), 0);
    expect(transfersOf(model).map(({ transfer: { id } }) => id)).toEqual(["newer", "older", "queued", "ended"]);
  });
});

describe("the cards of devices", () => {
  const cards = (peers: readonly PeerView[], devices: readonly DeviceView[]) =>
    cardsOf({ peers: new Map(peers.map((each) => [each.id, each])), devices });

  it("are one for each, paired or here or both, in an order that people expect", () => {
    const shown = cards(
      [peer({ id: "s", name: "a stranger", paired: false }), peer({ id: "p2", name: "zoe", paired: true })],
      [device({ id: "p1", name: "away" }), device({ id: "p2", name: "zoe" })],
    );
    expect(shown.map(({ name, paired, here }) => [name, paired, here])).toEqual([
      ["zoe", true, true],
      ["away", true, false],
      ["a stranger", false, true],
    ]);
  });

  it("have our own name for a device, and say what it calls itself, and whose name it only has", () => {
    const other = { id: "p", short: "pppp", name: "nas" };
    const [paired, stranger] = cards(
      [peer({ id: "p", name: "NAS-2", paired: true }), peer({ id: "s", name: "nas", paired: false, namesake: other })],
      [device({ id: "p", name: "nas" })],
    );
    expect([paired?.name, paired?.calledItself]).toEqual(["nas", "NAS-2"]);
    expect([stranger?.name, stranger?.namesake]).toEqual(["nas", "nas"]);
  });
});
