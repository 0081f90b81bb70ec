// Node.js as npm distributes it: of versions and with digests that stand here.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

/** @type {Record<string, Record<string, string>>} */
const DIGESTS = {
  "22.23.3": {
    x64: "qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
  },
  "24.21.0": {
    x64: "3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
    arm64: "FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  },
};

/**
 * The folder of a version for a CPU, with `bin/node` and `LICENSE`, below the folder `scratch`, which keeps it.
 *
 * @param {string} version
 * @param {string} cpu
 * @param {string} scratch
 */
export function nodeFor(version, cpu, scratch) {
  const name = `node-linux-${cpu}`;
  const kept = resolve(scratch, `${name}-${version}`);
  if (existsSync(kept)) return kept;
  mkdirSync(scratch, { recursive: true });
  const own = mkdtempSync(`${kept}-`); // others may want the same at this moment
  try {
    const command = ["pack", `${name}@${version}`, "--pack-destination", own, "--loglevel=error"];
    execFileSync("npm", command, { cwd: own, stdio: ["ignore", "ignore", "inherit"] });
    const tarball = join(own, `${name}-${version}.tgz`);
    const digest = createHash("sha512").update(readFileSync(tarball)).digest("base64");
    if (digest !== DIGESTS[version]?.[cpu]) throw new Error(`${tarball} is not what it was: sha512-${digest}`);
    execFileSync("tar", ["-xf", tarball, "-C", own, "package/bin/node", "package/LICENSE"]);
    renameSync(join(own, "package"), kept);
  } catch (error) {
    if (!existsSync(kept)) throw error;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
  return kept;
}
