import { describe, expect, it } from "vitest";
import type { ControlHandlers } from "../../src/control/api.ts";
import type { TransferView } from "../../src/control/schema.ts";
import { LanxferError, toView } from "../../src/core/errors.ts";
import { differences, untouched } from "../support/tree.ts";
import { ACTIVE, objects, Place, poll, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

const first = views.transfer({ state: "connecting", queue: views.queue({ why: null }) });
const away = views.transfer({ state: "queued", queue: views.queue() });
const running = views.transfer({ queue: views.queue({ why: null, expiresAt: null }) });

/** A daemon that queues what it is told to; `asked` is what that was. */
async function queueing(more: Partial<ControlHandlers> = {}): Promise<{ place: Place; asked: unknown[] }> {
  const place = await Place.open();
  const asked: unknown[] = [];
  await place.daemon({
    send: async (request) => {
      asked.push(request);
      return first;
    },
    ...more,
  });
  return { place, asked };
}

const send = ["send", "alice", "report.pdf"];

/** Times are those of the machine. */
const steady = (text: string) => text.replace(/in [\d.]+ s(, [\d.]+ \w+\/s)?(?=[,)])/g, "in <time>");

describe("lanxferctl send --queue", () => {
  it.each([
    ["--queue", [], {}],
    ["--queue and its time", ["--ttl", "30d"], { ttl: 30 * 86_400_000 }],
    ["--detach", ["--detach"], {}],
  ])("says that it is queued, until when and as what, and is done: %s", async (_, more, queue) => {
    const { place, asked } = await queueing();
    const before = await place.tree();
    const result = await place.ctl([...send, "--queue", ...more]);
    expect(asked).toMatchObject([{ peer: "alice", queue }]);
    await expect(transcript([...send, "--queue"], result)).toMatchFileSnapshot("golden/send-queue.txt");
    expect(differences(before, await place.tree(), untouched)).toEqual([]);
  });

  it("says as well that nobody knows who an unpaired receiver is", async () => {
    const { place } = await queueing({ send: async () => ({ ...first, peer: views.stranger("alice", "alice") }) });
    const { stderr } = await place.ctl([...send, "--queue", "--unpaired"]);
    expect(stderr).toBe(
      'unpaired aliceaaa goes by the name "alice": nobody has checked that it is the device you mean; it is not your alice\n',
    );
  });

  it("detached, wants a receiver that answers now", async () => {
    const { place, asked } = await queueing();
    expect(await place.ctl([...send, "--detach"])).toMatchObject({ code: 0, stderr: "" });
    expect(asked).toMatchObject([{ queue: { reachable: true } }]);
  });

  it("tells programs what was queued, and the end", async () => {
    const { place } = await queueing();
    const { stdout, stderr, code } = await place.ctl([...send, "--queue", "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(objects(stdout)).toEqual([
      { v: 1, ...first },
      { v: 1, event: "done", ok: true, exit: 0 },
    ]);
  });

  it("fails when it could not be queued, with the reason", async () => {
    const { place } = await queueing({
      send: async () => {
        throw new LanxferError("E_QUEUE", { text: "ENOSPC: no space left on device (/home/me/\x1b[2J)" });
      },
    });
    const result = await place.ctl([...send, "--queue"]);
    expect(result.stderr).not.toMatch(ACTIVE);
    await expect(transcript([...send, "--queue"], result)).toMatchFileSnapshot("golden/send-queue-fails.txt");
  });

  it.each([
    [["--queue", "--wait=0s"], "to wait for 0s is not to wait (write 1s or more)"],
    [["--queue", "--ttl", "400d"], "a queued transfer waits for 1s to 365d, not 400d"],
    [["--wait"], "--wait goes with --queue; without it send waits anyway"],
    [["--ttl", "1h"], "--ttl goes with --queue or --detach"],
    [["--detach", "--wait=1m"], "--detach and --wait exclude each other"],
  ])("refuses what cannot be meant: %j", async (more, message) => {
    const { place, asked } = await queueing();
    const result = await place.ctl([...send, ...more]);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr.split("\n")[0]).toBe(`lanxferctl: error: ${message}`);
    expect(asked).toEqual([]);
  });
});

describe("lanxferctl send --queue --wait", () => {
  /** A daemon that then tells what `story` holds. */
  const telling = async (story: readonly TransferView[]) => {
    const { place } = await queueing({
      send: async () => {
        for (const transfer of story) place.staged.emit({ type: "transfer", transfer });
        return first;
      },
    });
    return place;
  };

  it.each([
    { golden: "send-queue-wait", story: [away, running, views.done(running)] },
    {
      golden: "send-queue-expired",
      story: [
        away,
        {
          ...views.failed(away, toView(new LanxferError("E_EXPIRED", { peer: "alice", text: "7 days" }))),
          canRetry: true,
        },
      ],
    },
  ])("tells the story of $golden and ends with its exit status", async ({ golden, story }) => {
    const place = await telling(story);
    const args = [...send, "--queue", "--wait"];
    const result = await place.ctl(args);
    const seen = { ...result, stdout: steady(result.stdout) };
    await expect(transcript(args, seen)).toMatchFileSnapshot(`golden/${golden}.txt`);
  });

  it("gives up watching when its time is over, and says what stays", async () => {
    const place = await telling([away]);
    const args = [...send, "--queue", "--wait=1s"];
    await expect(transcript(args, await place.ctl(args))).toMatchFileSnapshot("golden/send-queue-wait-over.txt");
  });

  it("stops watching when it is interrupted, and cancels nothing", async () => {
    const place = await telling([away]);
    const args = [...send, "--queue", "--wait"];
    const watching = place.start(args);
    await poll(() => watching.stderr).toContain("alice is not here");
    watching.kill("SIGINT");
    await expect(transcript(args, await watching.finished)).toMatchFileSnapshot("golden/send-queue-interrupted.txt");
  });

  it("says what stays when the daemon goes away", async () => {
    const place = await telling([away]);
    const args = [...send, "--queue", "--wait"];
    const watching = place.start(args);
    await poll(() => watching.stderr).toContain("alice is not here");
    await place.staged.close();
    await expect(transcript(args, await watching.finished)).toMatchFileSnapshot("golden/send-queue-daemon-dies.txt");
  });

  it("tells programs when its time is over", async () => {
    const place = await telling([away]);
    const { stdout, code } = await place.ctl([...send, "--queue", "--wait=1s", "--json"]);
    expect(code).toBe(6);
    expect(objects(stdout).at(-1)).toEqual({
      v: 1,
      event: "done",
      ok: false,
      exit: 6,
      error: {
        code: "E_STILL_QUEUED",
        message: "report.pdf is not delivered to alice after 1 second, it stays queued",
      },
    });
  });

  it("says so when it is interrupted before it knows", async () => {
    const { place, asked } = await queueing({
      send: (request, gone) => {
        asked.push(request);
        return new Promise((_, reject) =>
          gone.addEventListener("abort", () => reject(new LanxferError("E_CANCELLED"))),
        );
      },
    });
    const waiting = place.start([...send, "--queue"]);
    await poll(() => asked.length).toBe(1);
    waiting.kill("SIGINT");
    expect(await waiting.finished).toMatchObject({
      code: 130,
      stdout: "",
      stderr: 'interrupted: "lanxferctl transfers" tells whether it is queued\n',
    });
  });
});
