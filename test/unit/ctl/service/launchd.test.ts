import { describe, expect, it } from "vitest";
import { conditionOf, jobOf, launchdService, renderJob } from "../../../../src/ctl/service/launchd.ts";
import { show } from "../../../../src/ctl/service/steps.ts";
import { machine, person, RUNNING, STOPPED } from "./facts.ts";

const PLIST = "/Library/LaunchDaemons/lanxferd.anna.plist";
const told = (steps: readonly Parameters<typeof show>[0][]) => steps.map((step) => show(step)[0]);

describe("The job of launchd", () => {
  it("runs as its user, with every placeholder filled in and nothing that XML would take for its own", () => {
    const facts = machine(new Map(), {
      person: person({ home: "/Users/anna & <co>" }),
      program: { node: "/opt/homebrew/opt/node/bin/node", flags: ["--a=1"], main: "/Users/anna & <co>/main.js" },
    });
    const plist = renderJob(facts);
    expect(plist).not.toMatch(/@[A-Z]+@/);
    expect(plist).toContain("<key>UserName</key>\n  <string>anna</string>");
    expect(plist).toContain("<string>/Users/anna &amp; &lt;co&gt;/main.js</string>");
    expect(plist).toContain("# lanxfer 1.2.3:");
    expect(launchdService(facts).commandIn(plist)).toEqual([
      "/opt/homebrew/opt/node/bin/node",
      "--a=1",
      "/Users/anna & <co>/main.js",
    ]);
  });

  it("is put in place of the one before, and left alone when it is as it should be", () => {
    const start = [
      "launchctl bootout system/lanxferd.anna",
      "launchctl enable system/lanxferd.anna",
      `launchctl bootstrap system ${PLIST}`,
      "launchctl kickstart system/lanxferd.anna",
    ];
    expect(told(launchdService(machine()).installSteps(STOPPED))).toEqual([`# write ${PLIST}`, ...start]);
    const there = machine(new Map([[PLIST, renderJob(machine())]]));
    expect(launchdService(there).installSteps(RUNNING)).toEqual([]);
    expect(told(launchdService(there).installSteps(STOPPED))).toEqual(start);
    const older = machine(new Map([[PLIST, renderJob(machine()).replace("1.2.3", "1.0.0")]]));
    expect(told(launchdService(older).installSteps(RUNNING))[0]).toBe(`# write ${PLIST}`);
    expect(told(launchdService(there).uninstallSteps(RUNNING))).toEqual([
      "launchctl bootout system/lanxferd.anna",
      `# remove ${PLIST}`,
    ]);
    expect(launchdService(machine()).uninstallSteps({ ...STOPPED })).toEqual([]);
  });

  it("that somebody else wrote is not touched", () => {
    const foreign = machine(new Map([[PLIST, '<?xml version="1.0"?>\n<plist/>']]));
    expect(() => launchdService(foreign).installSteps(RUNNING)).toThrow(expect.objectContaining({ code: "E_SERVICE" }));
  });

  it("is refused for a path that XML cannot hold", () => {
    expect(() => renderJob(machine(new Map(), { person: person({ home: "/Users/a\u0001" }) }))).toThrow(
      expect.objectContaining({ code: "E_SERVICE" }),
    );
  });

  it("is understood as launchctl prints it", () => {
    const printed = "system/lanxferd.anna = {\n\tstate = running\n\tpid = 4711\n\tlast exit code = (never exited)\n}";
    expect(conditionOf(printed)).toEqual({ enabled: true, running: true, words: "running" });
    const ended = printed.replace("running", "spawn scheduled").replace("(never exited)", "11: EDEADLK");
    expect(conditionOf(ended)).toEqual({
      enabled: true,
      running: false,
      words: "spawn scheduled, last exit code 11: EDEADLK",
    });
    expect(conditionOf("")).toEqual({ enabled: false, running: false, words: "not loaded" });
    expect(jobOf(person()).log).toBe("/home/anna/Library/Logs/lanxferd.log");
  });
});
