import { describe, expect, it } from "vitest";
import type { ControlHandlers } from "../../src/control/api.ts";
import type { TransferView } from "../../src/control/schema.ts";
import { LanxferError, toView } from "../../src/core/errors.ts";
import { objects, Place, poll, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

const BERT = { id: "bertaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaq", name: "bert" };
const incoming = (id: string, ...names: string[]): TransferView =>
  views.transfer({ id, direction: "in", items: names.map((name) => views.item(name)) });
const landed = (running: TransferView): TransferView =>
  views.done(running, { items: running.items.map((item) => ({ ...item, as: item.name, path: `/in/${item.name}` })) });
const line = (ended: TransferView) => views.history({ ...ended, result: "done" });

/** A daemon that has nothing yet, unless `handlers` say otherwise, and lanxferctl waiting for what comes. */
async function waiting(
  args: readonly string[],
  handlers: Partial<ControlHandlers> = {},
  start = (place: Place, words: readonly string[]) => place.start(words),
) {
  const place = await Place.open();
  const nothing = { transfers: () => [], history: async () => views.page([]), identity: () => views.IDENTITY };
  const daemon = await place.daemon({ ...nothing, ...handlers });
  const receiving = start(place, ["receive", ...args]);
  await poll(() => daemon.watched).toBe(true);
  const tell = (transfer: TransferView) => daemon.emit({ type: "transfer", transfer });
  return { place, daemon, receiving, tell };
}

describe("lanxferctl receive --once", () => {
  it("prints the path of what arrives next, and nothing else", async () => {
    const { receiving, tell } = await waiting(["--once"]);
    const report = incoming("a", "report.pdf");
    tell(report);
    tell({ ...report, moved: 1 });
    tell(views.done(views.transfer({ id: "sent" })));
    tell(landed(report));
    await expect(transcript(["receive", "--once"], await receiving.finished)).toMatchFileSnapshot("golden/receive.txt");
  });

  it("prints one path a line for several that came together, or ends each with NUL", async () => {
    const several = landed(incoming("a", "x", "y y", "-z"));
    const lines = await waiting(["--once"]);
    lines.tell(several);
    expect(await lines.receiving.finished).toMatchObject({ code: 0, stdout: "/in/x\n/in/y y\n/in/-z\n" });
    const nul = await waiting(["--once", "-0"]);
    nul.tell(several);
    expect(await nul.receiving.finished).toMatchObject({ code: 0, stdout: "/in/x\0/in/y y\0/in/-z\0" });
  });

  it("gives a program a path as it is, and a terminal one that does nothing", async () => {
    const odd = landed(incoming("a", "\u200ea"));
    const piped = await waiting(["--once"]);
    piped.tell(odd);
    expect((await piped.receiving.finished).stdout).toBe("/in/\u200ea\n");
    const shown = await waiting(["--once"], {}, (place, args) => place.onTerminal(args));
    shown.tell(odd);
    expect((await shown.receiving.finished).stdout).toBe("/in/\\u{200e}a\n");
  });

  it("says so when more has come than is listed", async () => {
    const names = Array.from({ length: 1_000 }, (_, n) => `f${n}`);
    const { receiving, tell } = await waiting(["--once"]);
    tell({ ...landed(incoming("a", ...names)), entries: 1_001 });
    const { stdout, stderr } = await receiving.finished;
    expect(stdout.split("\n")).toHaveLength(1_001);
    expect(stderr).toBe("no more than 1000 paths are listed\n");
  });

  it("tells programs who sent what", async () => {
    const { receiving, tell } = await waiting(["--once", "--json"]);
    const report = landed(incoming("a", "report.pdf"));
    tell(report);
    const { stdout, code } = await receiving.finished;
    expect(code).toBe(0);
    const { id, peer: from, entries, bytes } = report;
    expect(objects(stdout)).toEqual([
      { v: 1, event: "arrival", id, from, entries, bytes, paths: ["/in/report.pdf"] },
      { v: 1, event: "done", ok: true, exit: 0 },
    ]);
  });

  it("does not count what failed, was cancelled, or is not from --from", async () => {
    const device = (name: string) => views.device({ ...BERT, name });
    const { receiving, tell } = await waiting(["--once", "--from", "bert"], { device });
    const error = toView(new LanxferError("E_LOST"));
    tell({ ...landed(incoming("a", "half")), ...views.failed(landed(incoming("a", "half")), error), peer: BERT });
    tell({ ...views.failed(incoming("b", "no"), toView(new LanxferError("E_CANCELLED"))), peer: BERT });
    tell(landed(incoming("c", "from-alice")));
    tell({ ...landed(incoming("d", "from-bert")), peer: BERT });
    expect(await receiving.finished).toMatchObject({ code: 0, stdout: "/in/from-bert\n", stderr: "" });
  });

  it("does not count what had arrived before, wholly or in part", async () => {
    const before = landed(incoming("before", "old"));
    const parts = incoming("parts", "one", "two");
    const half = { ...parts, items: [{ ...views.item("one", "one"), path: "/in/one" }, views.item("two")] };
    const { receiving, tell } = await waiting(["--once"], {
      transfers: () => [before, half],
      history: async () => views.page([line(before)]),
    });
    tell(landed(parts));
    tell(landed(incoming("new", "new")));
    expect(await receiving.finished).toMatchObject({ code: 0, stdout: "/in/new\n" });
  });

  it("finds what arrived between its first look and the first event", async () => {
    const place = await Place.open();
    const early = landed(incoming("early", "early"));
    let looks = 0;
    await place.daemon({ transfers: () => (looks++ === 0 ? [] : [early]), history: async () => views.page([]) });
    expect(await place.ctl(["receive", "--once"])).toMatchObject({ code: 0, stdout: "/in/early\n" });
  });

  it("ends with 4 when nobody of the name in --from is paired", async () => {
    const place = await Place.open();
    await place.daemon({
      device: (name) => {
        throw new LanxferError("E_NO_DEVICE", { name });
      },
    });
    const result = await place.ctl(["receive", "--once", "--from", "zoe"]);
    expect(result).toMatchObject({ code: 4, stdout: "" });
    expect(result.stderr).toMatch(/^lanxferctl: error: no paired device "zoe"\n/);
  });

  it.each([
    [["--once", "--timeout", "1s"], "receive-timeout"],
    [["--once", "--timeout", "1s", "--from", "bert", "--json"], "receive-timeout-json"],
  ] as const)("ends with 6 when nothing came in time: %j", async (args, golden) => {
    const { receiving } = await waiting(args, { device: () => views.device(BERT) });
    const told = transcript(["receive", ...args], await receiving.finished);
    await expect(told).toMatchFileSnapshot(`golden/${golden}.txt`);
  });

  it("ends with 130 on Ctrl-C, and prints nothing", async () => {
    const { receiving } = await waiting(["--once"]);
    expect(await receiving.stop("SIGINT")).toMatchObject({ code: 130, stdout: "", stderr: "" });
  });

  it("finds what arrived while it had fallen behind", async () => {
    const missed = landed(incoming("missed", "missed"));
    const lines: TransferView[] = [];
    const { receiving, daemon } = await waiting(["--once"], { history: async () => views.page(lines.map(line)) });
    lines.push(missed);
    daemon.emit({ type: "overrun" });
    expect(await receiving.finished).toMatchObject({ code: 0, stdout: "/in/missed\n" });
  });

  it("finds what arrived at a daemon that was started anew, and tells nothing of before", async () => {
    const before = line(landed(incoming("before", "before")));
    const handlers = { transfers: () => [], identity: () => views.IDENTITY };
    const { place, daemon, receiving } = await waiting(["--once"], {
      ...handlers,
      history: async () => views.page([before]),
    });
    await daemon.close();
    await new Promise((resolve) => setTimeout(resolve, 300)); // longer than between two attempts
    const since = [line(landed(incoming("second", "second"))), line(landed(incoming("first", "first"))), before];
    await place.daemon({ ...handlers, history: async () => views.page(since) });
    expect(await receiving.finished).toMatchObject({ code: 0, stdout: "/in/first\n", stderr: "" });
  });
});

describe("lanxferctl receive", () => {
  it("goes on until its reader has enough", async () => {
    const { receiving, tell } = await waiting([], {}, (place) => place.startShell("$CTL receive | head -n 2"));
    for (const name of ["a", "b", "c", "d"]) {
      tell(landed(incoming(name, name)));
      await new Promise((resolve) => setTimeout(resolve, 50)); // one after another, as they come
    }
    expect(await receiving.finished).toMatchObject({ stdout: "/in/a\n/in/b\n", stderr: "" });
  });
});
