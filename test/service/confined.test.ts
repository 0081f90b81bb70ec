/** What the service may do, tried from inside its own units, and what becomes of a service that cannot run. */

import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Lan } from "../support/hosts.ts";
import { Machine, PROGRAM, type User } from "../support/machine.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";

interface Seen {
  readonly writable: readonly string[];
  readonly readable: readonly string[];
  readonly homes: readonly string[];
  readonly processes: number;
  readonly seccomp: string;
  readonly options: string | null;
  readonly preload: string | null;
}

suiteFor(["hosts", "machines"])("A service", () => {
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

  /** Runs the probe in place of the daemon, in the unit as it is. */
  const inside = async (user: User, unit: string, wanted: readonly string[]): Promise<Seen> => {
    const systemctl = (...args: string[]) =>
      unit.includes("@") ? machine.must("systemctl", ...args) : user.systemctl(...args);
    const probe = `${process.execPath} ${PROGRAM}/test/service/programs/places.mjs`;
    const replaced = `Type=oneshot\nRestart=no\nExecStart=\nExecStart=${probe}\nEnvironment='PROBE=${JSON.stringify(wanted)}'`;
    await systemctl("stop", unit);
    await user.dropIn(`[Service]\n${replaced}\n`, unit);
    await systemctl("start", unit);
    await user.dropIn(undefined, unit);
    await systemctl("start", unit);
    const lines = (await user.journal(unit)).split("\n");
    return JSON.parse(lines.findLast((line) => line.startsWith('{"writable"')) ?? "null");
  };

  describe("of a user", () => {
    let anna: User;
    let carla: User;

    beforeAll(async () => {
      anna = await machine.user("anna");
      carla = await machine.user("carla", { lingers: false });
      await anna.must("mkdir", "-m", "700", "/home/anna/.ssh");
      await anna.write(".ssh/id_ed25519", "secret");
      await machine.write("/home/carla/open.txt", "x");
      await machine.write("/tmp/shared.txt", "x");
      await anna.tell("service", "install");
    });

    it("writes only to inbox, settings, state and runtime, and reads what its user may read", async () => {
      const files = ["/home/anna/.ssh/id_ed25519", "/home/carla/open.txt", "/tmp/shared.txt", "/etc/shadow"];
      const seen = await inside(anna, "lanxferd.service", files);
      expect(seen.writable).toEqual([
        "/home/anna/.config/lanxfer",
        "/home/anna/.local/state/lanxfer",
        "/home/anna/LanInbox",
        `/run/user/${anna.uid}/lanxfer`,
      ]);
      expect(seen.readable).toEqual(files.filter((file) => file !== "/etc/shadow"));
      expect(seen.seccomp).toBe("2");
      expect(await anna.tell("status")).toMatch(/^sandbox +full$/m);
    });

    it("lets its user's browser into the page, and no other user, whatever address that one has seen", async () => {
      const address = async () => (await anna.tell("ui", "--no-open")).trim();
      const visit = async (user: User) =>
        (await user.must(process.execPath, `${PROGRAM}/test/service/programs/visit.mjs`, await address())).trim();
      expect([await visit(carla), await visit(anna)]).toEqual(["403", "200"]);
    });

    it("does not take over what its user's environment would make Node or the loader do", async () => {
      await anna.systemctl("set-environment", "NODE_OPTIONS=--require=/nonexistent", "LD_PRELOAD=/nonexistent.so");
      expect(await inside(anna, "lanxferd.service", [])).toMatchObject({ options: null, preload: null });
      await anna.systemctl("unset-environment", "NODE_OPTIONS", "LD_PRELOAD");
    });

    it("says that less of the sandbox is there where there are no user namespaces", async () => {
      await anna.dropIn(await readFile(new URL("../../systemd/no-userns.conf", import.meta.url), "utf8"));
      await anna.systemctl("restart", "lanxferd");
      expect(await anna.tell("status")).toMatch(/^sandbox +seccomp only$/m);
      expect(await anna.tell("service", "logs")).toContain("warn this system lets the service do more than it needs");
      await anna.dropIn(undefined);
    });

    it("makes an inbox that was deleted anew when it starts", async () => {
      await anna.systemctl("stop", "lanxferd");
      await anna.must("rm", "-r", "/home/anna/LanInbox");
      await anna.systemctl("start", "lanxferd");
      expect(await anna.must("stat", "-c", "%a", "/home/anna/LanInbox")).toBe("700\n");
    });

    it("may write to another inbox once it was installed again", async () => {
      await machine.must("install", "-d", "-o", "anna", "-m", "755", "/srv/data disk");
      await anna.tell("config", "set", "inbox", "/srv/data disk/in box");
      for (const ahead of ["not there", "there"]) {
        if (ahead === "there") await anna.must("mkdir", "/srv/data disk/in box");
        await anna.systemctl("reset-failed");
        expect((await anna.run(["systemctl", "--user", "restart", "lanxferd"])).code).toBe(1);
        expect(await anna.property("StatusText"), ahead).toMatch(
          /^cannot use the inbox \/srv\/data disk\/in box: .* before "lanxferctl service install" was run again$/,
        );
      }
      await anna.must("rmdir", "/srv/data disk/in box");
      expect(await anna.tell("service", "install")).toContain("10-places.conf");
      expect(await anna.tell("status")).toMatch(/^inbox +\/srv\/data disk\/in box \(/m);
      const { writable } = await inside(anna, "lanxferd.service", []);
      expect(writable).toContain("/srv/data disk/in box");
      expect(writable).not.toContain("/srv/data disk");
      expect(await anna.tell("status")).toMatch(/^sandbox +full$/m);
      await anna.tell("config", "unset", "inbox");
      expect(await anna.tell("service", "install")).toContain("lanxferd runs as a service");
    });

    it("that cannot start ends after a few tries, and its status says why", async () => {
      await anna.dropIn("[Service]\nRestartSec=100ms\n");
      await anna.systemctl("stop", "lanxferd");
      await anna.must("chmod", "755", "/home/anna/.local/state/lanxfer");
      const { code, stderr } = await anna.ctl(["service", "install"]);
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/^lanxferctl: error: the service does not start: .*mode 755/),
      ]);
      const words = await eventually("systemd gives up", async () => {
        const { stdout } = await anna.run(["systemctl", "--user", "status", "lanxferd", "--no-pager", "--full"]);
        return stdout.includes("Start request repeated too quickly") ? stdout : undefined;
      });
      expect(words).toMatch(/Status: "cannot use \/home\/anna\/\.local\/state\/lanxfer: other users may access it/);
      expect(await anna.property("NRestarts")).toBe("5");
      expect((await anna.ctl(["service", "status"])).stdout).toMatch(/^state +failed .*mode 755/);
      await anna.must("chmod", "700", "/home/anna/.local/state/lanxfer");
      expect(await anna.tell("service", "install")).toContain("lanxferd runs as a service");
    });

    it("with bad settings is not even tried again", async () => {
      const settings = anna.machine.path("/home/anna/.config/lanxfer/config.json");
      await anna.systemctl("stop", "lanxferd");
      await anna.write(".config/lanxfer/config.json", '{"limits":{"parallel":"many"}}');
      const { code, stderr } = await anna.ctl(["service", "install"]);
      expect([code, stderr]).toEqual([1, expect.stringContaining("config.json: limits.parallel: ")]);
      expect(await anna.property("NRestarts")).toBe("0");
      await anna.write(".config/lanxfer/config.json", "{ broken");
      expect(await anna.ctl(["service", "install"])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^lanxferctl: error: bad setting in .*config\.json: not valid JSON\n/),
      });
      await anna.write(".config/lanxfer/config.json", "{}");
      expect(JSON.parse(await readFile(settings, "utf8"))).toEqual({});
      await anna.tell("service", "install");
    });
  });

  it("of a user leaves one alone that was started by hand, and says so", async () => {
    const dora = await machine.user("dora");
    const program = [process.execPath, `${PROGRAM}/dist/daemon/main.js`];
    await dora.must("systemd-run", "--user", "--unit=by-hand", ...program);
    const { pid } = await eventually("it answers", () =>
      dora.control.call("get", "/v1/status", {}).catch(() => undefined),
    );
    const { code, stderr } = await dora.ctl(["service", "install"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("another lanxferd is already running for this user")]);
    await dora.systemctl("stop", "lanxferd");
    expect(await dora.control.call("get", "/v1/status", {})).toMatchObject({ pid, sandbox: "none" });
    await dora.systemctl("stop", "by-hand");
    await dora.tell("service", "install");
  });

  it("of a user warns of a Node that may go away, and of the end of a session", async () => {
    const emil = await machine.user("emil", { lingers: false });
    const node = "/home/emil/.nvm/versions/node/v20.19.0/bin/node";
    await emil.must("mkdir", "-p", path.dirname(node));
    await emil.must("touch", node);
    await machine.must("mount", "--bind", process.execPath, node);
    await machine.must("systemctl", "start", `user@${emil.uid}`);
    const { code, stderr } = await emil.run([node, `${PROGRAM}/dist/ctl/main.js`, "service", "install"]);
    expect([code, stderr]).toEqual([
      0,
      `${node} belongs to nvm: when it is removed there, run "lanxferctl service install" again\n` +
        "to keep it running while nobody is logged in: sudo loginctl enable-linger emil\n",
    ]);
    await emil.systemctl("stop", "lanxferd");
    await machine.must("umount", node);
    await emil.must("rm", node);
    expect((await emil.ctl(["service", "status"])).stdout).toContain(
      `node     ${node} is gone: run "lanxferctl service install"`,
    );
    expect(await emil.tell("service", "install")).toContain("wrote /home/emil");
    expect((await emil.ctl(["service", "status"])).stdout).toContain(`node     ${process.execPath}\n`);
  });

  it("of a user lives in a home whose name would mean something to systemd, a shell or a list", async () => {
    const home = '/home/zoë\'s "best" $HOME 100%h';
    const zoe = await machine.user("zoe", { home });
    await zoe.tell("service", "install");
    expect(await zoe.tell("service", "status")).toContain(`defined  ${home}/.config/systemd/user/lanxferd.service`);
    const status = await zoe.tell("status");
    expect(status).toContain(`${home}/LanInbox`);
    expect(status).toMatch(/^sandbox +full$/m);
    await zoe.tell("service", "uninstall");

    await machine.must("loginctl", "disable-linger", "zoe");
    const elsewhere = { LANXFER_STATE_DIR: `${home}/st ate` };
    const options = { env: elsewhere };
    const { code, stderr } = await zoe.ctl(["service", "install"], options);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^lanxferctl: error: systemd runs nothing for zoe now: .*\n$/),
    ]);
  });

  describe("of the system", () => {
    let bert: User;

    beforeAll(async () => {
      bert = await machine.user("bert", { lingers: false });
      await bert.must("mkdir", "-m", "700", "/home/bert/.ssh", "/home/bert/.gnupg");
      await bert.write(".ssh/id_ed25519", "secret");
      await bert.write("report.txt", "hello");
      await bert.must("chmod", "644", "/home/bert/.ssh/id_ed25519");
      await mkdir(machine.path("/srv/files"), { recursive: true });
      await machine.write("/srv/files/a.txt", "x");
    });

    const asRoot = (...args: readonly string[]) =>
      machine.run([process.execPath, `${PROGRAM}/dist/ctl/main.js`, "service", ...args]);

    it("takes root and the name of a user, and runs while that one is not logged in", async () => {
      expect(await bert.ctl(["service", "install", "--system"])).toMatchObject({
        code: 1,
        stderr: "lanxferctl: error: a service of the system takes root: run this with sudo\n",
      });
      const sudo = { env: { SUDO_USER: "bert" } };
      const program = [process.execPath, `${PROGRAM}/dist/ctl/main.js`, "service", "install"];
      expect((await machine.run(program, sudo)).stderr).toContain("or with --system --user bert");
      expect(await machine.run([...program, "--system"], sudo)).toMatchObject({
        code: 0,
        stderr: "",
        stdout: expect.stringContaining("lanxferd runs as a service, and starts with the machine"),
      });
      expect((await asRoot("install", "--system", "--user", "bert")).stdout).toMatch(/^nothing to do: /);
      expect((await asRoot("install", "--system", "--user", "nobody-there")).stderr).toContain("no user nobody-there");
      expect((await asRoot("install", "--system", "--user", "anna")).stderr).toMatch(
        /error: anna has a service already: /,
      );
      const status = await bert.tell("status");
      expect(status).toMatch(/^socket +\/run\/lanxfer\/bert\/control\.sock$/m);
      expect(status).toMatch(/^sandbox +full$/m);
      expect((await bert.ctl(["service", "status", "--system"])).stdout).toMatch(/^state +active \(running\)/);
    });

    it("sees of the homes that of its user without the keys in it, and writes to four places", async () => {
      const files = ["/home/bert/.ssh/id_ed25519", "/home/bert/report.txt", "/srv/files/a.txt", "/etc/shadow"];
      const seen = await inside(bert, "lanxferd@bert.service", files);
      expect(seen.writable).toEqual([
        "/home/bert/.config/lanxfer",
        "/home/bert/.local/state/lanxfer",
        "/home/bert/LanInbox",
        "/run/lanxfer/bert",
      ]);
      expect(seen.readable).toEqual(["/home/bert/report.txt", "/srv/files/a.txt"]);
      expect(seen.homes).toEqual(["bert"]);
      expect(seen.processes).toBe(1);
    });

    it("runs without memory that is both written and executed, when asked to", async () => {
      const unit = "lanxferd@bert.service";
      await bert.dropIn(await readFile(new URL("../../systemd/strict-wx.conf", import.meta.url), "utf8"), unit);
      await machine.must("systemctl", "restart", unit);
      const pid = await bert.property("MainPID", unit);
      expect(await machine.must("cat", `/proc/${pid}/maps`)).not.toMatch(/^\S+ .wx/m);
      expect(await bert.tell("status")).toMatch(/^sandbox +full$/m);
      await bert.dropIn(undefined, unit);
      await machine.must("systemctl", "restart", unit);
    });

    it("goes, and leaves what is its user's", async () => {
      expect(await asRoot("uninstall", "--system", "--user", "bert")).toMatchObject({ code: 0 });
      expect(
        await machine.must("sh", "-c", "ls -d /etc/systemd/system/lanxferd* /run/lanxfer/* 2>/dev/null || true"),
      ).toBe("");
      expect(await bert.must("ls", "/home/bert/.local/state/lanxfer")).toContain("key.pem");
    });
  });

  it("is refused where there is no systemd", async () => {
    const hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run/systemd && exec "$@"', "sh"];
    const program = [process.execPath, `${PROGRAM}/dist/ctl/main.js`, "service", "install"];
    expect(await machine.run([...hidden, ...program])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "lanxferctl: error: this system does not run systemd: start lanxferd by other means\n",
    });
  });
});
