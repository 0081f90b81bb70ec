import { describe, expect, it } from "vitest";
import { type Ask, completions } from "../../../src/ctl/complete.ts";
import { COMMANDS } from "../../../src/ctl/program.ts";

/** Each kind is known by two words that say what it is; what it was asked with stands in the second. */
const known: Ask = async (kind, before) => [{ word: kind }, { word: `${kind}-of-${before}` }];
const offered = (...words: string[]) => completions(words, COMMANDS, known);
const ask = async (...words: string[]) => (await offered(...words)).candidates.map(({ word }) => word);

describe("Completion", () => {
  it("offers what begins with the word at the cursor, and says what it means", async () => {
    expect(await ask("in")).toEqual(["invite", "inbox"]);
    expect(await ask("config", "un")).toEqual(["unset"]);
    expect(await ask("peers", "")).toEqual(["add", "rm"]);
    expect((await offered("stat")).candidates).toEqual([{ word: "status", about: "show how lanxferd is doing" }]);
  });

  it.each([
    [["send", ""], "peers"],
    [["pair", ""], "peer"],
    [["unpair", ""], "device"],
    [["policy", ""], "device"],
    [["rename", ""], "device"],
    [["cancel", ""], "cancellable"],
    [["retry", ""], "retryable"],
    [["pause", ""], "pausable"],
    [["pause", "one", ""], "pausable"],
    [["resume", ""], "paused"],
    [["accept", ""], "offer"],
    [["decline", ""], "offer"],
    [["config", "get", ""], "setting"],
    [["config", "set", ""], "setting"],
    [["config", "unset", ""], "setting"],
    [["config", "set", "unpaired", ""], "value"],
    [["inbox", "--from", ""], "device"],
    [["history", "--json", "--peer", ""], "device"],
  ])("asks for what the command can act on: %j", async (words, kind) => {
    expect(await ask(...words)).toContain(kind);
  });

  it("tells which setting it is whose value is wanted", async () => {
    expect(await ask("config", "set", "log.level", "")).toEqual(["value", "value-of-log.level"]);
  });

  it("counts words, not options and their values", async () => {
    expect(await ask("-v", "send", "--json", "p")).toEqual(["peers", "peers-of-send"]);
    expect(await ask("send", "--bwlimit", "2M", "p")).toEqual(["peers", "peers-of-send"]);
    expect(await ask("send", "--wait", "p")).toEqual(["peers", "peers-of-send"]);
    expect(await ask("send", "--bwlimit=2M", "p")).toEqual(["peers", "peers-of-send"]);
    expect(await ask("policy", "--verbose", "box", "a")).toEqual(["auto", "ask"]);
  });

  it("goes on with a list of receivers, without those that are in it", async () => {
    expect(await ask("send", "bob,")).toEqual(["bob,peers", "bob,peers-of-send"]);
    expect(await ask("send", "peers,bob,p")).toEqual(["peers,bob,peers-of-send"]);
  });

  it("leaves files to the shell, and only where files are wanted", async () => {
    const files = { candidates: [], files: true };
    for (const words of [
      ["send", "alice", ""],
      ["send", "alice", "a", ""],
      ["send", "alice", "--", "-"],
      ["invite", "--out", ""],
      ["pair", "--invite", "x"],
    ]) {
      expect(await offered(...words)).toEqual(files);
    }
    expect((await offered("send", "")).files).toBe(false);
  });

  it("offers nothing where a text is wanted, or after the last argument", async () => {
    for (const words of [
      ["rename", "box", ""],
      ["unpair", "box", ""],
      ["nothing", ""],
      ["send", "--note", ""],
    ]) {
      expect(await offered(...words)).toEqual({ candidates: [], files: false });
    }
  });

  it("offers options only to a word that begins as one", async () => {
    expect(await ask("history", "--")).toEqual(["--peer", "--since", "--limit", "--json", "--verbose", "--help"]);
    expect(await ask("history", "--l")).toEqual(["--limit"]);
    expect(await ask("history", "")).toEqual([]);
  });

  it("asks for names only where they are wanted", async () => {
    const never = () => Promise.reject(new Error("asked"));
    for (const words of [["pe"], ["policy", "x", ""], ["send", "--"], ["send", "alice", ""]]) {
      await completions(words, COMMANDS, never);
    }
  });
});
