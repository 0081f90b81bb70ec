import { describe, expect, it } from "vitest";
import { differences, untouched } from "../support/tree.ts";
import { objects, Place, transcript } from "./support/place.ts";

const MISTAKES: readonly (readonly string[])[] = [
  ["bogus"],
  ["pers"],
  ["peers", "foo"],
  ["peers", "--jsn"],
  ["peers", "--json=yes"],
  ["peers", "add", "nas"],
  ["peers", "add", "nas", "host:99999"],
  ["send", "alice"],
  ["send", "alice", "help", "--bogus"],
  ["send", "alice", "--queued", "x"],
  ["transfers", "--limit", "1"],
  ["cancel"],
  ["cancel", "a", "b"],
  ["invite", "--ttl"],
  ["invite", "--ttl", "5"],
  ["invite", "--ttl", "25h"],
  ["invite", "--address", "a b"],
  ["pair", "alice", "bob"],
  ["pair", "--invite", ""],
  ["policy", "alice", "maybe"],
  ["inbox", "--from", ""],
  ["receive", "--once", "--timeout", "soon"],
  ["receive", "extra"],
  ["history", "--limit", "0"],
  ["history", "--limit", "-1"],
  ["config"],
  ["config", "lst"],
  ["config", "set", "name"],
  ["service"],
  ["service", "start"],
  ["service", "install", "--user", "anna"],
  ["service", "status", "--user", "a/b"],
  ["service", "logs", "--lines", "none"],
  ["completion", "tcsh"],
  ["peers", "\x1b[2J"],
];

describe("A wrong command line", () => {
  it("is explained, in our form, and exits with 2", async () => {
    const place = await Place.open();
    const before = await place.tree();
    const told: string[] = [];
    for (const args of MISTAKES) {
      const result = await place.ctl(args);
      expect(result, args.join(" ")).toMatchObject({ code: 2, stdout: "" });
      expect(result.stderr).toMatch(/^lanxferctl: error: [^A-Z][^\n]*[^.\n]\nlanxferctl: hint: [^\n]+\n$/);
      told.push(transcript(args, result));
    }
    await expect(told.join("\n")).toMatchFileSnapshot("golden/mistakes.txt");
    expect(differences(before, await place.tree(), untouched)).toEqual([]);
  });

  it("is told to programs, too", async () => {
    const place = await Place.open();
    const { code, stdout } = await place.ctl(["peers", "--json", "--bogus"]);
    expect(code).toBe(2);
    expect(objects(stdout)).toEqual([
      { v: 1, event: "done", ok: false, exit: 2, error: { code: "E_USAGE", message: "unknown argument: bogus" } },
    ]);
  });

  it("is not taken for a call for help because a file is called so", async () => {
    const place = await Place.open();
    for (const args of [
      ["send", "alice", "help", "--bogus"],
      ["send", "alice", "--bogus", "--", "--help"],
    ]) {
      expect(await place.ctl(args)).toMatchObject({ code: 2, stdout: "" });
    }
  });

  it("is explained in English wherever it was written", async () => {
    const place = await Place.open();
    const { stderr } = await place.ctl(["bogus"], { env: { LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8" } });
    expect(stderr).toMatch(/^lanxferctl: error: unknown argument: bogus\n/);
  });
});

describe("lanxferctl --help", () => {
  it.each([
    ["help", ["--help"]],
    ["help-peers", ["peers", "--help"]],
    ["help-send", ["send", "--help"]],
    ["help-inbox", ["inbox", "--help"]],
    ["help-pair", ["pair", "-h"]],
    ["help-receive", ["receive", "--help"]],
    ["help-config", ["config", "--help"]],
    ["help-config-set", ["config", "set", "--help"]],
    ["help-service", ["service", "--help"]],
    ["help-service-install", ["service", "install", "--help"]],
  ])("goes to stdout, without a daemon: %s", async (golden, args) => {
    const place = await Place.open();
    const result = await place.ctl(args);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    await expect(transcript(args, result)).toMatchFileSnapshot(`golden/${golden}.txt`);
  });

  it.each([[[]], [["-v"]]])("is on stderr with exit 2 when no command was given (%j)", async (args: string[]) => {
    const place = await Place.open();
    const help = await place.ctl(["--help"]);
    expect(await place.ctl(args)).toMatchObject({ code: 2, stdout: "", stderr: help.stdout });
  });

  it("gives way to --version", async () => {
    const place = await Place.open();
    await expect(transcript(["--version"], await place.ctl(["--version"]))).toMatchFileSnapshot("golden/version.txt");
  });
});
