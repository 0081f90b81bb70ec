import { describe, expect, it } from "vitest";
import { asksFor, readArguments } from "../../../src/ctl/arguments.ts";
import type { Option } from "../../../src/ctl/grammar.ts";
import { COMMANDS } from "../../../src/ctl/program.ts";

/** Command and arguments as read, or undefined. */
function read(...argv: string[]) {
  const line = readArguments(argv, COMMANDS);
  return line && { words: line.command.words.join(" "), ...line.raw };
}

describe("A command line", () => {
  it("names its command by the longest words that fit", () => {
    expect(read("peers")).toEqual({ words: "peers", positionals: [], options: {} });
    expect(read("peers", "rm", "nas")).toEqual({ words: "peers rm", positionals: ["nas"], options: {} });
    expect(read("config", "get", "get")).toMatchObject({ words: "config get", positionals: ["get"] });
  });

  it("may have options anywhere before --", () => {
    const expected = { words: "config list", positionals: [], options: { json: true, verbose: true } };
    for (const argv of [
      ["config", "list", "--json", "-v"],
      ["-v", "--json", "config", "list"],
      ["config", "--json", "list", "--verbose"],
    ]) {
      expect(read(...argv)).toEqual(expected);
    }
  });

  it("takes everything after -- as it is, and a lone dash anywhere", () => {
    expect(read("send", "a", "--", "-f", "--json", "--", "help")).toMatchObject({
      positionals: ["a", "-f", "--json", "--", "help"],
      options: {},
    });
    expect(read("send", "a", "-")).toMatchObject({ positionals: ["a", "-"] });
    expect(read("pair", "--invite", "-")).toMatchObject({ options: { invite: "-" } });
  });

  it("takes words that mean something elsewhere for what they are here", () => {
    expect(read("send", "help", "completion", "version", "__proto__")).toMatchObject({
      words: "send",
      positionals: ["help", "completion", "version", "__proto__"],
    });
  });

  it("gives an option its value in both ways of writing it", () => {
    expect(read("invite", "--ttl", "5m")?.options).toEqual({ ttl: "5m" });
    expect(read("invite", "--ttl=5m")?.options).toEqual({ ttl: "5m" });
  });

  it.each([
    [],
    ["-v"],
    ["nothing"],
    ["add", "peers"],
    ["peers", "extra"],
    ["peers", "--all"],
    ["peers", "--json=true"],
    ["peers", "--no-json"],
    ["peers", "-j"],
    ["peers", "--help"],
    ["send", "alice"],
    ["send", "alice", "--bogus", "x"],
    ["cancel", "a", "b"],
    ["invite", "--ttl"],
    ["invite", "--ttl", "-5m"],
    ["pair", "alice", "bob"],
    ["policy", "alice", "sometimes"],
    ["completion", "csh"],
    ["config"],
    ["config", "peers"],
  ])("is not understood when any of it is wrong (%#)", (...argv) => {
    expect(read(...argv)).toBeUndefined();
  });

  it("has options that may have a value, behind = and nowhere else", () => {
    const options = (...argv: string[]) => read(...argv)?.options;
    expect(options("send", "a", "b", "--queue", "--wait")).toMatchObject({ wait: "" });
    expect(options("send", "--wait", "--queue", "a", "b")).toMatchObject({ wait: "" });
    expect(options("send", "a", "b", "--wait=10m", "--queue")).toMatchObject({ wait: "10m" });
    expect(read("send", "a", "--", "--wait")?.positionals).toEqual(["a", "--wait"]);
    expect(read("send", "a", "--wait", "10m")?.positionals).toEqual(["a", "10m"]);
  });

  it("asks for something only before --", () => {
    expect(asksFor(["send", "a", "--help"], "--help")).toBe(true);
    expect(asksFor(["send", "a", "--", "--help"], "--help")).toBe(false);
    expect(asksFor(["send", "a", "help"], "--help")).toBe(false);
  });
});

describe("The table of commands", () => {
  it("has each command once, under words of its own", () => {
    const words = COMMANDS.map((command) => command.words.join(" "));
    expect(new Set(words).size).toBe(words.length);
  });

  it("uses the name of an option for one type only, as options are told apart before the command is known", () => {
    const types = new Map<string, boolean>();
    for (const { options } of COMMANDS) {
      for (const [name, option] of Object.entries<Option>(options)) {
        const takesValue = option.parse !== undefined;
        expect(types.get(name) ?? takesValue, name).toBe(takesValue);
        types.set(name, takesValue);
      }
    }
  });

  it("wants no argument after one that may be missing, and none after a list", () => {
    for (const { positionals, words } of COMMANDS) {
      const before = positionals.slice(0, -1).map(({ arity }) => arity);
      expect(
        before.every((arity) => arity === "one"),
        words.join(" "),
      ).toBe(true);
    }
  });
});
