// The command line of the benchmark.

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { workloads } from "./workloads.mjs";

export const USAGE = `Usage: npm run bench -- [flags]

  --size SIZE        size of the large file (default 1GiB)
  --files N          how many small files (default 2000)
  --file-size SIZE   size of a small file (default 4KiB)
  --rounds N         how often each contender runs each workload (default 5)
  --dir DIR          where to work: source and destination (default /dev/shm, where
                     no disk is in the way, otherwise the temporary directory)
  --workloads A,B    only these: ${workloads.map(({ name }) => name).join(", ")}
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

/**
 * @typedef {{ help: boolean, size: number, files: number, fileSize: number, rounds: number, dir: string,
 *   workloads: string[], json: boolean }} Options
 * @param {string[]} argv
 * @returns {Options}
 */
export function readOptions(argv) {
  const all = workloads.map(({ name }) => name);
  const { values } = parseArgs({
    args: argv,
    options: {
      size: { type: "string", default: "1GiB" },
      files: { type: "string", default: "2000" },
      "file-size": { type: "string", default: "4KiB" },
      rounds: { type: "string", default: "5" },
      dir: { type: "string", default: existsSync("/dev/shm") ? "/dev/shm" : tmpdir() },
      workloads: { type: "string", default: all.join(",") },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const chosen = values.workloads.split(",");
  const unknown = chosen.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`no workload "${unknown}", there is ${all.join(", ")}`);
  return {
    help: values.help,
    size: readSize(values.size),
    files: readCount(values.files),
    fileSize: readSize(values["file-size"]),
    rounds: readCount(values.rounds),
    dir: values.dir,
    workloads: chosen,
    json: values.json,
  };
}
