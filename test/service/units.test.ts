/** The units as systemd reads them, without running any of it. */

import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { suiteFor } from "../support/privilege.ts";
import { run } from "../support/process.ts";
import { temporaryDirectories } from "../support/temporary.ts";

const UNITS = fileURLToPath(new URL("../../systemd/", import.meta.url));

suiteFor(["units"])("The units", () => {
  const temporary = temporaryDirectories();

  /** systemd-analyze wants the directory of a session, which it does not use. */
  const analyze = async (...args: string[]) => {
    const env = { PATH: process.env["PATH"], XDG_RUNTIME_DIR: await temporary(), LANG: "C.UTF-8" };
    return run(["systemd-analyze", ...args], { env });
  };

  it.each([
    ["lanxferd.service", ["--user"], 35],
    ["lanxferd@.service", [], 15],
  ])("leave little to attack: %s", async (unit, scope, threshold) => {
    const offline = ["--offline=true", `--threshold=${threshold}`, path.join(UNITS, unit)];
    const { code, stdout, stderr } = await analyze("security", ...scope, ...offline);
    expect(stdout).toContain("Overall exposure level");
    expect([code, stderr.trim()]).toEqual([0, expect.not.stringMatching(/unknown|ignoring/i)]);
  });

  it.each([
    ["lanxferd.service", ["--user"]],
    ["lanxferd@.service", []],
  ])("have no mistakes: %s, alone and with each drop-in", async (unit, scope) => {
    const text = (await readFile(path.join(UNITS, unit), "utf8")).replace(
      /^ExecStart=.*$/m,
      `ExecStart=${process.execPath}`,
    );
    const dropIns = (await readdir(UNITS)).filter((name) => name.endsWith(".conf"));
    expect(dropIns).toHaveLength(2);
    for (const dropIn of [undefined, ...dropIns]) {
      const directory = await temporary();
      const file = path.join(directory, unit.replace("@.", "@anna."));
      await writeFile(file, text);
      if (dropIn !== undefined) {
        await mkdir(`${file}.d`);
        await copyFile(path.join(UNITS, dropIn), path.join(`${file}.d`, dropIn));
      }
      expect(await analyze("verify", "--man=no", ...scope, file), dropIn).toMatchObject({ code: 0, stderr: "" });
    }
  });
});
