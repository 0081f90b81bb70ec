/** The documents that people read first: what they show can be typed, and what they refer to is there. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readArguments } from "../../src/ctl/arguments.ts";
import { COMMANDS } from "../../src/ctl/program.ts";
import { promptedCommands } from "../support/command-line.ts";

const at = (name: string) => new URL(`../../${name}`, import.meta.url);
const read = (name: string) => readFileSync(at(name), "utf8");
const understood = (argv: readonly string[]) => readArguments(argv, COMMANDS) !== undefined;

describe.each(["README.md", "CONTRIBUTING.md"])("%s", (name) => {
  it("refers to files that exist", () => {
    const links = [...read(name).matchAll(/\]\(([^)#:]+)\)/g)].map(([, link = ""]) => link);
    expect(links.length).toBeGreaterThan(2);
    expect(links.filter((link) => !existsSync(at(link)))).toEqual([]);
  });

  it("names scripts that package.json has", () => {
    const scripts = Object.keys(JSON.parse(read("package.json")).scripts);
    const named = [...read(name).matchAll(/npm run ([\w:]+)/g)].map(([, script = ""]) => script);
    expect(named.length).toBeGreaterThan(2);
    for (const script of named) expect(scripts).toContain(script);
  });
});

describe("README.md", () => {
  it("shows commands that are understood", () => {
    const shown = promptedCommands(read("README.md"));
    expect(shown.length).toBeGreaterThan(8);
    expect(shown.filter((argv) => !understood(argv))).toEqual([]);
  });

  it("lists commands that exist, with options that they have", () => {
    const rows = [...read("README.md").matchAll(/^\| (`.*?`.*?) \|/gm)].map(([, cell = ""]) => cell);
    const codes = rows.flatMap((cell) => [...cell.matchAll(/`lanxferctl ([^`]+)`/g)].map(([, code = ""]) => code));
    expect(codes.length).toBeGreaterThan(15);
    for (const code of codes) {
      const words = code.split(" ");
      const command = COMMANDS.find(({ words: [first] }) => first === words[0]);
      const below = COMMANDS.filter(({ words: [first] }) => first === words[0]);
      expect(command, code).toBeDefined();
      for (const [, option = ""] of code.matchAll(/--([\w-]+)/g)) {
        expect(
          below.flatMap(({ options }) => Object.keys(options)),
          code,
        ).toContain(option);
      }
    }
  });
});

describe("The recording", () => {
  it("is of commands that are understood", () => {
    const texts = [...read("docs/recording.svg").matchAll(/<text[^>]*>([^<]*)</g)].map(([, text = ""]) => text);
    const shown = promptedCommands(texts.join("\n"));
    expect(shown.length).toBeGreaterThan(4);
    expect(shown.filter((argv) => !understood(argv))).toEqual([]);
  });
});

describe("CONTRIBUTING.md", () => {
  it("has every suite", () => {
    const folders = readdirSync(at("test"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !["support", "vectors"].includes(entry.name))
      .map(({ name }) => name);
    const rows = [...read("CONTRIBUTING.md").matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)];
    const suites = rows.flatMap(([, cell = ""]) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name));
    expect(suites.sort()).toEqual(folders.sort());
  });
});
