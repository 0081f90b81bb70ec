// Builds the page of lanxferd: src/ui to dist/ui, one script and one sheet, so that nothing is built, resolved or
// fetched where it runs. The bundler is the one that the tests bring along.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "rolldown";

/** What the page may be made of: its own sources, pure vocabulary, and two libraries. Of `control` it has types only. */
const INGREDIENTS = [/^src\/ui\//, /^src\/core\//, /^node_modules\/preact\//, /^node_modules\/uqr\//];
const LIBRARIES = ["preact", "uqr"];
/** In their order, in which the later ones win. */
const SHEETS = ["base", "frame", "controls", "devices", "offers", "rows", "settings", "dialogs", "notices", "narrow"];

export async function buildPage(root) {
  const into = `${root}dist/ui`;
  mkdirSync(into, { recursive: true });
  const { output } = await build({
    input: `${root}src/ui/main.tsx`,
    cwd: root,
    platform: "browser",
    tsconfig: `${root}src/ui/tsconfig.json`,
    transform: { target: "es2022" },
    output: { file: `${into}/page.js`, format: "esm", minify: true, comments: false },
    logLevel: "warn",
  });
  const modules = output.flatMap((chunk) => Object.keys(chunk.modules ?? {})).filter((id) => !id.startsWith("\0")); // the bundler's own
  const foreign = modules
    .map((id) => path.relative(root, id))
    .filter((id) => !INGREDIENTS.some((allowed) => allowed.test(id)));
  if (foreign.length > 0) throw new Error(`the page may not have in it: ${foreign.join(", ")}`);
  for (const file of ["index.html", "icon.svg"]) copyFileSync(`${root}src/ui/${file}`, `${into}/${file}`);
  writeFileSync(`${into}/page.css`, SHEETS.map((name) => readFileSync(`${root}src/ui/style/${name}.css`)).join("\n"));
  writeFileSync(`${into}/LICENSES.txt`, LIBRARIES.map((name) => licenceOf(root, name)).join("\n"));
}

function licenceOf(root, name) {
  const text = readFileSync(`${root}node_modules/${name}/LICENSE`, "utf8").trim();
  return `page.js has ${name} in it, which comes under this licence:\n\n${text}\n`;
}
