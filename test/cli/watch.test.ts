import { describe, expect, it } from "vitest";
import type { ControlEvent } from "../../src/control/schema.ts";
import { LanxferError, toView } from "../../src/core/errors.ts";
import type { Event } from "./support/daemon.ts";
import { ACTIVE, objects, Place, poll, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

const alice = views.peer({ paired: true, petname: "alice" });
const received = views.transfer({ direction: "in", id: "receivedreceived" });
const sent = views.transfer({ id: "sentsentsentsent", note: "signed at last" });

const STORY: readonly Event[] = [
  { type: "peer", change: "up", peer: alice },
  { type: "peer", change: "changed", peer: alice },
  { type: "offer", change: "new", offer: views.offer() },
  { type: "offer", change: "gone", offer: views.offer() },
  { type: "transfer", transfer: received },
  { type: "transfer", transfer: { ...received, moved: 1 } },
  {
    type: "transfer",
    transfer: views.done(received, {
      items: [{ ...views.item("report.pdf", "report (1).pdf"), path: "/in/report (1).pdf" }],
    }),
  },
  { type: "transfer", transfer: { ...sent, state: "preparing", bytes: 0 } },
  {
    type: "transfer",
    transfer: views.failed(sent, toView(new LanxferError("E_NO_SPACE", { peer: "alice", needs: 2, has: 1 }))),
  },
  { type: "transfer", transfer: views.done({ ...sent, id: "again" }) },
  { type: "transfer", transfer: views.failed({ ...sent, id: "third" }, toView(new LanxferError("E_CANCELLED"))) },
  { type: "hook", transfer: received.id, peer: received.peer, hook: views.hook({ state: "running", exit: null }) },
  { type: "hook", transfer: received.id, peer: received.peer, hook: views.hook() },
  { type: "hook", transfer: received.id, peer: received.peer, hook: views.hook({ state: "failed", exit: 3 }) },
  { type: "peer", change: "down", peer: alice },
];

describe("lanxferctl watch", () => {
  it("tells people what happens, a line each, until interrupted", async () => {
    const place = await Place.open();
    const daemon = await place.daemon({});
    const watching = place.start(["watch"]);
    await poll(() => daemon.watched).toBe(true);
    for (const event of STORY) daemon.emit(event);
    await poll(() => watching.stdout).toContain("left");
    const result = await watching.stop("SIGINT");
    const steady = { ...result, stdout: result.stdout.replace(/^\d\d:\d\d:\d\d /gm, "<time> ") };
    await expect(transcript(["watch"], steady)).toMatchFileSnapshot("golden/watch.txt");
  });

  it("tells programs the events as they come", async () => {
    const place = await Place.open();
    const daemon = await place.daemon({});
    const watching = place.start(["watch", "--json"]);
    await poll(() => daemon.watched).toBe(true);
    for (const event of STORY) daemon.emit(event);
    await poll(() => watching.stdout).toContain('"down"');
    expect(await watching.stop("SIGTERM")).toMatchObject({ code: 143, stderr: "" });
    expect(objects(watching.stdout)).toEqual([
      { v: 1, type: "snapshot", seq: 0, peers: [], transfers: [], offers: [] },
      ...STORY.map((event, at) => ({ v: 1, ...event, seq: at + 1 })),
      { v: 1, event: "done", ok: false, exit: 143, error: { code: "E_CANCELLED", message: "cancelled" } },
    ]);
  });

  it("goes on when it fell behind, and says so", async () => {
    const place = await Place.open();
    const daemon = await place.daemon({});
    const watching = place.start(["watch"]);
    await poll(() => daemon.watched).toBe(true);
    daemon.emit({ type: "overrun" });
    await poll(() => watching.stdout).toContain("too much happened at once");
    await poll(() => daemon.watched).toBe(true);
    daemon.emit({ type: "peer", change: "up", peer: alice });
    await poll(() => watching.stdout).toContain("alice came");
    await watching.stop("SIGINT");
  });

  it("ends with 3 when the daemon goes away", async () => {
    const place = await Place.open();
    const daemon = await place.daemon({});
    const watching = place.start(["watch"]);
    await poll(() => daemon.watched).toBe(true);
    await daemon.close();
    expect(await watching.finished).toMatchObject({ code: 3 });
    expect(watching.stderr).toMatch(/^lanxferctl: error: lanxferd is not running\n/);
  });

  it("does nothing that a name says", async () => {
    const place = await Place.open();
    const hostile = { id: "h", name: views.HOSTILE };
    const item = { ...views.item(views.HOSTILE), path: views.HOSTILE };
    const transfer = views.transfer({ direction: "in", peer: hostile, items: [item], note: views.HOSTILE });
    const daemon = await place.daemon({});
    const watching = place.start(["watch"]);
    await poll(() => daemon.watched).toBe(true);
    for (const event of [
      { type: "peer", change: "up", peer: views.peer({ name: views.HOSTILE, petname: views.HOSTILE, paired: true }) },
      { type: "transfer", transfer },
      { type: "transfer", transfer: views.done(transfer) },
      {
        type: "transfer",
        transfer: views.failed(transfer, { ...toView(new LanxferError("E_LIMIT")), message: views.HOSTILE }),
      },
      {
        type: "offer",
        change: "new",
        offer: views.offer({ id: views.HOSTILE, from: hostile, items: [item], note: views.HOSTILE }),
      },
      {
        type: "hook",
        transfer: views.HOSTILE,
        peer: hostile,
        hook: views.hook({ state: "failed", problem: views.HOSTILE, stderr: views.HOSTILE }),
      },
      { type: "peer", change: "down", peer: views.peer({ name: views.HOSTILE, short: views.HOSTILE }) },
    ] satisfies Event[]) {
      daemon.emit(event);
    }
    await poll(() => watching.stdout).toContain(" left");
    const { stdout } = await watching.stop("SIGINT");
    expect(stdout).not.toMatch(ACTIVE);
    expect(stdout.split("\n")).toHaveLength(9);
  });
});

describe("lanxferctl peers --watch", () => {
  const box = views.peer({ id: "b", short: "bbbbbbbb", name: "box" });

  it("writes a line for each change to a pipe", async () => {
    const place = await Place.open();
    const daemon = await place.daemon({});
    const watching = place.start(["peers", "--watch"]);
    await poll(() => daemon.watched).toBe(true);
    for (const event of STORY) daemon.emit(event);
    await poll(() => watching.stdout).toContain("left");
    await expect(transcript(["peers", "--watch"], await watching.stop("SIGINT"))).toMatchFileSnapshot(
      "golden/peers-watch.txt",
    );
  });

  it("tells programs only what is about peers", async () => {
    const place = await Place.open();
    const daemon = await place.daemon({});
    const watching = place.start(["peers", "--watch", "--json"]);
    await poll(() => daemon.watched).toBe(true);
    for (const event of STORY) daemon.emit(event);
    await poll(() => watching.stdout).toContain('"down"');
    await watching.stop("SIGINT");
    const types = objects(watching.stdout).map(({ type, event }) => type ?? event) as ControlEvent["type"][];
    expect(types).toEqual(["snapshot", "peer", "peer", "peer", "done"]);
  });

  it("draws the table over itself on a terminal, within its width", async () => {
    const place = await Place.open();
    const daemon = await place.daemon({});
    const watching = place.onTerminal(["peers", "--watch"], { columns: 30 });
    await poll(() => watching.stdout).toContain("nobody is here");
    daemon.emit({ type: "peer", change: "up", peer: alice });
    await poll(() => watching.stdout).toContain("\nalice");
    daemon.emit({ type: "peer", change: "up", peer: box });
    await poll(() => watching.stdout).toContain("\nbox");
    daemon.emit({ type: "peer", change: "down", peer: alice });
    await poll(() => watching.stdout.split("\x1b[J")).toHaveLength(5);
    watching.type("\x03");
    const { code, stdout } = await watching.finished;
    expect(code).toBe(130);
    const frames = stdout.split(/(?:\x1b\[\d+A)?\r\x1b\[J/).slice(1);
    for (const line of frames.join("").split("\n")) expect(line.length).toBeLessThan(30);
    expect(frames.at(-1)).toBe("NAME  ID        STATE     AD…\nbox   bbbbbbbb  unpaired  19…\n");
    // Each frame goes up over just the lines of the one before.
    const ups = [...stdout.matchAll(/\x1b\[(\d+)A/g)].map(([, lines]) => Number(lines));
    expect(ups).toEqual(frames.slice(0, -1).map((frame) => frame.split("\n").length - 1));
  });
});
