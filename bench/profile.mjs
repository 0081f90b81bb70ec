// Where a program's time went: `node bench/profile.mjs FILE.cpuprofile...` lists
// the functions of profiles of V8 by the share of the samples they were on top of.

import { readFile } from "node:fs/promises";

const SHOWN = 25;

for (const file of process.argv.slice(2)) {
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(file, "utf8"));
  const places = new Map(nodes.map(({ id, callFrame }) => [id, place(callFrame)]));
  /** @type {Map<string, number>} microseconds */
  const own = new Map();
  for (const [n, id] of samples.entries()) own.set(places.get(id), (own.get(places.get(id)) ?? 0) + timeDeltas[n]);
  const idle = own.get("(idle)") ?? 0;
  own.delete("(idle)");
  const busy = [...own.values()].reduce((sum, time) => sum + time, 0);
  console.log(`${file}: ${seconds(busy)} busy, ${seconds(idle)} idle`);
  for (const [name, time] of [...own].sort(([, a], [, b]) => b - a).slice(0, SHOWN)) {
    console.log(`${((time / busy) * 100).toFixed(1).padStart(6)} %  ${name}`);
  }
}

function place({ functionName, url, lineNumber }) {
  const where = url.replace(/^.*\/(dist|node_modules)\//, "");
  return `${functionName || "(anonymous)"}${where === "" ? "" : `  ${where}:${lineNumber + 1}`}`;
}

function seconds(microseconds) {
  return `${(microseconds / 1e6).toFixed(2)} s`;
}
