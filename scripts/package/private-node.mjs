// A Node of the package's own, for systems whose Node is too old: the one that
// npm distributes, of a version and with digests that stand here.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const NODE_VERSION = "24.21.0";

const DIGESTS = {
  x64: "3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  arm64: "FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
};

/** Puts the program `node` for a CPU into the folder `target`, and returns the text of its license. */
export function addPrivateNode(target, cpu, scratch) {
  const tarball = fetch(cpu, scratch);
  const digest = createHash("sha512").update(readFileSync(tarball)).digest("base64");
  if (digest !== DIGESTS[cpu]) throw new Error(`${tarball} is not what it was: sha512-${digest}`);
  const unpacked = join(scratch, `node-${NODE_VERSION}-${cpu}`);
  mkdirSync(unpacked, { recursive: true });
  execFileSync("tar", ["-xf", tarball, "-C", unpacked, "package/bin/node", "package/LICENSE"]);
  mkdirSync(target, { recursive: true });
  copyFileSync(join(unpacked, "package/bin/node"), join(target, "node"));
  return readFileSync(join(unpacked, "package/LICENSE"), "utf8").trim();
}

function fetch(cpu, scratch) {
  const name = `node-linux-${cpu}`;
  const tarball = join(scratch, `${name}-${NODE_VERSION}.tgz`);
  mkdirSync(scratch, { recursive: true });
  if (!existsSync(tarball)) {
    const command = ["pack", `${name}@${NODE_VERSION}`, "--pack-destination", scratch, "--loglevel=error"];
    execFileSync("npm", command, { cwd: scratch, stdio: ["ignore", "ignore", "inherit"] });
  }
  return tarball;
}
