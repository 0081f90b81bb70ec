/** The package as npm makes it and installs it: what is in it, and that it works where there is nothing else. */

import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../support/daemons.ts";
import { must, start } from "../support/process.ts";
import { Registry } from "../support/registry.ts";

const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

describe("The npm package", () => {
  let directory = "";
  let packed: Packed;
  const npm = (args: readonly string[], env: Record<string, string> = {}) => {
    const { PATH } = process.env;
    // Nothing of this user's own settings or cache.
    const own = { PATH, HOME: directory, npm_config_cache: `${directory}/cache`, npm_config_update_notifier: "false" };
    return must(["npm", ...args], { cwd: CHECKOUT, env: { ...own, ...env } });
  };

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "lanxfer-package-"));
    [packed] = JSON.parse(await npm(["pack", "--json", "--ignore-scripts", "--pack-destination", directory]));
  });

  afterAll(() => rm(directory, { recursive: true, force: true }));

  it("has the programs, what they need, what a user reads, and nothing else", async () => {
    const allowed = [
      /^dist\/(?:core|control|discovery|identity|transfer|daemon|ctl)\/[\w/-]+\.js$/,
      /^systemd\/(?:lanxferd@?\.service|(?:strict-wx|no-userns)\.conf)$/,
      /^launchd\/lanxferd\.plist$/,
      /^docs\/(?:automation|errors|SECURITY)\.md$/,
      /^dist\/ui\/(?:index\.html|page\.js|page\.css|icon\.svg|LICENSES\.txt)$/,
      /^dist\/man\/[\w-]+\.[158]$/,
      /^(?:README|CHANGELOG)\.md$/,
      /^LICENSE$/,
      /^package\.json$/,
    ];
    const files = packed.files.map(({ path: file }) => file);
    expect(files.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([]);
    const sources = await readdir(path.join(CHECKOUT, "src"), { recursive: true });
    const programs = sources
      .filter((name) => /\.[tj]s$/.test(name) && !name.startsWith("ui/"))
      .map((name) => `dist/${name.replace(/\.ts$/, ".js")}`);
    expect(files).toEqual(expect.arrayContaining([...programs, "systemd/lanxferd.service", "launchd/lanxferd.plist"]));
    const executable = packed.files.filter(({ mode }) => (mode & 0o111) !== 0).map(({ path: file }) => file);
    expect(executable.sort()).toEqual(["dist/ctl/main.js", "dist/daemon/main.js"]);
    expect(files).toEqual(expect.arrayContaining(["dist/ui/index.html", "dist/ui/page.js", "dist/ui/page.css"]));
  });

  it("is small", () => {
    expect(packed.size).toBeLessThan(500_000);
    expect(packed.unpackedSize).toBeLessThan(2_000_000);
  });

  it("installs without a compiler or a script, and works", async () => {
    await using registry = await Registry.open();
    const prefix = path.join(directory, "prefix");
    const tarball = path.join(directory, packed.filename);
    const flags = ["--global", "--no-audit", "--no-fund", "--foreground-scripts", "--prefix", prefix];
    const told = await npm(["install", ...flags, tarball], { npm_config_registry: registry.url });
    expect(told).not.toContain("> "); // how npm announces a script
    expect(registry.missed.filter((name) => !/^@napi-rs\/blake-hash-/.test(name))).toEqual([]);

    const root = path.join(prefix, "lib/node_modules/lanxfer");
    const manifests = (await readdir(path.join(root, "node_modules"), { recursive: true })).filter((file) =>
      /(?:^|node_modules\/)(?:@[^/]+\/)?[^/]+\/package\.json$/.test(file),
    );
    expect(manifests.length).toBeGreaterThan(50);
    for (const file of manifests) {
      const { scripts = {}, gypfile } = JSON.parse(await readFile(path.join(root, "node_modules", file), "utf8"));
      expect({ ...scripts, gypfile }, file).not.toMatchObject({ gypfile: true });
      for (const script of ["preinstall", "install", "postinstall"]) expect(scripts, file).not.toHaveProperty(script);
    }

    const env = {
      PATH: `${prefix}/bin:${process.env["PATH"]}`,
      HOME: directory,
      XDG_RUNTIME_DIR: `${directory}/run`,
      LANXFER_INTERFACES_EXCLUDE: "*",
      LANXFER_PORT: String(await freePort()),
    };
    expect(await must(["lanxferctl", "--version"], { env })).toMatch(/^lanxferctl \d/);
    expect((await stat(path.join(root, "systemd/lanxferd.service"))).isFile()).toBe(true);
    for (const page of ["man1/lanxferctl.1", "man5/lanxfer-config.5", "man8/lanxferd.8"]) {
      expect((await stat(path.join(prefix, "share/man", page))).isFile()).toBe(true);
    }
    const daemon = start(["lanxferd"], { env });
    try {
      await daemon.line((line) => line.includes('"msg":"ready"'), 20_000);
      expect(await must(["lanxferctl", "status"], { env })).toContain(`${directory}/LanInbox`);
    } finally {
      await daemon.stop();
    }
  });
});
