// What has to be beside the program to run it: the production dependencies, from
// what npm installed, without what only their developers need.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";

const KEPT = new Set([".js", ".mjs", ".cjs", ".json", ".node"]);
const LEFT_OUT = new Set([
  "test",
  "tests",
  "docs",
  "doc",
  "example",
  "examples",
  "benchmark",
  "benchmarks",
  "coverage",
]);
const DEVELOPERS = /^(?:bench|benchmark|eslint\.config|tsconfig)\.|^\./;

/**
 * Copies the dependencies of `root` for a CPU (as Node calls it) to
 * `target`/node_modules. Those for another one than this machine's are installed
 * by npm first, in `scratch`.
 */
export function copyProduction(root, target, cpu, scratch) {
  const source = cpu === process.arch ? root : installFor(root, cpu, scratch);
  const { packages } = JSON.parse(readFileSync(join(source, "node_modules/.package-lock.json"), "utf8"));
  const production = Object.entries(packages).filter(([, { dev, devOptional }]) => !dev && !devOptional);
  return production.map(([path, { version, license }]) => {
    const from = join(source, path);
    const programs = programsOf(from); // nobody calls those of dependencies
    cpSync(from, join(target, path), {
      recursive: true,
      filter: (file) => !programs.has(file) && isNeeded(from, file),
    });
    return { path, name: path.split("node_modules/").at(-1), version, license, text: licenseText(from) };
  });
}

function isNeeded(root, file) {
  if (file === root) return true;
  const name = basename(file);
  if (statSync(file).isDirectory()) {
    const isOwn = name !== "node_modules"; // nested dependencies have entries of their own
    return isOwn && !(dirname(file) === root && LEFT_OUT.has(name)) && hasNeeded(root, file);
  }
  return KEPT.has(extname(name)) && !DEVELOPERS.test(name);
}

function programsOf(directory) {
  const { bin = {} } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  return new Set(Object.values(typeof bin === "string" ? [bin] : bin).map((file) => join(directory, file)));
}

function hasNeeded(root, directory) {
  return readdirSync(directory).some((name) => isNeeded(root, join(directory, name)));
}

function licenseText(directory) {
  const files = readdirSync(directory).filter((name) => /^(?:licen[cs]e|copying)/i.test(name));
  return files.map((name) => readFileSync(join(directory, name), "utf8").trim()).join("\n\n");
}

function installFor(root, cpu, scratch) {
  mkdirSync(scratch, { recursive: true });
  for (const name of ["package.json", "package-lock.json", ".npmrc"]) cpSync(join(root, name), join(scratch, name));
  if (!existsSync(join(scratch, "node_modules"))) {
    const target = ["--os=linux", `--cpu=${cpu}`, "--libc=glibc"];
    execFileSync("npm", ["ci", "--omit=dev", "--ignore-scripts", ...target], { cwd: scratch, stdio: "inherit" });
  }
  return scratch;
}
