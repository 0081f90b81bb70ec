import { mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { ControlHandlers } from "../../src/control/api.ts";
import type { PreviewLine, TransferView } from "../../src/control/schema.ts";
import { LanxferError, toView } from "../../src/core/errors.ts";
import { differences, untouched } from "../support/tree.ts";
import type { StagedDaemon } from "./support/daemon.ts";
import { ACTIVE, objects, Place, poll, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

const first = views.transfer({ state: "preparing", items: [], entries: 0, bytes: 0 });
const running = views.transfer({ bytes: 3_100_000_000 });

const waiting = views.transfer({
  state: "waiting",
  moved: 2_000_000_000,
  waitingFor: toView(new LanxferError("E_LOST", { peer: "alice", text: "closed by the other end" })),
});
const otherKey = toView(
  new LanxferError("E_IDENTITY", {
    peer: "alice",
    expected: `mrsmfzbc${"a".repeat(44)}`,
    got: `q3kd7w2e${"b".repeat(43)}a`,
    pairedAt: "2026-05-01T12:00:00.000Z",
  }),
);
const resumed = views.transfer({ moved: 1_980_000_000, resumed: 1_980_000_000 });
const there = views.transfer({
  items: [{ ...views.item("report.pdf", "report (1).pdf"), there: true }],
  already: { entries: 1, bytes: 3_100_000_000 },
});

interface Staged {
  readonly place: Place;
  readonly daemon: StagedDaemon;
  /** What the daemon was asked to send. */
  readonly asked: unknown[];
}

/** A daemon that answers `send` with a transfer and then tells what `story` holds. */
async function telling(story: readonly TransferView[], more: Partial<ControlHandlers> = {}): Promise<Staged> {
  const place = await Place.open();
  const asked: unknown[] = [];
  const daemon = await place.daemon({
    send: async (request) => {
      asked.push(request);
      // The answer and the events race; all of it may be told before the answer is read.
      for (const transfer of story) daemon.emit({ type: "transfer", transfer });
      return first;
    },
    ...more,
  });
  return { place, daemon, asked };
}

/** Times and rates are those of the machine; a rate is told only after some time. */
function steady(text: string): string {
  return text.replace(/in [\d.]+ s(, [\d.]+ \w+\/s)?(?=[,)])/g, "in <time>");
}

describe("lanxferctl send", () => {
  it.each([
    { golden: "send", story: [running, views.done(running)] },
    {
      golden: "send-asked",
      story: [
        views.transfer({ state: "connecting" }),
        views.transfer({ state: "asking" }),
        running,
        views.done(running),
      ],
    },
    {
      golden: "send-several",
      story: [
        views.done(
          views.transfer({
            items: [views.item("report.pdf", "report (1).pdf"), views.item(".bashrc", "_.bashrc"), views.item("kept")],
            renamed: [{ path: "photos/a:b.txt", as: "a_b.txt" }],
            skipped: [{ path: "photos/link", reason: "symbolic link" }],
            skippedCount: 12,
            excluded: 3,
          }),
        ),
      ],
    },
    {
      golden: "send-paused",
      story: [running, views.transfer({ state: "paused", moved: 2_000_000_000 }), resumed, views.done(resumed)],
    },
    { golden: "send-there", story: [running, views.done(there)] },
    {
      golden: "send-there-several",
      story: [
        views.done({
          ...there,
          items: [views.item("photos", "photos"), views.item("a", 'a "(1)"')].map((item) => ({ ...item, there: true })),
        }),
      ],
    },
    {
      golden: "send-there-partly",
      story: [
        views.done(
          views.transfer({
            items: [{ ...views.item("report.pdf", "report.pdf"), there: true }, views.item("b", "b (1)")],
            already: { entries: 1, bytes: 3_000_000_000 },
          }),
        ),
      ],
    },
    { golden: "send-renamed", story: [views.done(views.transfer({ items: [views.item("a", 'report "(1)".pdf')] }))] },
    { golden: "send-empty", story: [views.done(views.transfer({ bytes: 0 }))] },
    {
      golden: "send-no-space",
      story: [
        running,
        views.failed(running, toView(new LanxferError("E_NO_SPACE", { peer: "alice", needs: 3e9, has: 1e9 }))),
      ],
    },
    {
      golden: "send-declined",
      story: [views.failed(running, toView(new LanxferError("E_DECLINED", { peer: "alice", text: "\x1b[2Jno" })))],
    },
    {
      golden: "send-partial",
      story: [
        views.failed(
          views.transfer({ items: [views.item("a", "a (1)"), views.item("b")] }),
          toView(new LanxferError("E_LOST", { peer: "alice" })),
        ),
      ],
    },
    { golden: "send-identity", story: [views.failed(running, otherKey)] },
    { golden: "send-cancelled", story: [views.failed(running, toView(new LanxferError("E_CANCELLED")))] },
    {
      golden: "send-cancelled-there",
      story: [
        {
          ...views.failed(running, toView(new LanxferError("E_CANCELLED_BY_PEER", { peer: "alice" }))),
          state: "cancelled" as const,
        },
      ],
    },
    {
      golden: "send-interrupted",
      story: [
        running,
        waiting,
        { ...waiting, waitingFor: toView(new LanxferError("E_UNREACHABLE", { peer: "alice" })) },
        resumed,
        views.done(resumed),
      ],
    },
    {
      golden: "send-can-retry",
      story: [
        running,
        {
          ...views.failed(running, toView(new LanxferError("E_NO_SPACE", { peer: "alice" }))),
          canRetry: true,
        },
      ],
    },
  ])("tells the story of $golden and ends with its exit status", async ({ golden, story }) => {
    const { place } = await telling(story);
    const before = await place.tree();
    const args = ["send", "alice", "report.pdf"];
    const result = await place.ctl(args);
    const seen = { ...result, stdout: steady(result.stdout) };
    await expect(transcript(args, seen)).toMatchFileSnapshot(`golden/${golden}.txt`);
    expect(differences(before, await place.tree(), untouched)).toEqual([]);
  });

  it("says once, in front of everything, that nobody knows who an unpaired receiver is", async () => {
    const peer = views.stranger('alice" \x1b[2J');
    const asking = views.transfer({ peer, state: "asking" });
    const { place, asked } = await telling([asking, views.done(asking)], {
      send: async (request) => {
        asked.push(request);
        return { ...first, peer };
      },
    });
    const args = ["send", "--unpaired", "alice", "report.pdf"];
    const sending = place.start(args);
    await poll(() => sending.stderr).toContain("nobody has checked");
    for (const transfer of [asking, views.done(asking)]) place.staged.emit({ type: "transfer", transfer });
    const result = await sending.finished;
    const seen = { ...result, stdout: steady(result.stdout) };
    await expect(transcript(args, seen)).toMatchFileSnapshot("golden/send-unpaired.txt");
    expect(asked).toMatchObject([{ peer: "alice", unpaired: true }]);
  });

  it("says nothing of the kind when the receiver turns out to be paired", async () => {
    const { place } = await telling([views.done(running)]);
    const { stderr, code } = await place.ctl(["send", "--unpaired", "alice", "report.pdf"]);
    expect({ stderr, code }).toEqual({ stderr: "sending report.pdf to alice\n", code: 0 });
  });

  it("says how to pair when a receiver is not paired and nobody wanted that", async () => {
    const { place } = await telling([], {
      send: async () => {
        throw new LanxferError("E_NOT_PAIRED", { peer: "alice" });
      },
    });
    const args = ["send", "alice", "report.pdf"];
    await expect(transcript(args, await place.ctl(args))).toMatchFileSnapshot("golden/send-not-paired.txt");
  });

  it("tells programs each state, then the end", async () => {
    const { place } = await telling([running, views.done(running)]);
    const { stdout, stderr, code } = await place.ctl(["send", "--json", "alice", "report.pdf"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(objects(stdout)).toEqual([
      { v: 1, ...first },
      { v: 1, ...running },
      { v: 1, ...views.done(running) },
      { v: 1, event: "done", ok: true, exit: 0 },
    ]);
  });

  it("tells programs why it failed, with a single end", async () => {
    const error = toView(new LanxferError("E_INTEGRITY", { peer: "alice" }));
    const { place } = await telling([views.failed(running, error)]);
    const { stdout, code } = await place.ctl(["send", "--json", "alice", "report.pdf"]);
    const told = objects(stdout);
    expect(code).toBe(10);
    expect(told.filter(({ event }) => event === "done")).toEqual([told.at(-1)]);
    expect(told.at(-1)).toEqual({
      v: 1,
      event: "done",
      ok: false,
      exit: 10,
      error: { code: "E_INTEGRITY", message: "data was damaged on the way to alice" },
    });
  });

  it("ends when the daemon refuses at once, with its reason", async () => {
    const { place } = await telling([], {
      send: async () => {
        throw new LanxferError("E_NO_PEER", { name: "alcie\x1b[2J" });
      },
    });
    const args = ["send", "alcie", "report.pdf"];
    await expect(transcript(args, await place.ctl(args))).toMatchFileSnapshot("golden/send-no-peer.txt");
  });

  it("does not miss an end that was told while it fell behind", async () => {
    const { place } = await telling([], {
      send: async () => running,
      transfer: () => views.done(running),
    });
    const sending = place.start(["send", "alice", "report.pdf"]);
    await poll(() => sending.stderr).toContain("sending");
    place.staged.emit({ type: "overrun" });
    expect(await sending.finished).toMatchObject({ code: 0 });
    expect(sending.stdout).toMatch(/^sent report.pdf to alice/);
  });

  it("hears nothing of the transfers of others", async () => {
    const other = views.transfer({ id: "uuuuuuuuuuuuuuuu" });
    const { place } = await telling([views.failed(other, toView(new LanxferError("E_INTERNAL"))), views.done(running)]);
    expect(await place.ctl(["send", "alice", "report.pdf"])).toMatchObject({ code: 0 });
  });
});

describe("lanxferctl send --dry-run", () => {
  const args = ["send", "alice", "report.pdf", "photos", "--dry-run"];
  const lines: readonly PreviewLine[] = [
    { is: "file", path: "report.pdf", bytes: 3_100_000 },
    { is: "folder", path: "photos" },
    { is: "file", path: `photos/${views.HOSTILE}`, bytes: 0 },
    { is: "skipped", path: `/home/me/photos/${views.HOSTILE}`, reason: "symbolic link" },
    { is: "excluded", path: "/home/me/photos/a.tmp", type: "file" },
    { is: "excluded", path: "/home/me/photos/cache", type: "folder" },
    {
      is: "total",
      peer: { id: "h", name: "alice" },
      files: 2,
      folders: 1,
      bytes: 3_100_000,
      skipped: 1,
      excluded: 2,
    },
  ];

  async function previewing(told: readonly PreviewLine[]): Promise<Place> {
    const place = await Place.open();
    await place.daemon({
      async preview() {
        return (async function* () {
          yield* told;
        })();
      },
    });
    return place;
  }

  it("lists what would go and what would not, line by line, and begins no transfer", async () => {
    const place = await previewing(lines);
    const before = await place.tree();
    const result = await place.ctl(args);
    expect(result.stdout).not.toMatch(ACTIVE);
    await expect(transcript(args, result)).toMatchFileSnapshot("golden/send-dry-run.txt");
    expect(differences(before, await place.tree(), untouched)).toEqual([]);
  });

  it("tells programs the same", async () => {
    const place = await previewing(lines);
    const { stdout, stderr, code } = await place.ctl([...args, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toMatch(ACTIVE);
    expect(objects(stdout)).toEqual([
      ...lines.map((line) => ({ v: 1, ...line })),
      { v: 1, event: "done", ok: true, exit: 0 },
    ]);
  });

  it("ends with the exit status of what could not be read", async () => {
    const error = toView(new LanxferError("E_SOURCE_MISSING", { path: "/home/me/report.pdf" }));
    const place = await previewing([...lines.slice(0, 2), { is: "failed", error }]);
    const { stderr, code } = await place.ctl(args);
    expect({ code, stderr }).toEqual({
      code: 11,
      stderr: "lanxferctl: error: no such file or folder: /home/me/report.pdf\n",
    });
  });
});

describe("What else lanxferctl send is told", () => {
  it("is given to the daemon: what to leave out, as often as it is said, and a note", async () => {
    const { place, asked } = await telling([views.done(running)]);
    const more = ["--exclude", "*.tmp", "--exclude=/a/b c/", "--note", "signed at last, שלום"];
    expect(await place.ctl(["send", "alice", "report.pdf", ...more])).toMatchObject({ code: 0 });
    expect(asked).toMatchObject([{ peer: "alice", exclude: ["*.tmp", "/a/b c/"], note: "signed at last, שלום" }]);
  });

  it.each([
    [["--note", ""], "a note is one line of printable text, at most 1024 bytes"],
    [["--note", "two\nlines"], "a note is one line of printable text, at most 1024 bytes"],
    [["--note", "é".repeat(513)], "a note is one line of printable text, at most 1024 bytes"],
    [["--exclude", ""], "an empty pattern excludes nothing"],
    [["--exclude", "#x"], "bad request: exclude.0: a pattern that begins with # is a comment, write \\#"],
    [["--exclude", "a", "--exclude", "x\\"], "bad request: exclude.1: a pattern cannot end with a single backslash"],
  ])("is refused when it cannot be meant: %j", async (more, message) => {
    const { place, asked } = await telling([]);
    const result = await place.ctl(["send", "alice", "report.pdf", ...more]);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr.split("\n")[0]).toBe(`lanxferctl: error: ${message}`);
    expect(asked).toEqual([]);
  });
});

describe("The paths of lanxferctl send", () => {
  it("are given to the daemon in full, whatever their first character", async () => {
    const { place, asked } = await telling([views.done(running)]);
    await mkdir(path.join(place.home, "photos"));
    const args = ["send", "-v", "alice", "--", "-rf", "--json", "./-", "help", "photos/", "./a//b", "/etc/hosts", "."];
    expect(await place.ctl(args)).toMatchObject({ code: 0 });
    const inHome = (name: string) => path.join(place.home, name);
    expect(asked).toEqual([
      {
        peer: "alice",
        paths: [...["-rf", "--json", "-", "help", "photos", "a/b"].map(inHome), "/etc/hosts", place.home],
      },
    ]);
  });

  it("with .. go where the system goes, not where the text seems to", async () => {
    const { place, asked } = await telling([views.done(running)]);
    const inHome = (name: string) => path.join(place.home, name);
    await mkdir(inHome("far/away"), { recursive: true });
    await mkdir(inHome("near"));
    await writeFile(inHome("far/report.pdf"), "right");
    await writeFile(inHome("report.pdf"), "wrong");
    await symlink(inHome("far/away"), inHome("link"));
    expect(await place.ctl(["send", "alice", "link/../report.pdf", "near/..", "link/../away"])).toMatchObject({
      code: 0,
    });
    expect(asked).toMatchObject([{ paths: [inHome("far/report.pdf"), place.home, inHome("far/away")] }]);
  });

  it("are refused when one is empty or leads nowhere", async () => {
    const { place, asked } = await telling([]);
    expect(await place.ctl(["send", "alice", ""])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^lanxferctl: error: an empty path names nothing\n/),
    });
    expect(await place.ctl(["send", "alice", "nowhere/../x"])).toMatchObject({
      code: 11,
      stderr: "lanxferctl: error: no such file or folder: nowhere/../x\n",
    });
    expect(asked).toEqual([]);
  });
});

describe("lanxferctl send, when interrupted,", () => {
  /** A daemon whose transfer ends as a real one does when it is cancelled. */
  async function cancellable(end: (daemon: StagedDaemon) => void) {
    const cancelled: string[] = [];
    const staged = await telling([running], {
      cancel: async (id) => {
        cancelled.push(id);
        end(staged.daemon);
        return running;
      },
    });
    return { ...staged, cancelled };
  }
  const asItShould = (daemon: StagedDaemon) =>
    daemon.emit({ type: "transfer", transfer: views.failed(running, toView(new LanxferError("E_CANCELLED"))) });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s cancels the transfer and exits with %i", async (signal, code) => {
    const { place, cancelled } = await cancellable(asItShould);
    const sending = place.start(["send", "alice", "report.pdf"]);
    await poll(() => sending.stderr).toContain("sending");
    expect(await sending.stop(signal)).toMatchObject({ code, stdout: "" });
    expect(sending.stderr).toBe("sending report.pdf to alice\ncancelled: report.pdf to alice\n");
    expect(cancelled).toEqual([running.id]);
  });

  it("says so to programs, with a single end", async () => {
    const { place } = await cancellable(asItShould);
    const sending = place.start(["send", "alice", "report.pdf", "--json"]);
    await poll(() => sending.stdout).toContain('"running"');
    await sending.stop("SIGINT");
    const told = objects(sending.stdout);
    expect(told.filter(({ event }) => event === "done")).toEqual([
      { v: 1, event: "done", ok: false, exit: 130, error: { code: "E_CANCELLED", message: "cancelled" } },
    ]);
    expect(told.at(-1)).toMatchObject({ event: "done" });
  });

  it("before the daemon has answered still cancels what that began", async () => {
    const answers: (() => void)[] = [];
    const cancelled: string[] = [];
    const { place, daemon } = await telling([], {
      send: async () => {
        await new Promise<void>((resolve) => answers.push(resolve));
        return first;
      },
      cancel: async (id) => {
        cancelled.push(id);
        asItShould(daemon);
        return running;
      },
    });
    const sending = place.start(["send", "alice", "report.pdf"]);
    await poll(() => answers.length).toBe(1);
    sending.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 100)); // for the signal to be taken
    for (const answer of answers) answer();
    expect(await sending.finished).toMatchObject({ code: 130 });
    expect(cancelled).toEqual([first.id]);
  });

  it("ends by itself when nobody confirms the end", async () => {
    const { place, cancelled } = await cancellable(() => {});
    const sending = place.start(["send", "alice", "report.pdf"]);
    await poll(() => sending.stderr).toContain("sending");
    expect(await sending.stop("SIGINT")).toMatchObject({ code: 130 });
    expect(sending.stderr).toContain("interrupted before lanxferd confirmed");
    expect(cancelled).toEqual([running.id]);
  });

  it("a second time ends at once", async () => {
    const { place, cancelled } = await cancellable(() => {});
    const sending = place.start(["send", "alice", "report.pdf", "--json"]);
    await poll(() => sending.stdout).toContain('"running"');
    sending.kill("SIGINT");
    await poll(() => cancelled).toEqual([running.id]);
    expect(await sending.stop("SIGINT", 2_500)).toMatchObject({ code: 130 });
    expect(objects(sending.stdout).at(-1)).toMatchObject({ event: "done", exit: 130 });
  });

  it("by the key on a terminal cancels the transfer, too", async () => {
    const { place, cancelled } = await cancellable(asItShould);
    const sending = place.onTerminal(["send", "alice", "report.pdf"]);
    await poll(() => sending.stdout).toContain("%");
    sending.type("\x03");
    expect(await sending.finished).toMatchObject({ code: 130 });
    expect(cancelled).toEqual([running.id]);
  });
});

