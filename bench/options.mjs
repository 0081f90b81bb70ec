// The command line of the benchmark.

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { contenders } from "./contenders.mjs";
import { links } from "./links.mjs";
import { workloads } from "./workloads.mjs";

const namesOf = (table) => table.map(({ name }) => name);

export const USAGE = `Usage: npm run bench -- [flags]

  --size SIZE        size of the large file (default 2GiB)
  --files N          how many small files (default 10000)
  --file-size SIZE   size of a small file (default 4KiB)
  --tree-size SIZE   size of the mixed tree in all (default 1GiB)
  --part-size SIZE   size of each of the files that are sent at once (default 128MiB)
  --rounds N         how often each contender runs each workload (default 3)
  --dir DIR          where to work: source and destination (default /dev/shm, where
                     no disk is in the way, otherwise the temporary directory)
  --workloads A,B    only these: ${namesOf(workloads).join(", ")}
  --contenders A,B   only these: ${namesOf(contenders).join(", ")}
  --link A,B         only these: ${namesOf(links).join(", ")} (needs root, Linux and iproute2)
  --cpu-prof DIR     the daemons write CPU profiles below DIR (read them with bench/profile.mjs)
  --cpu-usage FILE   where the kernel counts the CPU time of the cgroup that the benchmark runs in
                     (cpuacct.usage, nanoseconds): what a busy machine falsifies least
  --json             one JSON object on standard output
`;

const UNITS = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

function readSize(text) {
  const [, number, unit] = /^(\d+)(|KiB|MiB|GiB)$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`not a size: ${text} (like 512MiB)`);
  return Number(number) * UNITS[unit];
}

function readCount(text) {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`not a count: ${text}`);
  return Number(text);
}

function readNames(kind, table, text) {
  const known = namesOf(table);
  const names = text.split(",");
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`no ${kind} "${unknown}", there is ${known.join(", ")}`);
  return names;
}

/**
 * @typedef {{ help: boolean, size: number, files: number, fileSize: number, treeSize: number, partSize: number,
 *   rounds: number, dir: string, workloads: string[], contenders: string[], links: string[],
 *   cpuProf: string | undefined, cpuUsage: string | undefined, json: boolean }} Options
 * @param {string[]} argv
 * @returns {Options}
 */
export function readOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      size: { type: "string", default: "2GiB" },
      files: { type: "string", default: "10000" },
      "file-size": { type: "string", default: "4KiB" },
      "tree-size": { type: "string", default: "1GiB" },
      "part-size": { type: "string", default: "128MiB" },
      rounds: { type: "string", default: "3" },
      dir: { type: "string", default: existsSync("/dev/shm") ? "/dev/shm" : tmpdir() },
      workloads: { type: "string", default: namesOf(workloads).join(",") },
      contenders: { type: "string", default: namesOf(contenders).join(",") },
      link: { type: "string", default: namesOf(links).join(",") },
      "cpu-prof": { type: "string" },
      "cpu-usage": { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  return {
    help: values.help,
    size: readSize(values.size),
    files: readCount(values.files),
    fileSize: readSize(values["file-size"]),
    treeSize: readSize(values["tree-size"]),
    partSize: readSize(values["part-size"]),
    rounds: readCount(values.rounds),
    dir: values.dir,
    workloads: readNames("workload", workloads, values.workloads),
    contenders: readNames("contender", contenders, values.contenders),
    links: readNames("link", links, values.link),
    cpuProf: values["cpu-prof"] === undefined ? undefined : path.resolve(values["cpu-prof"]),
    cpuUsage: values["cpu-usage"],
    json: values.json,
  };
}
