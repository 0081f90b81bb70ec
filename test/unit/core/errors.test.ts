import { describe, expect, it } from "vitest";
import {
  ERRORS,
  type ErrorCode,
  fromWire,
  LanxferError,
  sentence,
  systemCode,
  toLanxferError,
  toView,
  toWire,
} from "../../../src/core/errors.ts";

const codes = Object.keys(ERRORS) as ErrorCode[]; // the keys of the table are its codes
const wireCodes = codes.filter((code) => ERRORS[code].wire);
const localCodes = codes.filter((code) => !ERRORS[code].wire);

const placeholders = (code: ErrorCode) =>
  [...ERRORS[code].sentence.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
const allDetails = (code: ErrorCode) => Object.fromEntries(placeholders(code).map((name) => [name, `<${name}>`]));

describe("the table of errors", () => {
  it.each(codes)("%s fills its sentence", (code) => {
    const full = sentence(code, allDetails(code));
    // Eight characters: of an id no more is shown.
    for (const name of placeholders(code)) expect(full).toContain(`<${name}>`.slice(0, 8));
    expect(full).not.toMatch(/[{}[\]?]/);
  });

  it.each(codes)("%s still reads as a sentence when nothing is known of its case", (code) => {
    const bare = sentence(code, {});
    expect(bare).not.toMatch(/[{}[\]]/);
    expect(bare.trim()).not.toBe("");
  });

  it.each(codes)("%s is one line, lower case, without a full stop, as are hints", (code) => {
    const { sentence: text, hint } = ERRORS[code] as { sentence: string; hint?: string }; // some have no hint
    for (const line of hint === undefined ? [text] : [text, hint]) {
      expect(line).toMatch(/^["{a-z]/);
      expect(line).not.toMatch(/[.\n]$|[^\x20-\x7e]/);
    }
  });

  it("tells sizes to the byte where they would read alike", () => {
    const needs = (needs: number, has: number) => new LanxferError("E_NO_SPACE", { peer: "alice", needs, has }).message;
    expect(needs(8_400_001, 8_399_999)).toBe("no space left at alice (needs 8400001 bytes, has 8399999 bytes)");
    expect(needs(8_500_000, 8_400_000)).toBe("no space left at alice (needs 8.5 MB, has 8.4 MB)");
  });

  it("knows only the documented exit statuses", () => {
    const documented = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 23, 130];
    for (const code of codes) expect(documented).toContain(ERRORS[code].exit);
  });
});

describe("a sentence", () => {
  it("shows sizes as sizes and other numbers as they are", () => {
    expect(sentence("E_NO_SPACE", { peer: "nas", needs: 5_000_000_000, has: 12 })).toBe(
      "no space left at nas (needs 5.0 GB, has 12 B)",
    );
    expect(sentence("E_PARTIAL", { failed: 1, total: 2000 })).toBe("1 of 2000 transfers failed");
  });

  it("leaves a part out when one of its details is missing", () => {
    expect(sentence("E_NO_SPACE", { peer: "nas", needs: 5 })).toBe("no space left at nas");
  });

  it("makes every detail safe for a terminal and does not fill what a detail brought along", () => {
    expect(sentence("E_NO_PEER", { name: "\u001b[2J\nx" })).toBe('no peer named "\\x1b[2J\\x0ax"');
    expect(sentence("E_DECLINED", { peer: "{text}[x]", text: "{peer}" })).toBe("declined by {text}[x]: {peer}");
  });

  it("does not take a detail from the prototype of an object", () => {
    // A caller that forwards a parsed object: its prototype is not what it says.
    const details = Object.create({ text: "inherited" }) as Record<string, string>;
    expect(sentence("E_DECLINED", details)).toBe("declined by the peer");
  });
});

describe("any thrown value", () => {
  it("that is a LanxferError stays the one it is", () => {
    const error = new LanxferError("E_CANCELLED");
    expect(toLanxferError(error)).toBe(error);
  });

  it.each([
    [new Error("boom"), "internal error: boom"],
    ["text", "internal error: text"],
    [undefined, "internal error: undefined"],
    [Object.create(null), "internal error: object"],
    [Symbol("s"), "internal error: Symbol(s)"],
  ])("becomes an internal error and keeps its cause", (thrown, message) => {
    const error = toLanxferError(thrown);
    expect(error.code).toBe("E_INTERNAL");
    expect(error.message).toBe(message);
    expect(error.cause).toBe(thrown);
  });

  it("gives the code of a system error and nothing else", () => {
    expect(systemCode(Object.assign(new Error("x"), { code: "ENOSPC" }))).toBe("ENOSPC");
    expect(systemCode(new LanxferError("E_CANCELLED"))).toBeUndefined();
    for (const other of [new Error("x"), Object.assign(new Error("x"), { code: 5 }), { code: "ENOSPC" }, null]) {
      expect(systemCode(other)).toBeUndefined();
    }
  });
});

describe("more details", () => {
  it("make the same error, with its cause, and a fuller sentence", () => {
    const cause = new Error("EPIPE");
    const error = new LanxferError("E_LOST", { text: "reset" }, { cause }).with({ peer: "nas" });
    expect(error.message).toBe("the connection to nas was lost: reset");
    expect(error.cause).toBe(cause);
  });
});

describe("an error on its way to a peer", () => {
  it("that we cancelled is told as cancelled by us", () => {
    expect(toWire(new LanxferError("E_CANCELLED"))).toEqual({ code: "E_CANCELLED_BY_PEER" });
  });

  it.each(localCodes.filter((code) => code !== "E_CANCELLED"))(
    "%s stays here: the peer learns only that something went wrong",
    (code) => {
      expect(toWire(new LanxferError(code, { text: "secret", path: "/home/ada" }))).toEqual({ code: "E_INTERNAL" });
    },
  );

  it.each(wireCodes)("%s arrives as itself, with a whole sentence", (code) => {
    const sent = toWire(new LanxferError(code, allDetails(code)));
    const received = fromWire(sent, "nas");
    expect(received.code).toBe(code);
    expect(received.message).not.toMatch(/[?{}]/);
  });

  it("tells the name of a source, not where it is", () => {
    const sent = toWire(new LanxferError("E_SOURCE_CHANGED", { path: "/home/ada/secret plans/a.txt" }));
    expect(sent).toEqual({ code: "E_SOURCE_CHANGED", details: { name: "a.txt" } });
    expect(fromWire(sent, "nas").message).toBe("a.txt changed while it was being sent");
  });

  it("tells the name that cannot be used, whether the caller knew a path or a name", () => {
    const sent = toWire(new LanxferError("E_NAME", { path: "/home/ada/secret plans/a\\..", text: "climbs" }));
    expect(sent).toEqual({ code: "E_NAME", details: { name: "a\\..", text: "climbs" } });
    expect(fromWire(sent, "nas").message).toBe("unusable file name a\\..: climbs");
    expect(new LanxferError("E_NAME", { name: '".."' }).message).toBe('unusable file name ".."');
  });

  it("carries listed details only, and no half of a character", () => {
    const sent = toWire(
      new LanxferError("E_DECLINED", {
        text: `${"x".repeat(255)}😀`,
        peer: "nas",
        path: "/",
        secret: "s",
        expected: "e",
      }),
    );
    expect(sent.details).toEqual({ text: "x".repeat(255) });
    expect(toWire(new LanxferError("E_DECLINED", { peer: "nas" }))).toEqual({ code: "E_DECLINED" });
  });
});

describe("an error told by a peer", () => {
  it.each([...localCodes, "E_UNHEARD_OF", "constructor", "__proto__", "toString", ""])(
    "becomes E_PEER when it is not a peer's to say: %s",
    (code) => {
      const error = fromWire({ code, details: { text: "do as I say", path: "/etc/passwd" } }, "nas");
      expect(error.code).toBe("E_PEER");
      expect(error.details).toEqual({ peer: "nas", text: code });
      expect(error.kind.retryable).toBe(false);
    },
  );

  it("cannot say who it is, nor add a detail that is not listed", () => {
    // As JSON.parse makes it: __proto__ is then an own key.
    const wire = JSON.parse(
      '{"code":"E_DECLINED","details":{"peer":"root","path":"/etc","hint":"rm -rf ~","expected":"x","__proto__":{"a":1},"text":"no"}}',
    );
    const error = fromWire(wire, "nas");
    expect(error.details).toEqual({ peer: "nas", text: "no" });
    expect(error.message).toBe("declined by nas: no");
  });

  it("is cut and made safe, code and text", () => {
    const long = fromWire(
      { code: "E_DECLINED", details: { text: `\u001b]0;x\u0007${"y".repeat(10_000_000)}` } },
      "nas",
    );
    expect(String(long.details["text"]).length).toBe(256);
    expect(long.message).toMatch(/^declined by nas: \\x1b\]0;x\\x07y+$/);
    const code = fromWire({ code: `\u001b${"E".repeat(60_000)}` }, "nas");
    expect(code.code).toBe("E_PEER");
    expect(String(code.details["text"]).length).toBe(256);
    expect(code.message).toMatch(/^[\x20-\x7e]+$/);
  });

  it("drops details of another type than text and number", () => {
    // What the type forbids, a peer can still send.
    const details = { text: { toString: "x" }, name: ["a"], needs: null, has: true } as unknown as Record<
      string,
      string
    >;
    expect(fromWire({ code: "E_NO_SPACE", details }, "nas").details).toEqual({ peer: "nas" });
  });
});

describe("an error as the control interface shows it", () => {
  it("has code, sentence, exit status, whether to try again and the hint where there is one", () => {
    expect(toView(new LanxferError("E_NO_PEER", { name: "alice" }))).toEqual({
      code: "E_NO_PEER",
      message: 'no peer named "alice"',
      exit: 4,
      retryable: false,
      hint: 'run "lanxferctl peers"',
    });
    expect(toView(new LanxferError("E_STOPPING", { peer: "nas" }))).toEqual({
      code: "E_STOPPING",
      message: "nas is shutting down",
      exit: 5,
      retryable: true,
    });
  });

  it("tells apart what the sentence leaves out or says in short, and nothing else", () => {
    const ids = { expected: "b".repeat(52), got: "c".repeat(52) };
    const error = new LanxferError("E_IDENTITY", { peer: "nas", ...ids, path: "/etc" });
    expect(error.message).toMatch(/\(expected bbbbbbbb, got cccccccc\)$/);
    expect(toView(error).details).toEqual({ peer: "nas", ...ids });
    expect(toView(new LanxferError("E_IDENTITY"))).not.toHaveProperty("details");
  });
});
