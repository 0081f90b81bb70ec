import { describe, expect, it } from "vitest";
import { journalLine, logLine } from "../../../../src/ctl/service/log-lines.ts";

const AT = new Date(2026, 4, 1, 14, 3, 22).getTime();
const entry = (message: unknown) => JSON.stringify({ MESSAGE: message, __REALTIME_TIMESTAMP: `${AT}000` });

describe("A line of the service's log", () => {
  it("of the daemon is time, level, message and facts", () => {
    const line = JSON.stringify({ level: 40, time: AT, pid: 7, hostname: "h", wanted: 1, port: 2, msg: "port taken" });
    expect(journalLine(entry(line))).toBe("2026-05-01 14:03:22 warn port taken wanted=1 port=2");
    expect(logLine(line, Number.NaN)).toBe("2026-05-01 14:03:22 warn port taken wanted=1 port=2");
  });

  it("of an error is all on one line", () => {
    const line = JSON.stringify({
      level: 50,
      time: AT,
      err: { stack: "Error: x\n    at a\n    at b" },
      msg: "crashed",
    });
    expect(logLine(line, AT)).toBe("2026-05-01 14:03:22 error crashed err=Error: x < at a < at b");
  });

  it("of somebody else is time and text", () => {
    expect(journalLine(entry("Started lanxferd.service."))).toBe("2026-05-01 14:03:22 Started lanxferd.service.");
    expect(logLine("lanxferd: error: x", Number.NaN)).toBe("lanxferd: error: x");
  });

  it("cannot move the cursor, whoever wrote it", () => {
    const line = JSON.stringify({ level: 30, time: AT, msg: "a\x1b[2J", "k\n": "v\u202e" });
    for (const shown of [logLine(line, AT), journalLine(entry("\x1b]0;x\x07")), journalLine("\x1b[2J")]) {
      expect(shown).not.toMatch(/[\p{Cc}\u202e]/u);
    }
  });

  it("that is no such line is shown as it is", () => {
    expect(journalLine("-- No entries --")).toBe("-- No entries --");
    expect(journalLine('{"MESSAGE":[1,2]}')).toBe('{"MESSAGE":[1,2]}');
    expect(journalLine("[1]")).toBe("[1]");
  });
});
