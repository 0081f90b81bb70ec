import { describe, expect, it } from "vitest";
import type { Condition } from "../../../../src/ctl/service/service.ts";
import { show } from "../../../../src/ctl/service/steps.ts";
import {
  conditionOf,
  filesOf,
  renderUnit,
  type SystemdFacts,
  systemdService,
} from "../../../../src/ctl/service/systemd.ts";
import { machine, person, RUNNING, STOPPED } from "./facts.ts";

const OWN = "/home/anna/.config/systemd/user/lanxferd.service";
const SYSTEM = "/etc/systemd/system/lanxferd@.service";

/** What the steps do, a line each. */
function told(steps: readonly Parameters<typeof show>[0][]): string[] {
  return steps.map((step) => show(step)[0] ?? "");
}

const install = (facts: SystemdFacts, now: Condition) => told(systemdService(facts).installSteps(now));
const uninstall = (facts: SystemdFacts, now: Condition) => told(systemdService(facts).uninstallSteps(now));

/** The machine after the steps that `facts` led to. */
function installed(change: Partial<SystemdFacts> = {}): Map<string, string> {
  const files = [...filesOf(machine(new Map(), change))].flatMap(([path, text]) =>
    text === undefined ? [] : [[path, text] as const],
  );
  return new Map(files);
}

