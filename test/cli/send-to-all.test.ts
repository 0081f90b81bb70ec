import { describe, expect, it } from "vitest";
import type { GroupResult } from "../../src/control/schema.ts";
import { LanxferError, toView } from "../../src/core/errors.ts";
import { objects, Place } from "./support/place.ts";
import * as views from "./support/views.ts";

const to = (name: string, more: Parameters<typeof views.transfer>[0] = {}) =>
  views.transfer({ id: `${name}6zhlhlcf6c2aa`.slice(0, 16), peer: { id: name.repeat(13), name }, ...more });
const begun = (name: string): GroupResult => ({ transfer: to(name, { state: "connecting" }), error: null });
const away: GroupResult = {
  transfer: null,
  error: toView(new LanxferError("E_UNREACHABLE", { peer: "cora" })),
  peer: { id: "cora", name: "cora" },
};

const done = (name: string) =>
  to(name, { state: "done", moved: 1_000, bytes: 1_000, endedAt: "2026-11-22T12:00:09.000Z" });
const failed = (name: string) => {
  const error = toView(new LanxferError("E_NO_SPACE", { peer: name, needs: 3_100_000_000, has: 400_000_000 }));
  return to(name, { state: "failed", endedAt: "2026-11-22T12:00:09.000Z", error });
};

/** A daemon that begins `results` and then tells of `ends`. */
async function sending(results: readonly GroupResult[], ends: readonly ReturnType<typeof to>[]) {
  const place = await Place.open();
  const asked: unknown[] = [];
  const daemon = await place.daemon({
    sendToAll: async (request) => {
      asked.push(request);
      for (const transfer of ends) daemon.emit({ type: "transfer", transfer });
      return [...results];
    },
  });
  return { place, asked };
}

const ARGS = ["send", "alice,bert", "report.pdf"];

describe("lanxferctl send to several devices", () => {
  it("ends well when all of them have it", async () => {
    const { place, asked } = await sending([begun("alice"), begun("bert")], [done("bert"), done("alice")]);
    const { code, stdout } = await place.ctl(ARGS);
    expect(code).toBe(0);
    expect(stdout.match(/^sent .* to (alice|bert) /gm)).toHaveLength(2);
    expect(asked).toMatchObject([{ peer: "alice,bert" }]);
  });

  it("ends with 23 when some have it, and says why the others have not", async () => {
    const { place } = await sending([begun("alice"), begun("bert"), away], [failed("bert"), done("alice")]);
    const { code, stdout, stderr } = await place.ctl(ARGS);
    expect(code).toBe(23);
    expect(stdout.match(/^sent .*$/gm)).toHaveLength(1);
    expect(stderr).toContain("lanxferctl: error: cora is not reachable\n");
    expect(stderr).toContain("lanxferctl: error: no space left at bert (needs 3.1 GB, has 400.0 MB)\n");
    expect(stderr).toMatch(/lanxferctl: error: 2 of 3 transfers failed\n$/);
  });

  it("says of each that is not paired that nobody knows who it is", async () => {
    const stranger = to("bert", { state: "connecting", peer: views.stranger("bert") });
    const ends = [done("alice"), { ...done("bert"), peer: stranger.peer }];
    const { place, asked } = await sending([begun("alice"), { transfer: stranger, error: null }], ends);
    const { code, stderr } = await place.ctl([...ARGS, "--unpaired"]);
    expect(code).toBe(0);
    expect(stderr.match(/nobody has checked/g)).toHaveLength(1);
    expect(stderr).toContain('unpaired aliceaaa goes by the name "bert"');
    expect(asked).toMatchObject([{ peer: "alice,bert", unpaired: true }]);
  });

  it("ends with the reason when none has it and the reason is one", async () => {
    const { place } = await sending([begun("alice"), begun("bert")], [failed("bert"), failed("alice")]);
    const { code, stderr } = await place.ctl(ARGS);
    expect(code).toBe(9);
    expect(stderr).not.toContain("transfers failed");
  });

  it("tells programs of each, and of the whole at the end", async () => {
    const { place } = await sending([begun("alice"), begun("bert")], [failed("bert"), done("alice")]);
    const { stdout, stderr } = await place.ctl([...ARGS, "--json"]);
    const lines = objects(stdout);
    expect(lines.at(-1)).toMatchObject({ event: "done", ok: false, exit: 23, error: { code: "E_PARTIAL" } });
    expect(lines.filter((line) => line["endedAt"] != null)).toHaveLength(2);
    expect(stderr).not.toMatch(/^sent/m);
  });

  it("says what is queued for each", async () => {
    const queued = (name: string): GroupResult => ({
      transfer: to(name, { state: "queued", queue: views.queue() }),
      error: null,
    });
    const { place, asked } = await sending([queued("alice"), queued("bert")], []);
    const { code, stdout } = await place.ctl([...ARGS, "--queue"]);
    expect(code).toBe(0);
    expect(stdout.match(/^queued .* for (alice|bert) /gm)).toHaveLength(2);
    expect(asked).toMatchObject([{ queue: {} }]);
  });

  it("watches one queue at a time", async () => {
    const { place, asked } = await sending([], []);
    expect(await place.ctl([...ARGS, "--queue", "--wait"])).toMatchObject({ code: 2, stdout: "" });
    expect(asked).toEqual([]);
  });
});
