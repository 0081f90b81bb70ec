import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { screen } from "./support/terminal.ts";

const HOSTILE = "a\x1b[2J\nb\u009b31m\u202e";
const SAFE = "a\\x1b[2J\\x0ab\\x9b31m\\u{202e}";

/** What the stream's own event loop turn brings. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("The output of lanxferctl", () => {
  it("keeps data on stdout and everything else on stderr", () => {
    const { ui, stdout, stderr } = screen(false);
    ui.print("data", "more");
    ui.notice("note");
    expect(ui.failed(new LanxferError("E_NO_PEER", { name: "x" }))).toBe(4);
    expect(stdout.text).toBe("data\nmore\n");
    expect(stderr.text).toBe('note\nlanxferctl: error: no peer named "x"\nlanxferctl: hint: run "lanxferctl peers"\n');
  });

  it("lets no control character out, even when a line was laid out without care", () => {
    const { ui, stdout, stderr } = screen(true);
    ui.print(HOSTILE);
    ui.notice(HOSTILE);
    ui.redraw([HOSTILE]);
    ui.failedAs({ code: "E_INTERNAL", message: HOSTILE, exit: 1, hint: HOSTILE });
    expect(stdout.text).toBe(`${SAFE}\n\r\x1b[J${SAFE}\n`);
    expect(stderr.text).toBe(`${SAFE}\nlanxferctl: error: ${SAFE}\nlanxferctl: hint: ${SAFE}\n`);
  });

  it("does not cut a line, however long", () => {
    const { ui, stdout } = screen(false);
    ui.print("x".repeat(5_000));
    expect(stdout.text).toHaveLength(5_001);
  });

  it("says what led to an error only when asked", () => {
    const error = () => new LanxferError("E_DAEMON_DOWN", {}, { cause: new Error("one\n", { cause: "two" }) });
    const quiet = screen(false);
    quiet.ui.failed(error());
    expect(quiet.stderr.text).not.toContain("cause");
    const verbose = screen(false, { verbose: true });
    verbose.ui.failed(error());
    expect(verbose.stderr.text).toContain("lanxferctl: cause: one\\x0a\nlanxferctl: cause: two\nlanxferctl: hint:");
  });

  it("warns a person of another key at length, in place of the hint, and everybody else in one line", () => {
    const details = { peer: "alice", expected: "b".repeat(52), got: "c".repeat(52), pairedAt: "2026-05-01T12:00:00Z" };
    const told = (terminal: boolean, options: { readonly verbose?: boolean; readonly json?: boolean } = {}) => {
      const { ui, stderr } = screen(terminal, options);
      expect(ui.failed(new LanxferError("E_IDENTITY", details))).toBe(8);
      return stderr.text;
    };
    const error = /^lanxferctl: error: alice answered with another key .* \(expected bbbbbbbb, got cccccccc\)$/m;
    for (const text of [told(false), told(true, { json: true })]) {
      expect(text).toMatch(error);
      expect(text).toMatch(/^lanxferctl: hint: /m);
      expect(text).not.toContain("warning");
    }
    expect(told(true)).toMatch(error);
    expect(told(true)).toMatch(/^(lanxferctl: warning: .*\n){7}lanxferctl: error: .*\n$/);
    expect(told(true)).not.toContain("c".repeat(9));
    expect(told(true, { verbose: true })).toContain("cccc-".repeat(12));
  });

  it("takes what nobody foresaw for an internal error, without its stack", () => {
    const { ui, stderr } = screen(false, { verbose: true });
    expect(ui.failed(new TypeError("x is not a function"))).toBe(1);
    expect(stderr.text).toMatch(/^lanxferctl: error: internal error: x is not a function\n/);
    expect(stderr.text).not.toContain("ui.test");
    expect(ui.failed("thrown text")).toBe(1);
  });

  it("ends at once in a chain of causes that is a ring", () => {
    const ring = new Error("ring");
    ring.cause = ring;
    const { ui, stderr } = screen(false, { verbose: true });
    ui.failed(ring);
    expect(stderr.text.split("\n").length).toBeLessThan(20);
  });
});

describe("The output of lanxferctl --json", () => {
  it("is objects only, and one end", () => {
    const { ui, stdout } = screen(true, { json: true });
    ui.print("for people");
    ui.object({ name: HOSTILE });
    ui.status("never");
    ui.finish(0);
    ui.finish(1);
    const lines = stdout.text.split("\n").slice(0, -1);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { v: 1, name: HOSTILE },
      { v: 1, event: "done", ok: true, exit: 0 },
    ]);
    expect(ui.screen).toBeUndefined();
  });

  it("has the error in its end", () => {
    const { ui, stdout } = screen(false, { json: true });
    ui.finish(ui.failed(new LanxferError("E_DAEMON_DOWN")));
    expect(JSON.parse(stdout.text)).toEqual({
      v: 1,
      event: "done",
      ok: false,
      exit: 3,
      error: { code: "E_DAEMON_DOWN", message: "lanxferd is not running" },
    });
  });

  it("calls an end without an error what it is", () => {
    const { ui, stdout } = screen(false, { json: true });
    ui.finish(143);
    expect(JSON.parse(stdout.text)).toMatchObject({ exit: 143, error: { code: "E_CANCELLED" } });
  });

  it("calls nothing cancelled that was not interrupted", () => {
    const { ui, stdout } = screen(false, { json: true });
    ui.finish(3);
    expect(JSON.parse(stdout.text)).toEqual({ v: 1, event: "done", ok: false, exit: 3 });
  });

  it("is left out of the output for people", () => {
    const { ui, stdout } = screen(false);
    ui.object({});
    ui.finish(0);
    expect(stdout.text).toBe("");
  });
});

describe("The status line", () => {
  it("is drawn over itself and gone before anything else is written", () => {
    const { ui, stdout, stderr } = screen(true);
    ui.status("one");
    ui.status("two\x1b[2J");
    ui.print("data");
    ui.notice("note");
    ui.status("three");
    ui.finish(0);
    expect(stderr.text).toBe("\rone\x1b[K\rtwo\\x1b[2J\x1b[K\r\x1b[Knote\n\rthree\x1b[K\r\x1b[K");
    expect(stdout.text).toBe("data\n");
  });

  it("leaves the last column free and follows the width", () => {
    const { ui, stderr } = screen(true);
    expect(ui.statusColumns).toBe(59);
    stderr.columns = 20;
    expect(ui.statusColumns).toBe(19);
  });

  it("is not there on a pipe, on a dumb terminal, or with --json", () => {
    for (const { ui, stderr } of [
      screen(false),
      screen(true, { env: { TERM: "dumb" } }),
      screen(true, { json: true }),
    ]) {
      expect(ui.hasStatus).toBe(false);
      ui.status("x");
      expect(stderr.text).toBe("");
    }
  });
});

describe("A redrawn screen", () => {
  it("goes up over what it drew before", () => {
    const { ui, stdout } = screen(true);
    ui.redraw(["a", "b"]);
    ui.redraw(["c"]);
    ui.redraw([]);
    expect(stdout.text).toBe("\r\x1b[Ja\nb\n\x1b[2A\r\x1b[Jc\n\x1b[1A\r\x1b[J");
    expect(ui.screen).toEqual({ columns: 60, rows: 10 });
  });
});

describe("A stdout that cannot be written to", () => {
  it("is no error when its reader has left", async () => {
    const { ui, stdout } = screen(false);
    stdout.failure = Object.assign(new Error("broken"), { code: "EPIPE" });
    ui.print("x");
    await settle();
    expect(ui.readerGone.aborted).toBe(true);
    ui.print("y");
    await expect(ui.flushed()).resolves.toBeUndefined();
  });

  it("is an error otherwise, as data was lost", async () => {
    const { ui, stdout } = screen(false);
    stdout.failure = Object.assign(new Error("no space"), { code: "ENOSPC" });
    ui.print("x");
    await expect(ui.flushed()).rejects.toMatchObject({
      code: "E_STATE",
      message: "cannot use standard output: no space",
    });
  });

  it("does not stop what is said on stderr, and a lost stderr stops nothing", async () => {
    const { ui, stdout, stderr } = screen(false);
    stderr.failure = new Error("gone");
    ui.notice("x");
    await settle();
    ui.print("data");
    expect(stdout.text).toBe("data\n");
  });
});

describe("Standard input", () => {
  const never = new AbortController().signal;

  it("is read to its end when it is a pipe, without a prompt", async () => {
    const { ui, stdin, stderr } = screen(false);
    stdin.write("one\n");
    stdin.end("two\n");
    expect(await ui.read("? ", 100, never)).toBe("one\ntwo\n");
    expect(stderr.text).toBe("");
  });

  it("is read to the end of a line when a person types, who sees the prompt", async () => {
    const { ui, stdin, stderr } = screen(true);
    stdin.write("one\n");
    expect(await ui.read("? ", 100, never)).toBe("one\n");
    expect(stderr.text).toBe("? ");
    expect(stdin.destroyed).toBe(true);
  });

  it("is not read beyond what is of use", async () => {
    const { ui, stdin } = screen(false);
    stdin.write("x".repeat(1_000));
    expect(await ui.read("", 10, never)).toBe("x".repeat(10));
  });

  it("is given up when interrupted", async () => {
    const { ui } = screen(true);
    const interrupt = new AbortController();
    const reading = ui.read("? ", 100, interrupt.signal);
    interrupt.abort();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
  });
});
