// Compiles src to dist, marks the two programs executable, completes their manual and builds the page. A compile of
// unchanged sources is cheap, so every script that needs dist calls this.
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderManual } from "./man.mjs";
import { buildPage } from "./page.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, "-p", `${root}tsconfig.build.json`], {
  stdio: "inherit",
});
for (const program of ["daemon/main.js", "ctl/main.js"]) chmodSync(`${root}dist/${program}`, 0o755);
await renderManual(root);
await buildPage(root);
