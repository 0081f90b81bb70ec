import { describe, expect, it } from "vitest";
import {
  parseAddress,
  parseDuration,
  parseFileName,
  parseInviteSource,
  parseLimit,
  parseName,
  parseNote,
  parsePath,
  parsePattern,
  parsePlace,
  parseQueueTtl,
  parseRate,
  parseSince,
  parseTtl,
  parseWait,
  refuseInvite,
} from "../../../src/ctl/values.ts";

const usage = expect.objectContaining({ code: "E_USAGE" });

describe("A duration", () => {
  it.each([
    ["45s", 45_000],
    ["10m", 600_000],
    ["24h", 86_400_000],
    ["1h30m", 5_400_000],
    ["1h0m5s", 3_605_000],
    ["0s", 0],
    ["7d", 604_800_000],
    ["1d12h", 129_600_000],
  ])("is written %s", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["", "10", "m", "5 m", "1.5h", "-5m", "5m1h", "5m5m", "1D", "10M", "5m\n", "9999999s", "５m"])(
    "is not written %j",
    (text) => {
      expect(() => parseDuration(text)).toThrow(usage);
    },
  );

  it("of a queued transfer is a second to a year", () => {
    expect(parseQueueTtl("1s")).toBe(1_000);
    expect(parseQueueTtl("365d")).toBe(31_536_000_000);
    for (const text of ["0s", "366d"]) expect(() => parseQueueTtl(text)).toThrow(usage);
  });

  it("to wait for is a second at least", () => {
    expect(parseWait("1s")).toBe(1_000);
    expect(() => parseWait("0m")).toThrow(usage);
  });

  it("of an invite is a second to a day", () => {
    expect(parseTtl("1s")).toBe(1_000);
    expect(parseTtl("24h")).toBe(86_400_000);
    for (const text of ["0s", "24h1s", "x"]) expect(() => parseTtl(text)).toThrow(usage);
  });
});

describe("A rate", () => {
  it.each([
    ["1000", 1_000],
    ["500k", 500_000],
    ["2M", 2_000_000],
    ["1.5MB/s", 1_500_000],
    ["1g", 1_000_000_000],
  ])("is bytes a second: %s", (text, rate) => expect(parseRate(text)).toBe(rate));

  it.each(["", "k", "999", "0.5k", "-1M", "2Mbit", "1e6", "1.M", "2 M"])("is refused when it reads %s", (text) =>
    expect(() => parseRate(text)).toThrow(usage),
  );
});

describe("A limit", () => {
  it("is a number from 1 to 10000", () => {
    expect(parseLimit("1")).toBe(1);
    expect(parseLimit("10000")).toBe(10_000);
    for (const text of ["", "0", "10001", "1e3", "0x10", " 5", "-1", "5.0"])
      expect(() => parseLimit(text)).toThrow(usage);
  });
});

describe("The address of a host", () => {
  it.each([
    ["nas", "nas", 25_726],
    ["nas.local:4000", "nas.local", 4000],
    ["192.0.2.7", "192.0.2.7", 25_726],
    ["192.0.2.7:1", "192.0.2.7", 1],
    ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65_535],
    ["[::1]", "::1", 25_726],
    ["fe80::1%eth0", "fe80::1%eth0", 25_726],
    ["::1", "::1", 25_726],
  ])("is read from %s", (text, host, port) => {
    expect(parsePlace(text)).toEqual({ host, port });
    expect(parseAddress(text)).toBe(text);
  });

  it.each(["", ":4000", "nas:", "nas:0", "nas:65536", "nas:x", "a b", "http://nas", "[::1", "[]:1", "nas:123456"])(
    "is not read from %j",
    (text) => {
      expect(() => parsePlace(text)).toThrow(usage);
      expect(() => parseAddress(text)).toThrow(usage);
    },
  );
});

describe("A path and a place of an invite", () => {
  it("are anything but empty", () => {
    expect(parsePath("-")).toBe("-");
    expect(parseInviteSource("-")).toBe("-");
    expect(() => parsePath("")).toThrow(usage);
    expect(() => parseInviteSource("")).toThrow(usage);
  });
});

describe("An invite among the arguments", () => {
  const invite = `lanxfer-${"abcdefghijklmnopqrstuvwxyz234567".repeat(3)}`;

  it.each([
    [invite],
    ["pair", "--invite", invite],
    [`--invite=${invite}`],
    [invite.toUpperCase()],
    [invite.replace(/(.{10})/g, "$1\n")],
    [invite.slice(0, 80)],
  ])("is refused, and the error does not repeat it (%#)", (...argv) => {
    expect(() => refuseInvite(argv)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("abcdef") }),
    );
  });

  it("is not seen in names that only begin so", () => {
    for (const name of ["lanxfer", "lanxfer-invite.txt", `/home/me/lanxfer-2026/${"report/".repeat(20)}`]) {
      expect(() => refuseInvite(["send", "alice", name])).not.toThrow();
    }
  });
});

describe("A point in time", () => {
  it.each([
    ["7d", { ago: 7 * 86_400_000 }],
    ["12h", { ago: 43_200_000 }],
    ["1h30m", { ago: 5_400_000 }],
    ["2026-05-01", { at: new Date(2026, 4, 1).getTime() }],
    ["2026-05-01T14:03", { at: new Date(2026, 4, 1, 14, 3).getTime() }],
    ["2026-05-01T14:03:22.5Z", { at: Date.UTC(2026, 4, 1, 14, 3, 22, 500) }],
    ["2026-05-01T14:03+02:00", { at: Date.UTC(2026, 4, 1, 12, 3) }],
  ])("is written %s", (text, since) => {
    expect(parseSince(text)).toEqual(since);
  });

  it.each([
    "",
    "7",
    "d",
    "12h1d",
    "yesterday",
    "2026",
    "2026-5-1",
    "2026-13-01",
    "2026-05-01 14:00",
    "2026-05-01T25:00",
  ])("is not written %j", (text) => {
    expect(() => parseSince(text)).toThrow(usage);
  });
});

describe("What goes with a transfer", () => {
  it("is a note of one line, with anything that can be read", () => {
    for (const text of ["a", "signed at last, שלום 🖋", "é".repeat(512), " a "]) expect(parseNote(text)).toBe(text);
    for (const text of ["", "  ", "a\nb", "\x1b[2J", "a\u2028b", "\ud800", "é".repeat(513)]) {
      expect(() => parseNote(text)).toThrow(usage);
    }
  });

  it("is the name of a file for what is piped in", () => {
    for (const name of ["db.sql", ".hidden", "-rf", "a b", "C:", "é".repeat(127)])
      expect(parseFileName(name)).toBe(name);
    for (const name of ["", ".", "..", "a/b", "/", "a\0b", "\ud800", "é".repeat(128)]) {
      expect(() => parseFileName(name)).toThrow(usage);
    }
  });

  it("are patterns and names, none of them empty", () => {
    expect(parsePattern("*.tmp")).toBe("*.tmp");
    expect(parseName("alice")).toBe("alice");
    expect(() => parsePattern("")).toThrow(usage);
    expect(() => parseName("")).toThrow(usage);
  });
});
