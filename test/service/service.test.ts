/** lanxferd as people run it: services of two users on two machines, each with a systemd of its own. */

import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Lan } from "../support/hosts.ts";
import { Machine, type User } from "../support/machine.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";

const MiB = 1024 * 1024;

suiteFor(["hosts", "machines"])("The service of a user", () => {
  let lan: Lan;
  let machines: Machine[] = [];
  let anna: User;
  let bert: User;

  beforeAll(async () => {
    lan = await Lan.open();
    const hosts = [await lan.host("desk"), await lan.host("nas")];
    machines = await Promise.all(hosts.map((host) => Machine.boot(host)));
    [anna, bert] = (await Promise.all([machines[0]?.user("anna"), machines[1]?.user("bert")])) as [User, User]; // both were booted
  });
  afterAll(async () => {
    await Promise.all(machines.map((machine) => machine[Symbol.asyncDispose]()));
    await lan?.close();
  });

  it("is installed in one step, and a second time there is nothing to do", async () => {
    const shown = await anna.tell("service", "install", "--dry-run");
    expect(shown).toContain(`ExecStart=${process.execPath} --`);
    expect(await anna.tell("service", "uninstall")).toMatch(/^nothing to do: there is no service\n/);

    const { code, stdout, stderr } = await anna.ctl(["service", "install"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(
      "wrote /home/anna/.config/systemd/user/lanxferd.service\nlanxferd runs as a service, and starts when anna logs in\n",
    );
    expect(await anna.tell("service", "install")).toMatch(/^nothing to do: the service is installed/);
    await bert.tell("service", "install");

    expect(await anna.tell("service", "status")).toMatch(/^state +active \(running\): desk, port 25726, 0 transfers/);
    expect(await anna.property("StatusText")).toBe("desk, port 25726, 0 transfers under way");
    expect(await anna.tell("status")).toMatch(/^sandbox +full$/m);
  });

  it("sends by name to that of another machine", async () => {
    await anna.pairWith(bert);
    await eventually("anna sees nas", async () => (await anna.tell("peers")).includes("nas") || undefined);
    const file = await anna.write("report.txt", "hello");
    expect(await anna.tell("send", "nas", file)).toContain("sent report.txt to nas");
    expect(await readFile(bert.machine.path("/home/bert/LanInbox/report.txt"), "utf8")).toBe("hello");
    expect(await anna.tell("send", "nas", "/etc/hostname", "/tmp/../usr/lib/lanxfer/README.md")).toContain("sent");
  });

  it("is back after it was killed, and the transfer goes on from what had arrived", async () => {
    const content = Buffer.alloc(48 * MiB, "lanxfer");
    const file = await anna.write("large", content);
    await anna.machine.host.shape(200);
    const { id } = await anna.control.call("post", "/v1/transfers", { json: { peer: "nas", paths: [file] } });
    await eventually(
      "a third has arrived",
      async () => ((await anna.transfer(id))?.moved ?? 0) > 16 * MiB || undefined,
    );
    const [before, there] = [await anna.started(), await bert.started()];
    await anna.systemctl("kill", "--kill-whom=main", "--signal=KILL", "lanxferd");
    await anna.started(before);
    await bert.systemctl("kill", "--kill-whom=main", "--signal=KILL", "lanxferd");
    await bert.started(there);
    await anna.machine.host.shape(Number.POSITIVE_INFINITY);
    const done = await eventually(
      "the transfer is done",
      async () => {
        const transfer = await anna.transfer(id).catch(() => undefined);
        return transfer?.state === "done" ? transfer : undefined;
      },
      { timeoutMs: 30_000 },
    );
    expect(done.resumed).toBeGreaterThan(0);
    expect(content.equals(await readFile(bert.machine.path("/home/bert/LanInbox/large")))).toBe(true);
    expect(Number(await anna.property("NRestarts"))).toBe(1);
  });

  it("is killed by the watchdog when it stands still, and is back", async () => {
    await anna.dropIn("[Service]\nWatchdogSec=3\n");
    await anna.systemctl("restart", "lanxferd");
    const before = await anna.started();
    await anna.machine.must("kill", "-STOP", String(before));
    await anna.started(before);
    expect(await anna.journal()).toContain("Watchdog timeout");
    // Alive and well, it is left alone for longer than that.
    const after = await anna.started();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(await anna.started()).toBe(after);
    await anna.dropIn(undefined);
  });

  it("is back by itself when everything of its user was started again", async () => {
    const before = await anna.started();
    await anna.machine.must("systemctl", "restart", `user@${anna.uid}.service`);
    await anna.started(before);
    expect((await anna.tell("devices")).trim().split("\n")).toHaveLength(2);
  });

  it("does its work without memory that is both written and executed, when asked to", async () => {
    await bert.dropIn(await readFile(new URL("../../systemd/strict-wx.conf", import.meta.url), "utf8"));
    await bert.systemctl("restart", "lanxferd");
    const pid = await bert.started();
    expect(await bert.machine.must("cat", `/proc/${pid}/maps`)).not.toMatch(/^\S+ .wx/m);
    expect(await bert.tell("status")).toMatch(/^sandbox +full$/m);
    // So many that both ends leave them to a thread.
    await anna.must("mkdir", "/home/anna/many");
    for (let at = 0; at < 20; at++) await anna.write(`many/${at}.txt`, `${at}`);
    expect(await anna.tell("send", "nas", "/home/anna/many")).toContain("sent many to nas");
    expect(await bert.must("sh", "-c", "cat /home/bert/LanInbox/many/*.txt | wc -c")).toBe("30\n");
    // Whatever else loads more of the program, which has to do without compilers, too.
    await bert.tell("config", "set", "log.level", "debug");
    await bert.tell("config", "unset", "log.level");
    expect((await bert.ctl(["doctor"])).stdout).toContain("ok       version");
    expect(await bert.tell("invite")).toMatch(/^lanxfer-/);
    const stdin = "piped";
    expect(await bert.ctl(["send", "desk", "-", "--name", "piped.txt"], { stdin })).toMatchObject({ code: 0 });
    expect(await anna.must("cat", "/home/anna/LanInbox/piped.txt")).toBe(stdin);
    const socket = `/run/user/${bert.uid}/lanxfer/control.sock`;
    const script = `require("http").get({ socketPath: "${socket}", path: "/metrics" }, (answer) => answer.pipe(process.stdout))`;
    expect(await bert.must(process.execPath, "-e", script)).toContain("lanxfer_");
    expect(await bert.must("cat", `/proc/${pid}/maps`)).not.toMatch(/^\S+ .wx/m);
    await bert.dropIn(undefined);
    await bert.systemctl("restart", "lanxferd");
  });

  it("has a log that its user can read", async () => {
    const lines = (await anna.tell("service", "logs", "--lines", "500")).trim().split("\n");
    expect(lines.length).toBeGreaterThan(10);
    expect(
      lines.find((line) => /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info ready id=\w+ name=desk port=25726 /.test(line)),
    ).toBeDefined();
    expect(lines.find((line) => line.includes("Started lanxferd.service"))).toBeDefined();
  });

  it("ends in good order, and uninstalled leaves everything that is its user's", async () => {
    const key = await readFile(bert.machine.path("/home/bert/.local/state/lanxfer/key.pem"), "utf8");
    expect(await bert.tell("service", "uninstall")).toBe(
      "the service is stopped and removed\n" +
        "what was received stays in /home/bert/LanInbox, key and paired devices in /home/bert/.local/state/lanxfer\n",
    );
    expect(await bert.ctl(["service", "status"])).toMatchObject({ code: 3 });
    expect(await bert.ctl(["status"])).toMatchObject({ code: 3 });
    expect(await bert.must("ls", "-A", "/home/bert/.config/systemd/user")).toBe("");
    expect(await bert.must("ls", "/home/bert/LanInbox")).toContain("large\nmany\nreport.txt");
    await bert.tell("service", "install");
    expect(await readFile(bert.machine.path("/home/bert/.local/state/lanxfer/key.pem"), "utf8")).toBe(key);
    expect(await bert.tell("devices")).toContain("desk");
  });
});
