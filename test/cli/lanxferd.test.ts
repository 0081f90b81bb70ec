/** The program `lanxferd` as a person or a service manager meets it. Without any multicast: every interface is excluded. */

import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { Home } from "../support/home.ts";

describe("lanxferd", () => {
  it("starts in an empty home, makes what it needs with the right modes, and ends in good order on SIGTERM", async () => {
    await using home = await Home.make();
    const daemon = await home.ready({ LANXFER_PORT: "25999" });
    expect(((await stat(home.path("LanInbox"))).mode & 0o777).toString(8)).toBe("700");
    expect(((await stat(home.path("state"))).mode & 0o777).toString(8)).toBe("700");
    expect(((await stat(home.path("state/key.pem"))).mode & 0o777).toString(8)).toBe("600");
    const status = await home.ctl("status", "--json");
    expect(JSON.parse(status.stdout.split("\n")[0] ?? "")).toMatchObject({ name: "test", port: 25999 });
    process.kill(daemon.pid, "SIGTERM");
    const { code, stderr } = await daemon.finished;
    expect([code, stderr]).toEqual([0, ""]);
    await expect(stat(home.path("run/control.sock"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("loads what only a change of settings, a terminal or a scrape needs when that comes", async () => {
    await using home = await Home.make();
    const daemon = await home.ready({ NODE_V8_COVERAGE: home.path("coverage") });
    process.kill(daemon.pid, "SIGTERM");
    await daemon.finished;
    const reports = await Promise.all(
      (await readdir(home.path("coverage"))).map((name) => readFile(home.path(`coverage/${name}`), "utf8")),
    );
    const urls = reports.flatMap((report) =>
      (JSON.parse(report) as { result: { url: string }[] }).result.map(({ url }) => url),
    );
    const libraries = urls.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
    expect(libraries).toEqual(expect.arrayContaining(["hono", "pino", "zod"]));
    for (const late of ["conf", "ajv", "pino-pretty", "prom-client"]) expect(libraries).not.toContain(late);
  });

  it("prints JSON lines where stdout is no terminal", async () => {
    await using home = await Home.make();
    const daemon = await home.ready();
    for (const line of daemon.stdout.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("msg");
  });

  it("takes another port when its own is taken, and says so", async () => {
    await using home = await Home.make();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    const address = other.address();
    const taken = typeof address === "object" ? (address?.port ?? 0) : 0;
    const daemon = await home.ready({ LANXFER_PORT: String(taken) });
    other.close();
    expect(daemon.stdout).toMatch(/port taken, using another one/);
  });

  it("shows help and version without touching anything", async () => {
    await using home = await Home.make();
    expect(await home.fails({}, "--help")).toMatchObject({ code: 0, stderr: "" });
    expect(await home.fails({}, "--version")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^lanxferd \d+\.\d+\.\d+\n$/),
    });
    await expect(stat(home.path("state"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  type Spoil = (home: Home) => Promise<Record<string, string> | undefined>;
  const refusals: [string, Spoil, number, RegExp][] = [
    [
      "an unknown option",
      async () => ({}),
      2,
      /^lanxferd: error: unknown option '--nonsense'\nlanxferd: hint: run "lanxferd --help"\n$/,
    ],
    [
      "a settings file that is not JSON",
      async (home) => {
        await mkdir(home.path("config"), { mode: 0o700 });
        await writeFile(home.path("config/config.json"), "{ name: 'x' ");
        return {};
      },
      2,
      /^lanxferd: error: bad setting in .*config\.json: not valid JSON\nlanxferd: hint: .*\n$/,
    ],
    [
      "a settings file that has something else in it",
      async (home) => {
        await mkdir(home.path("config"), { mode: 0o700 });
        await writeFile(home.path("config/config.json"), "[1]");
        return {};
      },
      2,
      /^lanxferd: error: bad setting in .*config\.json: not an object with settings\n/,
    ],
    [
      "a bad value in the settings file",
      async (home) => {
        await mkdir(home.path("config"), { mode: 0o700 });
        await writeFile(home.path("config/config.json"), '{"limits":{"parallel":"many"}}');
        return {};
      },
      2,
      /bad setting in .*config\.json: limits\.parallel: /,
    ],
    ["a bad variable", async () => ({ LANXFER_PORT: "99999" }), 2, /^lanxferd: error: bad setting LANXFER_PORT: /],
    [
      "an inbox on a disk that is not there",
      async (home) => ({ LANXFER_INBOX: home.path("mnt/disk/inbox") }),
      11,
      /cannot use the inbox .*: the folder around it does not exist/,
    ],
    [
      "an inbox that is a file",
      async (home) => {
        await writeFile(home.path("file"), "");
        return { LANXFER_INBOX: home.path("file") };
      },
      11,
      /cannot use the inbox .*: it is not a directory/,
    ],
    [
      "a key that others can read",
      async (home) => {
        const first = await home.ready();
        process.kill(first.pid, "SIGTERM");
        await first.finished;
        await chmod(home.path("state/key.pem"), 0o644);
        return {};
      },
      11,
      /cannot use .*key\.pem: .*\(.*chmod 0?600/,
    ],
    [
      "a socket path that would be cut",
      async (home) => ({ LANXFER_SOCKET: home.path(`${"x".repeat(100)}/c.sock`) }),
      1,
      /longer than 103 bytes/,
    ],
  ];
  it.each(refusals)("refuses %s with one clear line and the right exit status", async (what, spoil, exit, message) => {
    await using home = await Home.make();
    const env = await spoil(home);
    const ended = await home.fails(env, ...(what === "an unknown option" ? ["--nonsense"] : []));
    expect(ended).toMatchObject({ code: exit, stdout: expect.not.stringContaining("ready") });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toMatch(/\n\s+at /);
  });

  it("does not start twice", async () => {
    await using home = await Home.make();
    await home.ready();
    expect(await home.fails()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/another lanxferd is already running/),
    });
    expect(await home.ctl("id")).toMatchObject({ code: 0 });
  });

  it("starts again after kill -9", async () => {
    await using home = await Home.make();
    const first = await home.ready();
    process.kill(first.pid, "SIGKILL");
    await first.finished;
    const key = await readFile(home.path("state/key.pem"), "utf8");
    await home.ready();
    expect(await readFile(home.path("state/key.pem"), "utf8")).toBe(key);
  });

  it("keeps settings that it does not know, and warns", async () => {
    await using home = await Home.make();
    await mkdir(home.path("config"), { mode: 0o700 });
    await writeFile(home.path("config/config.json"), '{"future":{"thing":1}}');
    const daemon = await home.ready();
    expect(daemon.stdout).toMatch(/"setting":"future\.thing","msg":"unknown setting ignored"/);
    expect(await home.ctl("config", "set", "limits.parallel", "7")).toMatchObject({ code: 0 });
    expect(JSON.parse(await readFile(home.path("config/config.json"), "utf8"))).toEqual({
      future: { thing: 1 },
      limits: { parallel: 7 },
    });
    expect(((await stat(home.path("config/config.json"))).mode & 0o777).toString(8)).toBe("600");
  });
});

describe("two programs on one machine", () => {
  it("pair by invite and send by name", async () => {
    await using alice = await Home.make({ LANXFER_NAME: "alice" });
    await using bob = await Home.make({ LANXFER_NAME: "bob" });
    await Promise.all([alice.ready(), bob.ready()]);
    expect((await bob.pairWith(alice)).paired).toMatchObject({ code: 0 });
    await writeFile(bob.path("report.pdf"), "the only copy");
    expect(await bob.ctl("send", "alice", "report.pdf")).toMatchObject({ code: 0 });
    expect(await readFile(alice.path("LanInbox/report.pdf"), "utf8")).toBe("the only copy");
  });
});
