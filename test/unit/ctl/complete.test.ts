import { describe, expect, it } from "vitest";
import { completions } from "../../../src/ctl/complete.ts";
import { COMMANDS } from "../../../src/ctl/program.ts";

const names = async (kind: "peer" | "device") => (kind === "peer" ? ["alice", "bob"] : ["box"]);
const ask = (...words: string[]) => completions(words, COMMANDS, names);

describe("Completion", () => {
  it("offers what begins with the word at the cursor", async () => {
    expect(await ask("lanxferctl", "in")).toEqual(["invite", "inbox"]);
    expect(await ask("/usr/bin/lanxferctl", "config", "un")).toEqual(["unset"]);
    expect(await ask("lanxferctl", "send", "b")).toEqual(["bob"]);
    expect(await ask("lanxferctl", "rename", "")).toEqual(["box"]);
  });

  it("counts words, not options", async () => {
    expect(await ask("lanxferctl", "-v", "send", "--json", "a")).toEqual(["alice"]);
    expect(await ask("lanxferctl", "policy", "--verbose", "box", "a")).toEqual(["auto", "ask"]);
  });

  it("offers nothing where a file or a text is wanted, or after the last argument", async () => {
    for (const words of [
      ["send", "alice", ""],
      ["send", "alice", "a", ""],
      ["rename", "box", ""],
      ["cancel", ""],
      ["unpair", "box", ""],
      ["nothing", ""],
    ]) {
      expect(await ask("lanxferctl", ...words)).toEqual([]);
    }
  });

  it("offers options only to a word that begins as one", async () => {
    expect(await ask("lanxferctl", "history", "--")).toEqual([
      "--peer",
      "--since",
      "--limit",
      "--json",
      "--verbose",
      "--help",
    ]);
    expect(await ask("lanxferctl", "history", "--l")).toEqual(["--limit"]);
    expect(await ask("lanxferctl", "history", "")).toEqual([]);
  });

  it("goes on from a finished word, as fish does not tell of the empty one after it", async () => {
    expect(await ask("config")).toEqual(["config", "list", "get", "set", "unset"]);
    expect(await ask("send")).toEqual(["send", "alice", "bob"]);
  });

  it("asks for names only where they are wanted", async () => {
    const never = () => Promise.reject(new Error("asked"));
    expect(await completions(["lanxferctl", "pe"], COMMANDS, never)).toEqual(["peers"]);
    expect(await completions(["lanxferctl", "policy", "x", ""], COMMANDS, never)).toEqual(["auto", "ask", "block"]);
  });
});
