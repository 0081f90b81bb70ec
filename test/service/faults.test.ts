/** A service on a machine where something is not as it should be: what it says, and that it works once that is mended. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { Lan } from "../support/hosts.ts";
import { Machine, PROGRAM } from "../support/machine.ts";
import { suiteFor } from "../support/privilege.ts";

suiteFor(["hosts", "machines"])("A service where something is wrong", () => {
  let lan: Lan;
  let machine: Machine;

  beforeAll(async () => {
    lan = await Lan.open();
    machine = await Machine.boot(await lan.host("box"));
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
    await lan?.close();
  });

  it("says that its inbox belongs to somebody else, and takes it when it does not", async () => {
    const anna = await machine.user("anna");
    await machine.must("install", "-d", "-m", "700", "/home/anna/LanInbox");
    const { code, stderr } = await anna.ctl(["service", "install"]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^lanxferctl: error: .*cannot use the inbox \/home\/anna\/LanInbox: .*\n/),
    ]);
    await machine.must("chown", "anna:", "/home/anna/LanInbox");
    expect(await anna.tell("service", "install")).toContain("lanxferd runs as a service");
  });

  it("says that it cannot read its key, and makes no other", async () => {
    const bert = await machine.user("bert");
    await bert.tell("service", "install");
    const id = await bert.tell("id");
    const key = "/home/bert/.local/state/lanxfer/key.pem";
    await bert.systemctl("stop", "lanxferd");
    await machine.must("chown", "root:", key);
    const { code, stderr } = await bert.ctl(["service", "install"]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^lanxferctl: error: .*cannot use \/home\/bert\/.*key\.pem: .*\n/),
    ]);
    await machine.must("chown", "bert:", key);
    await bert.systemctl("reset-failed");
    await bert.tell("service", "install");
    expect(await bert.tell("id")).toBe(id);
  });

  it("lives in a home on another disk, in the sandbox", async () => {
    await machine.must("mkdir", "-p", "/srv/other disk");
    await machine.must("mount", "-t", "tmpfs", "-o", "mode=755", "none", "/srv/other disk");
    const home = "/srv/other disk/carla";
    const carla = await machine.user("carla", { home });
    await carla.tell("service", "install");
    const status = await carla.tell("status");
    expect(status).toMatch(/^sandbox +full$/m);
    expect(status).toContain(`${home}/LanInbox`);
    await machine.must("loginctl", "disable-linger", "carla");
  });

  it("takes the place of one that an older version has put there", async () => {
    const dora = await machine.user("dora");
    await dora.tell("service", "install");
    const unit = "/home/dora/.config/systemd/user/lanxferd.service";
    const now = await dora.must("cat", unit);
    const before = await dora.started();
    await dora.write(
      ".config/systemd/user/lanxferd.service",
      now.replace(/lanxferctl 0\S*|\b0\.1\.0\b/, "0.0.1").replace("WatchdogSec=60", "WatchdogSec=90"),
    );
    await dora.systemctl("daemon-reload");
    expect(await dora.tell("service", "install")).toContain(`wrote ${unit}`);
    expect(await dora.must("cat", unit)).toBe(now);
    expect(await dora.started(before)).not.toBe(before);
    expect(await dora.property("WatchdogUSec")).toBe("1min");
  });

  it("works where its user has no message bus", async () => {
    const emil = await machine.user("emil");
    await emil.systemctl("mask", "--now", "dbus.socket", "dbus.service");
    const { code, stderr } = await emil.ctl(["service", "install"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(await emil.tell("status")).toMatch(/^sandbox +full$/m);
    expect(await emil.tell("service", "status")).toMatch(/^state +active \(running\)/);
  });

  it("started by hand says which directory it has to have", async () => {
    const frida = await machine.user("frida");
    const env = { XDG_RUNTIME_DIR: "/run/user/4242" };
    const { code, stdout, stderr } = await frida.run([process.execPath, `${PROGRAM}/dist/daemon/main.js`], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^lanxferd: error: cannot use \/run\/user\/4242\/lanxfer.* for the control socket: .*\nlanxferd: hint: .*\n$/,
    );
  });
});