describe("lanxferctl send, when another key answers,", () => {
  const args = ["send", "alice", "report.pdf"];

  it("warns at length on a terminal, with whole ids when more was asked for", async () => {
    const { place } = await telling([views.failed(running, otherKey)]);
    const result = await place.onTerminal(args).finished;
    const plain = { ...result, stdout: result.stdout.replace(/\r[^\n]*\x1b\[K/g, "") };
    await expect(transcript(args, plain)).toMatchFileSnapshot("golden/send-identity-terminal.txt");
    const { stdout } = await place.onTerminal(["-v", ...args], { columns: 200 }).finished;
    expect(stdout).toContain(`  paired    mrsm-fzbc${"-aaaa".repeat(11)}\n`);
    expect(stdout).toContain(`  answers   q3kd-7w2e${"-bbbb".repeat(10)}-bbba\n`);
  });

  it("says so in one line to a program, with whole ids", async () => {
    const { place } = await telling([views.failed(running, otherKey)]);
    const { code, stdout } = await place.ctl([...args, "--json"]);
    expect(code).toBe(8);
    const { message, details } = otherKey;
    expect(objects(stdout).at(-1)).toMatchObject({
      event: "done",
      exit: 8,
      error: { code: "E_IDENTITY", message, details },
    });
  });
});

describe("lanxferctl send, when the daemon goes away,", () => {
  it("says what that means and exits with 3", async () => {
    const { place, daemon } = await telling([running]);
    const sending = place.start(["send", "alice", "report.pdf"]);
    await poll(() => sending.stderr).toContain("sending");
    await daemon.close();
    const args = ["send", "alice", "report.pdf"];
    await expect(transcript(args, await sending.finished)).toMatchFileSnapshot("golden/send-daemon-dies.txt");
  });

  it("promises nothing of a transfer that had not begun", async () => {
    const { place, daemon } = await telling([views.transfer({ state: "asking" })]);
    const sending = place.start(["send", "alice", "report.pdf"]);
    await poll(() => sending.stderr).toContain("waiting");
    await daemon.close();
    expect(await sending.finished).toMatchObject({ code: 3 });
    expect(sending.stderr).toContain("lanxferd went away before alice had everything\n");
  });
});

describe("Progress of lanxferctl send", () => {
  it("is drawn over itself on a terminal, never wider than it, and gone at the end", async () => {
    const { place, daemon } = await telling([views.transfer({ state: "asking" })]);
    const sending = place.onTerminal(["send", "alice", "report.pdf"], { columns: 60 });
    await poll(() => sending.stdout).toContain("waiting for alice to accept report.pdf (3.1 GB)");
    for (const moved of [0, 1e9, 2e9]) {
      daemon.emit({ type: "transfer", transfer: { ...running, moved } });
      await poll(() => sending.stdout).toContain(`${Math.floor(moved / 31e6)}%`);
    }
    await poll(() => sending.stdout).toContain(" left");
    daemon.emit({ type: "transfer", transfer: views.done(running) });
    const { stdout, code } = await sending.finished;
    expect(code).toBe(0);
    const frames = stdout.split("\r").slice(1);
    for (const frame of frames) expect(frame.split("\x1b[K")[0]?.length).toBeLessThan(60);
    expect(steady(frames.at(-1) ?? "")).toBe("\x1b[Ksent report.pdf to alice (3.1 GB in <time>)\n");
  });

  it("is not drawn on a terminal that cannot redraw, nor with --json", async () => {
    const { place } = await telling([running, views.done(running)]);
    const json = await place.onTerminal(["send", "alice", "report.pdf", "--json"]).finished;
    expect(json.stdout).not.toContain("\x1b");
    expect(objects(json.stdout).at(-1)).toMatchObject({ ok: true });
    const dumb = await place.shell("TERM=dumb script -qec '$CTL send alice report.pdf' /dev/null");
    expect(dumb.stdout).toContain("sent report.pdf to alice");
    expect(dumb.stdout).not.toContain("\x1b");
  });

  it("shows names from elsewhere without doing what they say", async () => {
    const hostile = views.transfer({
      peer: { id: "h", name: views.HOSTILE },
      items: [views.item(views.HOSTILE, views.HOSTILE)],
    });
    const { place, daemon } = await telling([hostile]);
    const sending = place.onTerminal(["send", "alice", "report.pdf"], { columns: 200 });
    await poll(() => sending.stdout).toContain("%");
    daemon.emit({
      type: "transfer",
      transfer: views.done(hostile, {
        items: [views.item("a", views.HOSTILE)],
        renamed: [{ path: views.HOSTILE, as: views.HOSTILE }],
        skipped: [{ path: views.HOSTILE, reason: views.HOSTILE }],
        skippedCount: 1,
      }),
    });
    const { stdout, code } = await sending.finished;
    expect(code).toBe(0);
    expect(stdout.replaceAll("\r", "").replaceAll("\x1b[K", "")).not.toMatch(ACTIVE);
    expect(stdout).toContain('saved as "a\\x1b[2J');
  });
});
