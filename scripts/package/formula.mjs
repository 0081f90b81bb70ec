// `npm run package:formula -- URL [FOLDER]`: packs the npm package, which has to
// be published at URL as it is, and writes a formula for Homebrew that installs
// it, both into FOLDER (build/package). Prints their paths.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const [url, folder = join(root, "build/package")] = process.argv.slice(2);
if (!/^https:\/\/[^\s"\\#]+\.tgz$/.test(url ?? ""))
  throw new Error("the first argument is the https URL of the tarball");

mkdirSync(folder, { recursive: true });
const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", resolve(folder)];
const [{ filename }] = JSON.parse(execFileSync("npm", pack, { cwd: root, stdio: ["ignore", "pipe", "ignore"] }));
const sha256 = createHash("sha256")
  .update(readFileSync(join(folder, filename)))
  .digest("hex");
const {
  version,
  description,
  homepage = new URL(url).origin,
} = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const values = {
  URL: url,
  SHA256: sha256,
  HOMEPAGE: homepage,
  VERSION: version,
  DESCRIPTION: description.replace(/\.$/, ""),
};
const template = readFileSync(new URL("lanxfer.rb", import.meta.url), "utf8");
const formula = template.replace(/@([A-Z0-9]+)@/g, (whole, name) => values[name] ?? whole);
writeFileSync(join(folder, "lanxfer.rb"), formula);
process.stdout.write(`${join(folder, filename)}\n${join(folder, "lanxfer.rb")}\n`);
