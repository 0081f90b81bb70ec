// `npm run package:deb [-- OPTIONS]`: makes a package for Debian and what comes
// of it, by dpkg-deb, from the built programs and what npm installed.
//
//   --with-node    bring a Node of its own, for systems whose Node is too old
//   --arch ARCH    amd64 or arm64 (that of this machine)
//   --out FOLDER   where the package goes (build/package)
//   --quick        larger, and made faster
//
// Prints the path of the package.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { changelog, control, copyright, lintianOverrides } from "./deb-texts.mjs";
import { addPrivateNode, NODE_VERSION } from "./private-node.mjs";
import { copyProduction } from "./production.mjs";

const CPUS = { amd64: "x64", arm64: "arm64" };
const HOME = "/usr/lib/lanxfer";
const root = fileURLToPath(new URL("../..", import.meta.url));
const here = Object.keys(CPUS).find((arch) => CPUS[arch] === process.arch);

const { values: options } = parseArgs({
  options: {
    "with-node": { type: "boolean", default: false },
    arch: { type: "string", default: here ?? "" },
    out: { type: "string", default: join(root, "build/package") },
    quick: { type: "boolean", default: false },
  },
});
const cpu = CPUS[options.arch];
if (cpu === undefined) throw new Error(`--arch is one of ${Object.keys(CPUS).join(", ")}`);

const { version, description } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const name = options["with-node"] ? "lanxfer-with-node" : "lanxfer";
const node = options["with-node"] ? `${HOME}/node` : "/usr/bin/node";
const scratch = join(root, "build/package/scratch");
const tree = join(scratch, `${name}-${options.arch}-${process.pid}`);
const made = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000) * 1000);

const at = (path) => join(tree, path);
function put(path, content, mode = 0o644) {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
  chmodSync(at(path), mode);
}
const putGzipped = (path, content) => put(`${path}.gz`, gzipSync(content, { level: 9 }));

/** The program and what it needs. Its first lines name the Node that it is for, whatever else is in $PATH. */
function addProgram() {
  for (const folder of ["dist", "systemd"]) cpSync(join(root, folder), at(`${HOME}/${folder}`), { recursive: true });
  rmSync(at(`${HOME}/dist/man`), { recursive: true }); // these go where man looks
  cpSync(join(root, "package.json"), at(`${HOME}/package.json`));
  for (const [program, file] of [
    ["lanxferctl", "ctl/main.js"],
    ["lanxferd", "daemon/main.js"],
  ]) {
    const path = `${HOME}/dist/${file}`;
    const text = readFileSync(at(path), "utf8");
    const plain = text.replace(/^#!\/usr\/bin\/env node\n/, `#!${node}\n`);
    put(path, plain.replace(/^#!\/usr\/bin\/env -S node /, `#!/usr/bin/env -S ${node} `), 0o755);
    mkdirSync(at("/usr/bin"), { recursive: true });
    symlinkSync(`../lib/lanxfer/dist/${file}`, at(`/usr/bin/${program}`));
  }
  return copyProduction(root, at(HOME), cpu, join(scratch, `npm-${cpu}`));
}

/** As `service install` would write them, so that it finds nothing to write. */
async function addUnits() {
  const service = (file) => import(pathToFileURL(join(root, "dist/ctl/service", file)).href);
  const [{ renderUnit }, { flagsOf }] = await Promise.all([service("systemd.js"), service("program.js")]);
  const main = `${HOME}/dist/daemon/main.js`;
  const program = { node, main, flags: flagsOf(main, readFileSync(at(main), "utf8")) };
  for (const [scope, unit] of [
    ["user", "lanxferd.service"],
    ["system", "lanxferd@.service"],
  ]) {
    put(
      `/usr/lib/systemd/${scope}/${unit}`,
      renderUnit(readFileSync(join(root, "systemd", unit), "utf8"), version, program),
    );
  }
}

function addDocumentation(packages, nodeLicense) {
  const docs = `/usr/share/doc/${name}`;
  const license = readFileSync(join(root, "LICENSE"), "utf8");
  const privateNode = nodeLicense !== undefined;
  const nodeVersion = privateNode ? NODE_VERSION : undefined;
  put(`${docs}/copyright`, copyright({ license, packages, home: HOME, nodeVersion, docs }));
  if (privateNode) putGzipped(`${docs}/LICENSE.node`, nodeLicense);
  putGzipped(`${docs}/changelog`, readFileSync(join(root, "CHANGELOG.md")));
  putGzipped(`${docs}/changelog.Debian`, changelog({ name, version, made }));
  for (const file of ["README.md", "docs/automation.md", "docs/errors.md", "docs/SECURITY.md"]) {
    putGzipped(`${docs}/${file.replace("docs/", "")}`, readFileSync(join(root, file)));
  }
  for (const page of readdirSync(join(root, "dist/man"))) {
    putGzipped(`/usr/share/man/man${page.at(-1)}/${page}`, readFileSync(join(root, "dist/man", page)));
  }
  put(`/usr/share/lintian/overrides/${name}`, lintianOverrides({ name, privateNode }));
}

function addCompletion() {
  const places = {
    bash: "/usr/share/bash-completion/completions/lanxferctl",
    zsh: "/usr/share/zsh/vendor-completions/_lanxferctl",
    fish: "/usr/share/fish/vendor_completions.d/lanxferctl.fish",
  };
  for (const [shell, path] of Object.entries(places)) {
    put(path, execFileSync(process.execPath, [join(root, "dist/ctl/main.js"), "completion", shell]));
  }
}

function addControl() {
  const files = readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const sums = files.map(
    (file) => `${createHash("md5").update(readFileSync(file)).digest("hex")}  ${relative(tree, file)}`,
  );
  const size = Math.ceil(files.reduce((sum, file) => sum + statSync(file).size, 0) / 1024);
  put("/DEBIAN/md5sums", `${sums.join("\n")}\n`);
  put(
    "/DEBIAN/control",
    control({ name, version, arch: options.arch, description, size, withNode: options["with-node"] }),
  );
  for (const script of readdirSync(new URL("debian", import.meta.url))) {
    put(`/DEBIAN/${script}`, readFileSync(new URL(`debian/${script}`, import.meta.url)), 0o755);
  }
}

/** What was copied has the rights that it had here, which may be anything. */
function setModes(directory) {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) setModes(path);
    else if (entry.isFile()) chmodSync(path, isProgram(path) ? 0o755 : 0o644);
  }
}

function isProgram(path) {
  return /\/dist\/(?:ctl|daemon)\/main\.js$/.test(path) || path === at(`${HOME}/node`);
}

rmSync(tree, { recursive: true, force: true });
try {
  const packages = addProgram();
  const nodeLicense = options["with-node"] ? addPrivateNode(at(HOME), cpu, join(scratch, "node")) : undefined;
  await addUnits();
  addCompletion();
  addDocumentation(packages, nodeLicense);
  setModes(tree);
  addControl();
  mkdirSync(options.out, { recursive: true });
  const file = join(options.out, `${name}_${version}-1_${options.arch}.deb`);
  const compression = options.quick ? ["-Zgzip", "-z1"] : ["-Zxz"];
  execFileSync("dpkg-deb", ["--root-owner-group", ...compression, "--build", tree, file], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(tree, { recursive: true, force: true });
}
