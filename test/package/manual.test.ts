/** The manual: well-formed, and told of exactly what there is. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ERRORS } from "../../src/core/errors.ts";
import { GLOBAL_OPTIONS, readArguments } from "../../src/ctl/arguments.ts";
import type { Option } from "../../src/ctl/grammar.ts";
import { helpText } from "../../src/ctl/help.ts";
import { COMMANDS, GROUPS } from "../../src/ctl/program.ts";
import { SETTINGS, type SettingName, variableOf } from "../../src/daemon/host/settings.ts";
import { optionsOf, Page } from "../support/manual.ts";
import { suiteFor } from "../support/privilege.ts";
import { run } from "../support/process.ts";

const PAGES = ["lanxfer-config.5", "lanxferctl.1", "lanxferd.8"];
const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const SOURCE = fileURLToPath(new URL("../../src/", import.meta.url));

/** What a file is about stands in docs/man; only the lists come from tables. */
const wanted = (page: string, section: string, line: string) => `docs/man/${page}: under ${section}, write "${line}"`;

function sources(...folders: readonly string[]): { readonly name: string; readonly text: string }[] {
  const files = folders.flatMap((folder) =>
    readdirSync(`${SOURCE}${folder}`, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.[jt]s$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  return files.map((name) => ({ name, text: readFileSync(`${SOURCE}${name}`, "utf8") }));
}

suiteFor(["manual"])("The manual", () => {
  it.each(PAGES)("is written as mdoc wants it: %s", async (page) => {
    const { stdout } = await run(["mandoc", "-T", "lint", `${DIST}man/${page}`]);
    const others = [...PAGES, "systemd.1"].map((name) => name.replace(".", " "));
    // Whether the pages it refers to are installed is no matter of the page.
    const isReference = (line: string) => others.some((name) => line.includes(`manual not found: Xr ${name}`));
    expect(stdout.split("\n").filter((line) => line !== "" && !isReference(line))).toEqual([]);
  });

  it("is read by man in full, with nothing left to fill in", async () => {
    expect(readdirSync(`${DIST}man`).sort()).toEqual(PAGES);
    for (const page of PAGES) {
      const text = (await run(["mandoc", "-T", "ascii", `${DIST}man/${page}`])).stdout;
      expect(text.split("\n").length, page).toBeGreaterThan(60);
      expect(text).not.toMatch(/@\w|undefined|\[object/);
    }
  });
});

describe("lanxferctl(1)", () => {
  const page = new Page("lanxferctl.1");
  const program = { commands: COMMANDS, groups: GROUPS };

  it("has every command once, with the options that --help has", async () => {
    const entries = page.entries("COMMANDS", "Ic");
    const names = COMMANDS.map(({ words }) => words.join(" "));
    // The words of a command come before its first argument.
    const nameOf = (head: string) => head.split(/ (?:Oo|Op|Ar|Cm|Fl)\b/)[0];
    expect(entries.map(({ head }) => nameOf(head))).toEqual(names);
    for (const { head, body } of entries) {
      const name = nameOf(head) ?? "";
      const help = (await helpText(name.split(" "), program)).split("\n");
      const told = help.flatMap((line) => /^ +(?:-\w, )?--([\w-]+) /.exec(line)?.[1] ?? []);
      const own = told.filter((option) => !["help", "version", ...Object.keys(GLOBAL_OPTIONS)].includes(option));
      expect(optionsOf(body), name).toEqual(own);
    }
  });

  it("mentions no command and no option that does not exist, and shows only what can be typed", () => {
    const options: [string, Option][] = [{ options: GLOBAL_OPTIONS }, ...COMMANDS].flatMap((one) =>
      Object.entries<Option>(one.options),
    );
    const flags = options.flatMap(([name, { short }]) => [`-${name}`, ...(short === undefined ? [] : [short])]);
    for (const name of page.named("Fl")) expect([...flags, "-help", "-version", "-"], `Fl ${name}`).toContain(name);
    const words = COMMANDS.map((command) => command.words[0]);
    for (const name of page.named("Ic")) expect(words, `Ic ${name}`).toContain(name);
    const shown = PAGES.flatMap((name) => new Page(name).shown());
    expect(shown.length).toBeGreaterThan(8);
    for (const line of shown) {
      const [, ...argv] = line.trim().replaceAll(/["']/g, "").split(/ +/);
      // `config set` alone is how a text names it.
      const isCommand = COMMANDS.some((command) => command.words.join(" ") === argv.join(" "));
      expect(isCommand || readArguments(argv, COMMANDS) !== undefined, line).toBe(true);
    }
  });

  it("has the exit statuses of the table of errors, and those that the page of errors has", () => {
    const statuses = [...page.section("EXIT STATUS").matchAll(/^\.It (\d+)$/gm)].map(([, status]) => Number(status));
    const exits = new Set(Object.values(ERRORS).map(({ exit }) => exit));
    const all = [...new Set([0, ...exits, 143])].sort((a, b) => a - b);
    expect(statuses, wanted("lanxferctl.1", "EXIT STATUS", ".It STATUS, and what it means")).toEqual(all);
    const doc = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8").split("\n## ")[1] ?? "";
    const documented = [...doc.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cell = ""]) => cell.split(", ").map(Number));
    expect(documented).toEqual(statuses);
  });

  it("has the variables that the program asks for", () => {
    const asked = sources("ctl", "core").flatMap(({ text }) => [
      ...text.matchAll(/env\["([A-Z_]+)"\]|(?:override|xdg)\(env, "([A-Z_]+)"/g),
    ]);
    // Settings are no matter of this program, and the last are set by sudo and by zsh.
    const ours = new Set(asked.map(([, a, b]) => a ?? b ?? ""));
    for (const name of ["LANXFER_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "SUDO_USER", "ZSH_NAME"]) {
      ours.delete(name);
    }
    const told = page.section("ENVIRONMENT").match(/^\.It Ev .*$/gm) ?? [];
    const names = told.flatMap((line) => [...line.matchAll(/Ev (\w+)/g)].map(([, name]) => name));
    expect(names.sort(), wanted("lanxferctl.1", "ENVIRONMENT", ".It Ev NAME")).toEqual([...ours].sort());
  });
});

describe("lanxferd(8)", () => {
  const page = new Page("lanxferd.8");

  it("has every option once, as --help has them", () => {
    const help = execFileSync(process.execPath, [`${DIST}daemon/main.js`, "--help"], { encoding: "utf8" });
    const options = [...help.matchAll(/^ +--([\w-]+)/gm)].map(([, name]) => name);
    expect(options.length).toBeGreaterThan(5);
    expect(optionsOf(page.section("DESCRIPTION"))).toEqual(options);
  });

  it("has every file of the state once, and none that the program does not have", () => {
    const texts = sources("daemon", "identity").filter(({ name }) => !/doctor|proof/.test(name));
    // A job's own files are its own affair; the settings have a page of theirs.
    const inner = ["job.json", "sent.log", "config.json"];
    const used = texts.flatMap(({ text }) =>
      [...text.matchAll(/["/]([a-z]+\.(?:json|jsonl|pem|log))["`]/g)].map(([, name = ""]) => name),
    );
    const files = [...new Set(used)].filter((name) => !inner.includes(name));
    const told = page.entries("FILES", "Pa").map(({ head }) => head);
    expect(new Set(told).size).toBe(told.length);
    const names = told.filter((name) => /^[a-z]+\.\w+$/.test(name));
    expect(names.sort(), wanted("lanxferd.8", "FILES", ".It Pa NAME")).toEqual(files.sort());
  });

  it("has only variables that the program asks for", () => {
    const all = sources("daemon", "core")
      .map(({ text }) => text)
      .join("\n");
    const told = page.named("Ev");
    expect(told.length).toBeGreaterThan(8);
    for (const name of told) expect(all.includes(`"${name}"`), name).toBe(true);
  });

  it("has only exit statuses that an error ends it with", () => {
    const exits = new Set<string>(["0", ...Object.values(ERRORS).map(({ exit }) => String(exit))]);
    const told = [...page.section("EXIT STATUS").matchAll(/^\.It (\d+)$/gm)].map(([, status = ""]) => status);
    expect(told).toContain("2");
    for (const status of told) expect([...exits]).toContain(status);
  });
});

describe("lanxfer-config(5)", () => {
  it("has every setting once, with its variable", () => {
    const entries = new Page("lanxfer-config.5").entries("SETTINGS", "Va");
    const names = Object.keys(SETTINGS) as SettingName[]; // the record's own keys
    expect(entries.map(({ head }) => head)).toEqual(names);
    for (const { head, body } of entries) expect(body).toContain(`.Ev ${variableOf(head as SettingName)} .`); // one of names
  });
});
