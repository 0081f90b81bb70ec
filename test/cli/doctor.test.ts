import { writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { FindingView } from "../../src/control/schema.ts";
import { Place } from "./support/place.ts";

const FINDINGS: FindingView[] = [
  { check: "node", state: "ok", text: "Node v22.1.0, supported until 2027-04-30", advice: null },
  {
    check: "firewall",
    state: "problem",
    text: "ufw does not let TCP 25726 in",
    advice: "run: sudo ufw allow 25726/tcp",
  },
  { check: "devices", state: "warning", text: "n\x1b[2Jas is not seen", advice: "check that it is on" },
  { check: "peers", state: "unchecked", text: "no other device is seen", advice: null },
];

describe("lanxferctl doctor", () => {
  it("shows what was found and what to do, and counts", async () => {
    const place = await Place.open();
    await place.daemon({ doctor: async () => FINDINGS });
    expect(await place.ctl(["doctor"])).toMatchObject({
      code: 23,
      signal: null,
      stdout: [
        "ok       node      Node v22.1.0, supported until 2027-04-30",
        "problem  firewall  ufw does not let TCP 25726 in",
        "                   -> run: sudo ufw allow 25726/tcp",
        "warning  devices   n\\x1b[2Jas is not seen",
        "                   -> check that it is on",
        "-        peers     no other device is seen",
        "",
      ].join("\n"),
      stderr: "1 problem, 1 warning\n",
    });
  });

  it("ends with 0 when there is no problem", async () => {
    const place = await Place.open();
    await place.daemon({ doctor: async () => FINDINGS.slice(0, 1) });
    expect(await place.ctl(["doctor"])).toMatchObject({
      code: 0,
      stderr: "everything that could be checked is well\n",
    });
  });

  it("prints one object for each finding with --json", async () => {
    const place = await Place.open();
    await place.daemon({ doctor: async () => FINDINGS });
    const { stdout, stderr } = await place.ctl(["doctor", "--json"]);
    const objects = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(objects.slice(0, -1)).toEqual(FINDINGS.map((finding) => ({ v: 1, ...finding })));
    expect(objects.at(-1)).toMatchObject({ event: "done", ok: false, exit: 23 });
    expect(stderr).toBe("");
  });

  it("looks by itself when lanxferd does not run, and finds why it would not start", async () => {
    const place = await Place.open();
    const config = path.join(place.home, "config");
    const env = {
      LANXFER_CONFIG_DIR: config,
      LANXFER_STATE_DIR: path.join(place.home, "state"),
      LANXFER_INTERFACES_EXCLUDE: "*",
      LANXFER_INTERFACES_INCLUDE: "lo",
    };
    const down = await place.ctl(["doctor"], { env });
    expect(down.code).toBe(23);
    expect(down.stdout).toMatch(/^problem {2}daemon +lanxferd is not running\n +-> start it with: lanxferd\n/);
    expect(down.stdout).toMatch(/^ok +inbox +~?.*LanInbox is made when lanxferd starts$/m);
    await writeFile(path.join(config, "config.json"), "{ port: }", { flag: "wx" });
    const broken = await place.ctl(["doctor"], { env });
    expect(broken.stdout).toMatch(/^problem {2}settings +bad setting in .*config\.json: not valid JSON$/m);
  });
});
