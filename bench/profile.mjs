// Where a program's time went: `node bench/profile.mjs FILE.cpuprofile...` lists
// the functions of profiles of V8 by the share of the samples they were on top of.
// Only the main thread is in them, by the clock on the wall. What native code does
// before it calls JavaScript (a socket that reads and deciphers) seems to count as idle.

import { readFile } from "node:fs/promises";

const SHOWN = 25;

const isOurs = (url) => url.startsWith("file:");

for (const file of process.argv.slice(2)) {
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(file, "utf8"));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const callers = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const places = new Map(nodes.map(({ id }) => [id, place(id, frames, callers)]));
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

/** Native code and Node's own functions say little without the first caller outside of Node. */
function place(id, frames, callers) {
  const { functionName, url, lineNumber } = frames.get(id);
  const name = functionName || "(anonymous)";
  if (isOurs(url)) return `${name}  ${url.replace(/^.*\/(dist|node_modules)\//, "")}:${lineNumber + 1}`;
  for (let caller = callers.get(id); caller !== undefined; caller = callers.get(caller)) {
    if (isOurs(frames.get(caller).url)) return `${name}  for ${place(caller, frames, callers)}`;
  }
  return name;
}

function seconds(microseconds) {
  return `${(microseconds / 1e6).toFixed(2)} s`;
}
