/**
 * A package registry on loopback that has what `npm ci` installed here, and
 * nothing else: npm can install from it as from the real one, without a network.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));
const run = promisify(execFile);

interface Installed {
  readonly name: string;
  readonly version: string;
  readonly directory: string;
}

export class Registry implements AsyncDisposable {
  readonly url: string;
  /** What was asked for and is not here. */
  readonly missed: string[] = [];
  readonly #server: Server;
  readonly #packages = installed();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
  }

  static async open(): Promise<Registry> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const registry = new Registry(server);
    server.on("request", (request, response) => {
      registry.#answer(decodeURIComponent(request.url ?? ""), response).catch((error) => response.destroy(error));
    });
    return registry;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(asked: string, response: ServerResponse): Promise<void> {
    const [, name = "", version] = /^\/(.+?)(?:\/-\/(.+)\.tgz)?$/.exec(asked) ?? [];
    const known = this.#packages.filter((one) => one.name === name && (version ?? one.version) === one.version);
    const [first] = known;
    if (first === undefined) {
      this.missed.push(name);
      response.writeHead(404).end("{}");
    } else if (version !== undefined) {
      response.end(await pack(first));
    } else {
      const versions = await Promise.all(known.map((one) => this.#manifest(one)));
      const latest = known.at(-1)?.version;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ name, "dist-tags": { latest }, versions: Object.fromEntries(versions) }));
    }
  }

  async #manifest(one: Installed): Promise<[string, object]> {
    const own = JSON.parse(readFileSync(path.join(one.directory, "package.json"), "utf8")) as object; // npm put it there
    const integrity = `sha512-${createHash("sha512")
      .update(await pack(one))
      .digest("base64")}`;
    const tarball = `${this.url}/${one.name}/-/${one.version}.tgz`;
    return [one.version, { ...own, dist: { tarball, integrity } }];
  }
}

/** What npm itself notes of the folder it keeps. */
function installed(): Installed[] {
  const notes = readFileSync(path.join(CHECKOUT, "node_modules/.package-lock.json"), "utf8");
  const { packages } = JSON.parse(notes) as { packages: Record<string, { version: string }> };
  return Object.entries(packages).map(([directory, { version }]) => ({
    name: directory.slice(directory.lastIndexOf("node_modules/") + "node_modules/".length),
    version,
    directory: path.join(CHECKOUT, directory),
  }));
}

const packed = new Map<string, Promise<Buffer>>();

/** Always the same bytes, as the digest of one answer has to fit those of the next. */
function pack({ directory }: Installed): Promise<Buffer> {
  const tar = ["--sort=name", "--mtime=@0", "--exclude=./node_modules", "--transform=s,^\\.,package,"];
  const options = { encoding: "buffer", maxBuffer: 256 * 1024 * 1024 } as const;
  const made =
    packed.get(directory) ?? run("tar", [...tar, "-cf", "-", "-C", directory, "."], options).then((r) => r.stdout);
  packed.set(directory, made);
  return made;
}
