import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { flagsOf, keeperOf, lastingPath } from "../../../../src/ctl/service/program.ts";
import { startedBy } from "../../../../src/ctl/service/systemd.ts";

const root = new URL("../../../../", import.meta.url);
const text = (path: string) => readFileSync(new URL(path, root), "utf8");

describe("The program of the service", () => {
  it("says itself which flags it wants, in its first line, and the units have the same", () => {
    const flags = flagsOf("main.ts", text("src/daemon/main.ts"));
    expect(flags.length).toBeGreaterThan(0);
    const units = readdirSync(new URL("systemd", root)).filter((name) => name.endsWith(".service"));
    expect(units).toHaveLength(2);
    for (const unit of units) {
      const command = startedBy(text(`systemd/${unit}`));
      expect(command, unit).toEqual(["/usr/bin/node", ...flags, "/usr/lib/lanxfer/dist/daemon/main.js"]);
    }
  });

  it("may want none", () => {
    expect(flagsOf("main.js", "#!/usr/bin/env node\nx")).toEqual([]);
    expect(flagsOf("main.js", "#!/usr/bin/env -S node --a --b=1\nx")).toEqual(["--a", "--b=1"]);
    expect(flagsOf("main.js", "#!/usr/bin/env -S /usr/lib/x/node --a\nx")).toEqual(["--a"]);
  });

  it.each(["", "console.log(1)", "#!/bin/sh\n", "#!/usr/bin/env -S node --a; evil\n"])(
    "is not any other: %j",
    (content) => {
      expect(() => flagsOf("/x/main.js", content)).toThrow("/x/main.js is not lanxferd: install lanxfer again");
    },
  );

  it.each([
    ["/home/a/.nvm/versions/node/v20.19.0/bin/node", "nvm"],
    ["/home/a/.local/share/fnm/node-versions/v20.19.0/installation/bin/node", "fnm"],
    ["/run/user/1000/fnm_multishells/1_2/bin/node", "fnm"],
    ["/home/a/.volta/tools/image/node/20.19.0/bin/node", "volta"],
    ["/home/a/.asdf/installs/nodejs/20.19.0/bin/node", "asdf"],
    ["/home/a/.local/share/mise/installs/node/20/bin/node", "mise"],
    ["/home/a/.npm/_npx/5f/node_modules/lanxfer/dist/daemon/main.js", "npx"],
    ["/usr/bin/node", undefined],
    ["/usr/lib/node_modules/lanxfer/dist/daemon/main.js", undefined],
    ["/opt/homebrew/opt/node/bin/node", undefined],
    ["/home/anvm/bin/node", undefined],
  ])("at %s is kept by %s", (path, keeper) => {
    expect(keeperOf(path)).toBe(keeper);
  });

  it("is found under the path that stays when Homebrew updates it", () => {
    expect(lastingPath("/opt/homebrew/Cellar/node@22/22.1.0/bin/node")).toBe("/opt/homebrew/opt/node@22/bin/node");
    expect(lastingPath("/usr/bin/node")).toBe("/usr/bin/node");
  });
});