describe("The unit of a user", () => {
  it("is written, enabled and started", () => {
    expect(install(machine(), STOPPED)).toEqual([
      `# write ${OWN}`,
      "systemctl --user daemon-reload",
      "systemctl --user enable lanxferd.service",
      "systemctl --user reset-failed lanxferd.service",
      "systemctl --user restart lanxferd.service",
    ]);
  });

  it("has the paths of the programs, the flags and the version in place of those of the template", () => {
    const unit = installed().get(OWN) ?? "";
    expect(unit).toMatch(/^# lanxfer 1\.2\.3: /);
    expect(unit.match(/^ExecStart=.*$/gm)).toEqual([
      "ExecStart=/usr/bin/node --flag=1 /opt/lanxfer/dist/daemon/main.js",
    ]);
    expect(unit.split("\n")).toHaveLength(machine().template("lanxferd.service").split("\n").length);
  });

  it("is left alone when it is as it should be, and runs", () => {
    expect(install(machine(installed()), RUNNING)).toEqual([]);
    expect(install(machine(installed()), { ...RUNNING, running: false })).toEqual([
      "systemctl --user reset-failed lanxferd.service",
      "systemctl --user restart lanxferd.service",
    ]);
    expect(install(machine(installed()), { ...RUNNING, enabled: false })).toEqual([
      "systemctl --user enable lanxferd.service",
    ]);
  });

  it("is written anew and restarted when an older version wrote it, or Node is elsewhere", () => {
    const again = [`# write ${OWN}`, "systemctl --user daemon-reload"];
    const restart = ["systemctl --user reset-failed lanxferd.service", "systemctl --user restart lanxferd.service"];
    const older = machine(installed({ version: "1.2.2" }));
    expect(install(older, RUNNING)).toEqual([...again, ...restart]);
    const { program } = machine();
    const moved = machine(installed(), { program: { ...program, node: "/usr/local/bin/node" } });
    expect(install(moved, RUNNING)).toEqual([...again, ...restart]);
  });

  it("that somebody else wrote is not touched", () => {
    const files = new Map([[OWN, "[Service]\nExecStart=/home/anna/mine\n"]]);
    const refusal = expect.objectContaining({ code: "E_SERVICE", message: expect.stringContaining(OWN) });
    expect(() => install(machine(files), RUNNING)).toThrow(refusal);
    expect(() => uninstall(machine(files), RUNNING)).toThrow(refusal);
  });

  it("is not written where a package brought it as it has to be, and one of our own goes", () => {
    const unit = installed().get(OWN) ?? "";
    const packaged = new Map([["/usr/lib/systemd/user/lanxferd.service", unit]]);
    expect(install(machine(packaged), STOPPED)[0]).toBe("systemctl --user enable lanxferd.service");
    const both = machine(new Map([...packaged, [OWN, unit.replace("1.2.3", "1.0.0")]]));
    expect(install(both, RUNNING)).toEqual([
      `# remove ${OWN}`,
      "systemctl --user daemon-reload",
      "systemctl --user reset-failed lanxferd.service",
      "systemctl --user restart lanxferd.service",
    ]);
  });

  it("is told of places that are not the usual ones, and they are made before it starts", () => {
    const somewhere = person({ inbox: "/data/in box", variables: { LANXFER_STATE_DIR: "/data/100%" } });
    const facts = machine(new Map(), {
      person: { ...somewhere, places: { ...somewhere.places, state: "/data/100%" } },
    });
    expect(filesOf(facts).get(`${OWN}.d/10-places.conf`)).toBe(
      [
        '# lanxfer 1.2.3: written by "lanxferctl service install", which writes it anew.',
        "",
        "[Service]",
        'Environment="LANXFER_STATE_DIR=/data/100%%"',
        'ReadWritePaths="-/data/in box"',
        'ReadWritePaths="-/data/100%%"',
        "",
      ].join("\n"),
    );
    expect(install(facts, STOPPED).slice(0, 2)).toEqual([
      "mkdir -m 0700 -- '/data/in box'",
      "mkdir -p -m 0700 -- /data/100%",
    ]);
  });

  it("goes without namespaces where there are none, until there are", () => {
    const path = `${OWN}.d/20-no-userns.conf`;
    const files = installed({ userNamespaces: false });
    expect(files.get(path)).toContain("PrivateUsers=no");
    expect(install(machine(files), RUNNING)[0]).toBe(`# remove ${path}`);
  });

  it("goes when it is removed, and what was received stays", () => {
    expect(uninstall(machine(installed()), RUNNING)).toEqual([
      "systemctl --user disable --now lanxferd.service",
      `# remove ${OWN}`,
      "systemctl --user daemon-reload",
      "systemctl --user reset-failed lanxferd.service",
    ]);
    expect(uninstall(machine(), STOPPED)).toEqual([]);
  });

  it("is refused beside a service of the system for the same user, and the other way round", () => {
    const wants = "/etc/systemd/system/multi-user.target.wants/lanxferd@anna.service";
    expect(() => install(machine(new Map([[wants, ""]])), STOPPED)).toThrow(/service uninstall --system --user anna/);
    const own = "/home/anna/.config/systemd/user/default.target.wants/lanxferd.service";
    expect(() => install(machine(new Map([[own, ""]]), { scope: "system" }), STOPPED)).toThrow(/^anna has a service/);
  });
});

describe("A service of the system", () => {
  const scope = "system";

  it("is the template and what it cannot know of a user, whose folders that user makes", () => {
    expect(install(machine(new Map(), { scope }), STOPPED)).toEqual([
      "# as anna: mkdir -p -m 0700 -- /home/anna/LanInbox",
      "# as anna: mkdir -p -m 0700 -- /home/anna/.config/lanxfer",
      "# as anna: mkdir -p -m 0700 -- /home/anna/.local/state/lanxfer",
      `# write ${SYSTEM}`,
      "# write /etc/systemd/system/lanxferd@anna.service.d/10-places.conf",
      "systemctl daemon-reload",
      "systemctl enable lanxferd@anna.service",
      "systemctl reset-failed lanxferd@anna.service",
      "systemctl restart lanxferd@anna.service",
    ]);
  });

  it("sees the home of its user without the keys in it, and writes to three folders", () => {
    const places = installed({ scope }).get("/etc/systemd/system/lanxferd@anna.service.d/10-places.conf") ?? "";
    expect(places).toContain("\nBindReadOnlyPaths=/home/anna\n");
    expect(places).toContain("\nInaccessiblePaths=-/home/anna/.ssh\n");
    expect(places.match(/^BindPaths=.*$/gm)).toEqual([
      "BindPaths=-/home/anna/LanInbox",
      "BindPaths=-/home/anna/.config/lanxfer",
      "BindPaths=-/home/anna/.local/state/lanxfer",
    ]);
  });

  it("leaves the template to others that have one", () => {
    const files = installed({ scope });
    expect(uninstall(machine(files, { scope, instances: ["anna"] }), RUNNING)).toContain(`# remove ${SYSTEM}`);
    expect(uninstall(machine(files, { scope, instances: ["anna", "bert"] }), RUNNING)).not.toContain(
      `# remove ${SYSTEM}`,
    );
  });

  it("is refused for a user that no unit can be named after, for a home that is missing, and for programs in one", () => {
    const odd = machine(new Map(), { scope, person: person({ user: "CORP\\anna" }) });
    expect(() => systemdService(odd)).toThrow(/^systemd cannot name a service after the user CORP\\anna$/);
    const homeless = machine(new Map(), { scope, person: person({ home: "/nonexistent" }) });
    expect(() => install(homeless, STOPPED)).toThrow("the home of anna is missing: /nonexistent");
    const { program } = machine();
    const hidden = machine(new Map(), { scope, program: { ...program, node: "/home/bert/.nvm/bin/node" } });
    expect(() => install(hidden, STOPPED)).toThrow(/does not see \/home\/bert/);
    const seen = machine(new Map(), { scope, program: { ...program, node: "/home/anna/.nvm/bin/node" } });
    expect(install(seen, STOPPED)).toHaveLength(9);
  });
});

describe("What systemd says of a service", () => {
  it("is told in its own words, with the reason that the daemon gave", () => {
    const shown = "ActiveState=failed\nSubState=failed\nUnitFileState=enabled\nResult=exit-code\nStatusText=no inbox";
    expect(conditionOf(shown)).toEqual({
      enabled: true,
      running: false,
      words: "failed (failed), exit-code: no inbox",
    });
    expect(conditionOf("ActiveState=active\nSubState=running\nUnitFileState=disabled\nResult=success")).toEqual({
      enabled: false,
      running: true,
      words: "active (running)",
    });
  });

  it("names the command in a unit of any version", () => {
    const unit = renderUnit("# lanxfer: x\nExecStart=old\n", "1", {
      node: "/opt/my node/bin/node",
      flags: ["--a=1"],
      main: "/opt/100% $HOME/main.js",
    });
    expect(systemdService(machine()).commandIn(unit)).toEqual([
      "/opt/my node/bin/node",
      "--a=1",
      "/opt/100% $HOME/main.js",
    ]);
  });
});
