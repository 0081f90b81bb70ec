/** The Debian packages: what is in them, and their whole life under a real systemd. */

import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Lan } from "../support/hosts.ts";
import { Machine, type User } from "../support/machine.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually, type Finished, must, run } from "../support/process.ts";

const BUILD = fileURLToPath(new URL("../../scripts/package/deb.mjs", import.meta.url));
const VERSION = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")).version as string; // it is a text
const NEXT = "99.0.0";

interface Made {
  readonly file: string;
  /** What lintian thinks of it. */
  readonly lintian: Promise<Finished>;
}

suiteFor(["hosts", "machines", "debian"])("The Debian package", () => {
  let directory = "";
  let lan: Lan;
  let machine: Machine;
  let plain: Promise<Made>;
  let withNode: Promise<Made>;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "lanxfer-deb-"));
    plain = make();
    // The larger one is made and looked at while the other is tried.
    withNode = plain.then(() => make("--with-node"));
    withNode.catch(() => {}); // told by the test that waits for it
    lan = await Lan.open();
    machine = await Machine.boot(await lan.host("box"), { bare: true });
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
    await lan?.close();
    await rm(directory, { recursive: true, force: true });
  });

  const make = async (...options: string[]): Promise<Made> => {
    const file = (await must([process.execPath, BUILD, "--quick", "--out", directory, ...options])).trim();
    return { file, lintian: run(["lintian", "--allow-root", "--fail-on", "error", file], { timeoutMs: 110_000 }) };
  };
  /** dpkg there, with a package that is here. */
  const dpkg = async (file: string) => {
    await copyFile(file, machine.path("/var/cache/package.deb"));
    return machine.must("dpkg", "--install", "/var/cache/package.deb");
  };

  describe("for the Node of the system", () => {
    let file = "";
    let anna: User;
    let bert: User;

    beforeAll(async () => {
      ({ file } = await plain);
      anna = await machine.user("anna");
      bert = await machine.user("bert");
    });

    it("is small, and has what belongs to a package", async () => {
      const listed = await must(["dpkg-deb", "--contents", file]);
      for (const expected of [
        "./usr/bin/lanxferctl -> ../lib/lanxfer/dist/ctl/main.js",
        "./usr/bin/lanxferd -> ../lib/lanxfer/dist/daemon/main.js",
        "./usr/lib/systemd/user/lanxferd.service",
        "./usr/lib/systemd/system/lanxferd@.service",
        "./usr/share/doc/lanxfer/copyright",
        "./usr/share/doc/lanxfer/changelog.Debian.gz",
        "./usr/share/man/man1/lanxferctl.1.gz",
        "./usr/share/man/man5/lanxfer-config.5.gz",
        "./usr/share/man/man8/lanxferd.8.gz",
        "./usr/share/bash-completion/completions/lanxferctl",
        "./usr/share/zsh/vendor-completions/_lanxferctl",
        "./usr/share/fish/vendor_completions.d/lanxferctl.fish",
      ]) {
        expect(listed).toContain(expected);
      }
      expect(listed).not.toMatch(/\.ts$|\.map$|\/test\/|typescript|vitest/m);
      expect((await stat(file)).size).toBeLessThan(5_000_000);
      const copyright = await must([
        "sh",
        "-c",
        `dpkg-deb --fsys-tarfile ${file} | tar -xO ./usr/share/doc/lanxfer/copyright`,
      ]);
      for (const name of ["zod", "hono", "pino", "yargs"]) expect(copyright).toContain(`node_modules/${name}/*`);
    });

    it("installs, and starts nothing before somebody asks for it", async () => {
      await dpkg(file);
      expect(await anna.must("lanxferctl", "--version")).toBe(`lanxferctl ${VERSION}\n`);
      expect(await anna.must("lanxferd", "--version")).toBe(`lanxferd ${VERSION}\n`);
      expect(await anna.run(["lanxferctl", "status"])).toMatchObject({ code: 3 });
      expect(await anna.must("lanxferctl", "service", "install")).toBe(
        "lanxferd runs as a service, and starts when anna logs in\n", // the package's unit is as it should be
      );
      expect(await anna.must("lanxferctl", "service", "status")).toMatch(
        /^defined +\/usr\/lib\/systemd\/user\/lanxferd.service$/m,
      );
      expect(await anna.must("lanxferctl", "status")).toMatch(/^sandbox +full$/m);
      expect(await machine.must("lanxferctl", "service", "install", "--system", "--user", "bert")).toBe(
        "wrote /etc/systemd/system/lanxferd@bert.service.d/10-places.conf\n" +
          "lanxferd runs as a service, and starts with the machine\n",
      );
      expect(await bert.must("lanxferctl", "status")).toMatch(/^sandbox +full$/m);
    });

    it("keeps key, paired devices and what is queued when it is updated, and what runs is the new one", async () => {
      await bert.must("lanxferctl", "config", "set", "name", "bertbox");
      await machine.must("systemctl", "restart", "lanxferd@bert");
      await anna.pairWith(bert);
      const known = await anna.must("lanxferctl", "devices");
      const id = await anna.must("lanxferctl", "id");
      const report = await anna.write("report.txt", "hello");
      await machine.must("systemctl", "stop", "lanxferd@bert");
      await anna.must("lanxferctl", "send", "--queue", "bertbox", report);

      const before = await anna.started();
      await dpkg(await newer(file));
      await anna.started(before);
      expect(await anna.must("lanxferctl", "status")).toMatch(new RegExp(`^version +${NEXT} `, "m"));
      expect(await anna.must("lanxferctl", "devices")).toBe(known);
      expect(await anna.must("lanxferctl", "id")).toBe(id);
      expect(await anna.must("lanxferctl", "transfers")).toContain("report.txt");
      await machine.must("systemctl", "start", "lanxferd@bert");
      expect(await bert.must("lanxferctl", "status")).toMatch(new RegExp(`^version +${NEXT} `, "m"));
      await eventually(
        "it is delivered",
        async () => {
          const { code } = await bert.run(["test", "-e", "/home/bert/LanInbox/report.txt"]);
          return code === 0 || undefined;
        },
        { timeoutMs: 30_000 },
      );
      // A service of the system runs on through an update, too.
      const served = await bert.property("MainPID", "lanxferd@bert.service");
      await dpkg(await newer(file));
      expect(await bert.property("ActiveState", "lanxferd@bert.service")).toBe("active");
      expect(await bert.property("MainPID", "lanxferd@bert.service")).not.toBe(served);
    });

    it("says what is missing when a part of it is gone", async () => {
      const main = "/usr/lib/lanxfer/dist/daemon/main.js";
      await machine.must("mv", main, `${main}.away`);
      expect(await anna.run(["lanxferctl", "service", "install"])).toMatchObject({
        code: 1,
        stderr: `lanxferctl: error: ${main} is missing: install lanxfer again\n`,
      });
      await machine.must("mv", `${main}.away`, main);
      await anna.must("lanxferctl", "service", "install");
    });

    it("has no mistakes that lintian would know", async () => {
      expect(await (await plain).lintian).toMatchObject({ code: 0 });
    });

    it("goes, and leaves what is its users'", async () => {
      await machine.must("dpkg", "--remove", "lanxfer");
      expect(await machine.run(["pgrep", "--full", "dist/daemon/main.js"])).toMatchObject({ code: 1 });
      expect(await machine.run(["ls", "/usr/lib/lanxfer", "/usr/bin/lanxferctl"])).toMatchObject({
        code: 2,
        stdout: "",
      });
      await machine.must("dpkg", "--purge", "lanxfer");
      expect(await machine.must("sh", "-c", "find /etc/systemd /var/lib/dpkg/info -name '*lanxfer*'")).toBe("");
      expect(await readFile(machine.path("/home/bert/LanInbox/report.txt"), "utf8")).toBe("hello");
      expect(await machine.must("ls", "/home/anna/.local/state/lanxfer")).toContain("key.pem");
    });

    /** The package as the next version would be. */
    async function newer(of: string): Promise<string> {
      const tree = path.join(directory, "newer");
      await rm(tree, { recursive: true, force: true });
      await must(["dpkg-deb", "--raw-extract", of, tree]);
      const changes = [
        ["DEBIAN/control", `Version: ${VERSION}-1`, `Version: ${NEXT}-1`],
        ["usr/lib/lanxfer/dist/core/version.js", `"${VERSION}"`, `"${NEXT}"`],
        ["usr/lib/systemd/user/lanxferd.service", `# lanxfer ${VERSION}:`, `# lanxfer ${NEXT}:`],
        ["usr/lib/systemd/system/lanxferd@.service", `# lanxfer ${VERSION}:`, `# lanxfer ${NEXT}:`],
      ] as const;
      for (const [name, from, to] of changes) {
        const text = await readFile(path.join(tree, name), "utf8");
        expect(text).toContain(from);
        await writeFile(path.join(tree, name), text.replace(from, to));
      }
      const made = path.join(directory, "newer.deb");
      await must(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made]);
      return made;
    }
  });

  it("that brings its own Node works with no other, and has no mistakes", async () => {
    const { file, lintian } = await withNode;
    await dpkg(file);
    const carla = await machine.user("carla");
    await machine.must("mv", "/usr/bin/node", "/usr/bin/node-of-the-system");
    await carla.must("lanxferctl", "service", "install");
    const status = await carla.must("lanxferctl", "status");
    expect(status).toMatch(/^version +\S+ on Node v24\./m);
    expect(status).toMatch(/^sandbox +full$/m);
    expect(await carla.must("lanxferctl", "service", "status")).toMatch(/^node +\/usr\/lib\/lanxfer\/node$/m);
    await machine.must("dpkg", "--purge", "lanxfer-with-node");
    expect(await lintian).toMatchObject({ code: 0 });
  });
});
