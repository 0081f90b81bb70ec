/** What is piped into `send`: a daemon that a test decides, real pipes, signals and terminals. */

import { writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { ControlHandlers } from "../../src/control/api.ts";
import { LanxferError, toLanxferError, toView } from "../../src/core/errors.ts";
import { differences, untouched } from "../support/tree.ts";
import { objects, Place, poll, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

const first = views.transfer({ state: "preparing", items: [], entries: 0, bytes: 0 });
const ended = views.done(views.transfer({ items: [views.item("db.sql")], bytes: 9 }));
const SEND = ["send", "alice", "-", "--name", "db.sql"];

/** What a daemon got to see of one stream. */
interface Taken {
  readonly request: unknown;
  content: string;
  /** Undefined until then. */
  end: "whole" | "broken off" | undefined;
}

/** A daemon that takes what comes, and delivers it at once. */
async function taking(more: Partial<ControlHandlers> = {}) {
  const place = await Place.open();
  const taken: Taken[] = [];
  const daemon = await place.daemon({
    stream: async (request, content) => {
      const one: Taken = { request, content: "", end: undefined };
      taken.push(one);
      try {
        for await (const chunk of content) one.content += Buffer.from(chunk).toString();
      } catch (error) {
        one.end = "broken off";
        expect(toLanxferError(error).code).toBe("E_CANCELLED");
        throw error;
      }
      one.end = "whole";
      daemon.emit({ type: "transfer", transfer: ended });
      return first;
    },
    ...more,
  });
  return { place, daemon, taken };
}

/** Runs lanxferctl with a standard input that stays open: a line of shell that begins with what it gets. */
const OPEN_INPUT = "mkfifo pipe; exec 3<>pipe;";
const EXEC = `exec $CTL ${SEND.join(" ")} <&3`;

/** Times are those of the machine. */
const steady = (text: string) => text.replace(/in [\d.]+ s/g, "in <time>");

describe("lanxferctl send -", () => {
  it("hands over what is piped in, and stays until it is delivered", async () => {
    const { place, taken } = await taking();
    const before = await place.tree();
    const result = await place.ctl([...SEND, "--note", "nightly & co", "--bwlimit", "2M"], { stdin: "select 1;" });
    const { stdout, ...rest } = result;
    await expect(transcript(SEND, { ...rest, stdout: steady(stdout) })).toMatchFileSnapshot("golden/send-piped.txt");
    const request = { peer: "alice", name: "db.sql", note: "nightly & co", rate: 2_000_000 };
    expect(taken).toEqual([{ request, content: "select 1;", end: "whole" }]);
    expect(differences(before, await place.tree(), untouched)).toEqual([]);
  });

  it("sends an empty file when nothing comes", async () => {
    const { place, taken } = await taking();
    expect(await place.shell(`$CTL ${SEND.join(" ")} < /dev/null`)).toMatchObject({ code: 0 });
    expect(await place.shell(`true | $CTL ${SEND.join(" ")}`)).toMatchObject({ code: 0 });
    expect(taken).toMatchObject([
      { content: "", end: "whole" },
      { content: "", end: "whole" },
    ]);
  });

  it("takes a file, a name of any kind, and several megabytes", async () => {
    const { place, taken } = await taking();
    await writeFile(path.join(place.home, "in"), "a line\n".repeat(1_000_000));
    const line = `$CTL send alice - --name="-ü 'b' %2F?&=#\n\tc" --json < in`;
    const { code, stdout } = await place.shell(line);
    expect({ code, last: objects(stdout).at(-1) }).toMatchObject({ code: 0, last: { event: "done", ok: true } });
    expect(taken).toMatchObject([{ request: { name: "-ü 'b' %2F?&=#\n\tc" }, end: "whole" }]);
    expect(taken[0]?.content).toHaveLength(7_000_000);
  });

  it("is explained when it is called wrongly, and reads nothing then", async () => {
    const { place, taken } = await taking();
    const told: string[] = [];
    for (const args of [
      ["send", "alice", "-"],
      ["send", "alice", "-", "report.pdf", "--name", "x"],
      ["send", "alice", "report.pdf", "--name", "x"],
      ["send", "alice", "-", "--name", "x", "--dry-run"],
      ["send", "alice", "-", "--name", "x", "--exclude", "y"],
      ["send", "alice,bob", "-", "--name", "x"],
      ["send", "alice", "-", "--name", "x", "--ttl", "1h"],
      ["send", "alice", "-", "--name", ""],
      ["send", "alice", "-", "--name", "a/b"],
      ["send", "alice", "-", "--name", ".."],
      ["send", "alice", "-", "--name", "x".repeat(256)],
    ]) {
      const result = await place.ctl(args, { stdin: "content" });
      expect(result, args.join(" ")).toMatchObject({ code: 2, stdout: "" });
      told.push(transcript(args, result));
    }
    await expect(told.join("\n")).toMatchFileSnapshot("golden/send-piped-mistakes.txt");
    expect(taken).toEqual([]);
  });

  it("does not wait for a person to type", async () => {
    const { place, taken } = await taking();
    const typed = place.onTerminal(SEND);
    expect(await typed.finished).toMatchObject({ code: 2 });
    expect(typed.stdout).toContain("lanxferctl: error: nothing is piped in: standard input is a terminal");
    expect(taken).toEqual([]);
  });

  it("sends a file that is called so when it is written as a path", async () => {
    const asked: unknown[] = [];
    const { place } = await taking({
      send: async (request) => {
        asked.push(request);
        return views.done(first);
      },
    });
    expect(await place.ctl(["send", "alice", "./-"])).toMatchObject({ code: 0 });
    expect(asked).toEqual([{ peer: "alice", paths: [path.join(place.home, "-")] }]);
  });

  it("does not take a folder for an empty input", async () => {
    const { place, taken } = await taking();
    const result = await place.shell(`$CTL ${SEND.join(" ")} < .`);
    expect(result).toMatchObject({ code: 11, stderr: "lanxferctl: error: cannot read standard input: EISDIR\n" });
    expect(taken.filter(({ end }) => end === "whole")).toEqual([]);
  });

  it("shows on a terminal how much has come", async () => {
    const { place } = await taking();
    const sending = place.shellOnTerminal(`(echo hello; sleep 1; echo) | $CTL ${SEND.join(" ")}`);
    const { stdout, code } = await sending.finished;
    expect(code).toBe(0);
    expect(stdout).toContain("\rreading standard input: 6 B\x1b[K");
    expect(steady(stdout).split("\r").at(-1)).toBe("\x1b[Ksent db.sql to alice (9 B in <time>)\n");
  });
});

describe("lanxferctl send - --queue", () => {
  const queued = views.transfer({
    state: "queued",
    items: [views.item("db.sql")],
    bytes: 9,
    queue: { why: null, expiresAt: "2026-05-08T12:00:00.000Z", copied: true },
  });

  it("ends when what was piped in is queued", async () => {
    const { place, taken } = await taking({ stream: async (request, content) => keep(request, content) });
    async function keep(request: unknown, content: AsyncIterable<Uint8Array>) {
      const one: Taken = { request, content: "", end: undefined };
      taken.push(one);
      for await (const chunk of content) one.content += Buffer.from(chunk).toString();
      return queued;
    }
    const result = await place.ctl([...SEND, "--queue", "--ttl", "7d"], { stdin: "select 1;" });
    await expect(transcript([...SEND, "--queue", "--ttl", "7d"], result)).toMatchFileSnapshot(
      "golden/send-piped-queue.txt",
    );
    const request = { peer: "alice", name: "db.sql", queue: { ttl: 7 * 24 * 60 * 60 * 1_000 } };
    expect(taken).toEqual([{ request, content: "select 1;", end: undefined }]);
    expect(await place.ctl([...SEND, "--detach"], { stdin: "" })).toMatchObject({ code: 0 });
    expect(taken.at(-1)?.request).toMatchObject({ queue: { reachable: true } });
  });

  it("interrupted in the middle has queued nothing, and does not say that it may have", async () => {
    const { place, taken } = await taking();
    const sending = place.startShell(`${OPEN_INPUT} echo some >&3; ${EXEC.replace("--name", "--queue --name")}`);
    await poll(() => taken[0]?.content).toBe("some\n");
    expect(await sending.stop("SIGINT")).toMatchObject({ code: 130, stdout: "", stderr: "" });
    await poll(() => taken[0]?.end).toBe("broken off");
  });
});

describe("lanxferctl send -, refused,", () => {
  it.each([
    ["before anything came", "", new LanxferError("E_NO_PEER", { name: "alice" }), 4],
    [
      "in the middle",
      "yes 2> /dev/null 3>&- > pipe &",
      new LanxferError("E_SPOOL_FULL", { text: "the disk is full" }),
      11,
    ],
  ])("%s says why, and does not wait for the rest", async (_, feed, error, code) => {
    const { place } = await taking({
      stream: async (_request, content) => {
        let bytes = 0;
        for await (const chunk of feed === "" ? [] : content) {
          bytes += chunk.length;
          if (bytes > 1_000_000) break;
        }
        throw error;
      },
    });
    const { stderr, ...result } = await place.shell(`${OPEN_INPUT} ${feed} ${EXEC}`);
    expect(result).toMatchObject({ code, stdout: "" });
    expect(stderr).toBe(`lanxferctl: error: ${error.message}\nlanxferctl: hint: ${toView(error).hint}\n`);
  });
});

describe("lanxferctl send -, interrupted,", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGKILL", null],
  ] as const)("by %s in the middle has not sent what came before", async (signal, code) => {
    const { place, taken } = await taking();
    const sending = place.startShell(`${OPEN_INPUT} echo some >&3; ${EXEC}`);
    await poll(() => taken[0]?.content).toBe("some\n");
    expect(await sending.stop(signal)).toMatchObject({ code, stdout: "", stderr: "" });
    await poll(() => taken[0]?.end).toBe("broken off");
  });

  it("with the program that it reads from, does not take that one's end for the end", async () => {
    for (let n = 0; n < 5; n++) {
      const { place, taken } = await taking();
      const sending = place.shellOnTerminal(`yes | $CTL ${SEND.join(" ")} --json > out`);
      await poll(() => (taken[0]?.content.length ?? 0) > 10_000).toBe(true);
      sending.type("\x03");
      await sending.finished;
      await poll(() => taken[0]?.end).toBe("broken off");
    }
  });

  it("while it waits for the answer, cancels what has begun by then", async () => {
    const cancelled: string[] = [];
    let answer: () => void = () => {};
    const { place, daemon } = await taking({
      stream: async (_request, content) => {
        for await (const _ of content);
        await new Promise<void>((resolve) => (answer = resolve));
        return first;
      },
      cancel: async (id) => {
        cancelled.push(id);
        const transfer = views.failed(first, toView(new LanxferError("E_CANCELLED")));
        daemon.emit({ type: "transfer", transfer });
        return transfer;
      },
    });
    const waits = answer;
    const sending = place.start(SEND, { stdin: "all of it" });
    await poll(() => answer !== waits).toBe(true);
    sending.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 100)); // for the signal to be taken
    answer();
    expect(await sending.finished).toMatchObject({ code: 130 });
    expect(cancelled).toEqual([first.id]);
  });

  it("by the end of the daemon says so, and does not wait for the rest", async () => {
    const { place, taken, daemon } = await taking();
    const sending = place.startShell(`${OPEN_INPUT} echo some >&3; ${EXEC}`);
    await poll(() => taken[0]?.content).toBe("some\n");
    await daemon.close();
    expect(await sending.finished).toMatchObject({ code: 3 });
    expect(sending.stderr).toMatch(/^lanxferctl: error: lanxferd is not running\n/);
  });
});
