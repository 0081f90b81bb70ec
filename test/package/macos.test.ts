/** What is for macOS, as far as it can be tried elsewhere: its files are read by the programs that know their form. */

import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { renderJob } from "../../src/ctl/service/launchd.ts";
import { suiteFor } from "../support/privilege.ts";
import { must, run } from "../support/process.ts";
import { machine, person } from "../unit/ctl/service/facts.ts";

const FORMULA = fileURLToPath(new URL("../../scripts/package/formula.mjs", import.meta.url));

suiteFor(["macos"])("For macOS", () => {
  let directory = "";

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "lanxfer-macos-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it("the property list says what launchd is to do, with any name in it", async () => {
    const facts = machine(new Map(), {
      person: person({ home: '/Users/zoë & "co" <x>' }),
      program: { node: "/opt/homebrew/opt/node/bin/node", flags: ["--a=1"], main: "/Users/zoë & <x>/main.js" },
    });
    const file = path.join(directory, "lanxferd.plist");
    await writeFile(file, renderJob(facts));
    // Through the binary form and back, which is what launchd has of it.
    const binary = path.join(directory, "binary.plist");
    await must(["plistutil", "--infile", file, "--format", "bin", "--outfile", binary]);
    const read = await must(["plistutil", "--infile", binary, "--format", "xml"]);
    const home = '/Users/zoë &amp; "co" &lt;x&gt;';
    const log = `<string>${home}/Library/Logs/lanxferd.log</string>`;
    const expected = {
      Label: "<string>lanxferd.anna</string>",
      UserName: "<string>anna</string>",
      ProgramArguments:
        "<array> <string>/opt/homebrew/opt/node/bin/node</string> <string>--a=1</string> <string>/Users/zoë &amp; &lt;x&gt;/main.js</string> </array>",
      HOME: `<string>${home}</string>`,
      Umask: `<integer>${0o77}</integer>`,
      RunAtLoad: "<true/>",
      KeepAlive: "<dict> <key>SuccessfulExit</key> <false/> </dict>",
      StandardOutPath: log,
      StandardErrorPath: log,
    };
    for (const [key, value] of Object.entries(expected)) {
      expect(read.replaceAll(/\s+/g, " ")).toContain(`<key>${key}</key> ${value}`);
    }
  });

  it("the formula installs the very package that was made, and is good Ruby", async () => {
    const url = "https://registry.example/lanxfer/-/lanxfer-0.1.0.tgz";
    const made = await must([process.execPath, FORMULA, url, directory]);
    const [tarball = "", formula = ""] = made.trim().split("\n");
    const text = await readFile(formula, "utf8");
    const digest = createHash("sha256")
      .update(await readFile(tarball))
      .digest("hex");
    expect(text).toContain(`url "${url}"`);
    expect(text).toContain(`sha256 "${digest}"`);
    expect(text).not.toMatch(/@[A-Z0-9]+@/);
    expect(await run(["ruby", "-wc", formula])).toMatchObject({ code: 0, stderr: "", stdout: "Syntax OK\n" });
  });

  it.each(["", "http://registry.example/x.tgz", 'https://x/"#{x}".tgz'])(
    "the formula is of no other place: %j",
    async (url) => {
      expect((await run([process.execPath, FORMULA, url, directory])).code).not.toBe(0);
    },
  );
});
