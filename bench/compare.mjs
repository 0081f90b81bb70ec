// Runs the contenders and times them. Everything that is made here is removed
// and everything that is started is ended, also after an error or a signal.

import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { contenders } from "./contenders.mjs";
import { links } from "./links.mjs";
import { summarise } from "./report.mjs";
import { assertCopied, describePlace, flushed, room } from "./scratch.mjs";
import { workloads } from "./workloads.mjs";

/** Copies that stay until a workload has ended, at most (bytes). */
const KEPT = 2 * 1024 ** 3;

/**
 * @typedef {{ contender: import("./contenders.mjs").Contender, session: import("./contenders.mjs").Session }} Running
 * @typedef {{ options: import("./options.mjs").Options, scratch: string, progress(line: string): void,
 *   signal: AbortSignal }} Bench
 */

/**
 * @param {import("./options.mjs").Options} options
 * @param {(line: string) => void} progress
 * @param {AbortSignal} signal ends the current copy and the comparison
 */
export async function compare(options, progress, signal) {
  const scratch = await mkdtemp(path.join(options.dir, "lanxfer-bench-"));
  try {
    const place = await describePlace(scratch); // before our own load
    const largest = Math.max(...chosen(workloads, options.workloads).map((workload) => workload.bytes(options)));
    await room(scratch, largest * 2);
    const runs = [];
    const left = [];
    for (const link of chosen(links, options.links)) {
      const lack = await link.lacks();
      if (lack === undefined) {
        runs.push(await over(link, { options, scratch, progress, signal }));
        continue;
      }
      if (options.links.length === 1) throw new Error(`${link.name}: ${lack}`);
      left.push({ name: link.name, reason: lack });
      progress(`left out: ${link.name}: ${lack}`);
    }
    return { place, rounds: options.rounds, left, links: runs };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const chosen = (table, names) => table.filter(({ name }) => names.includes(name));

/**
 * All workloads over one link.
 * @param {import("./links.mjs").Link} link
 * @param {Bench} bench
 */
async function over(link, bench) {
  const { options, scratch, progress, signal } = bench;
  const wire = await link.open();
  /** @type {Running[]} */
  const running = [];
  try {
    const left = [];
    for (const contender of chosen(contenders, options.contenders)) {
      signal.throwIfAborted();
      const lack = await contender.lacks();
      if (lack !== undefined) {
        left.push({ name: contender.name, reason: lack });
        progress(`left out: ${contender.name}: ${lack}`);
        continue;
      }
      const directory = path.join(scratch, `${link.name}-${running.length}`);
      running.push({ contender, session: await contender.open(directory, { wire, options }) });
    }
    const bitsPerSecond = await wire.yardstick();
    if (bitsPerSecond !== undefined) progress(`${link.name}: iperf3 ${(bitsPerSecond / 1e6).toFixed(0)} Mbit/s`);
    const results = [];
    for (const workload of chosen(workloads, options.workloads)) {
      results.push(await measured(workload, running, `${link.name}: ${workload.name}`, bench, bitsPerSecond));
    }
    return { name: link.name, title: link.title, bitsPerSecond: bitsPerSecond ?? null, left, results };
  } finally {
    await Promise.allSettled(running.map(({ session }) => session.close()));
    await wire.close();
  }
}

/**
 * One workload by everybody who takes it. Each round begins with another contender.
 * @param {import("./workloads.mjs").Workload} workload
 * @param {Running[]} running
 * @param {Bench} bench
 */
async function measured(workload, running, label, { options, scratch, progress, signal }, bitsPerSecond) {
  const source = await workload.make(scratch, options);
  const taking = running.filter(({ contender }) => contender.takes.includes(workload.kind));
  for (const { session } of taking) await session.resetPeak?.();
  /** @type {Map<import("./contenders.mjs").Contender, number[]>} */
  const seconds = new Map(taking.map(({ contender }) => [contender, []]));
  /** @type {Map<import("./contenders.mjs").Contender, number[]>} */
  const cpu = new Map(taking.map(({ contender }) => [contender, []]));
  // ext4 without a journal passes over each inode that was removed in the last minutes: whoever creates many files
  // after a removal would pay for it. Small copies are therefore removed after the last round.
  const keep = workload.bytes(options) * taking.length * options.rounds <= KEPT;
  const kept = [];
  for (let round = 0; round < options.rounds; round++) {
    for (let turn = 0; turn < taking.length; turn++) {
      const { contender, session } = taking[(round + turn) % taking.length];
      await flushed(scratch); // nobody pays for what another left in the write cache
      const used = await cpuUsed(options);
      const took = await timed(session, source, signal);
      cpu.get(contender)?.push((await cpuUsed(options)) - used);
      const copies = source.paths.map((from) => path.join(session.inbox, path.basename(from)));
      await assertCopied(source, copies, contender.name);
      if (keep) for (const copy of copies) await rename(copy, path.join(scratch, `done-${kept.push(copy)}`));
      else for (const copy of copies) await rm(copy, { recursive: true });
      seconds.get(contender)?.push(took);
      progress(`${label}, round ${round + 1} of ${options.rounds}: ${contender.name} ${took.toFixed(2)} s`);
    }
  }
  for (const n of kept.keys()) await rm(path.join(scratch, `done-${n + 1}`), { recursive: true });
  const peaks = (await Promise.all(taking.map(({ session }) => session.peaks?.() ?? []))).flat();
  for (const made of source.paths) await rm(made, { recursive: true });
  return summarise({ name: workload.name, title: workload.title(options), source, seconds, cpu, peaks, bitsPerSecond });
}

/** CPU seconds that everything in our cgroup has used; NaN when nobody said where they are counted. */
async function cpuUsed({ cpuUsage }) {
  return cpuUsage === undefined ? Number.NaN : Number(await readFile(cpuUsage, "utf8")) / 1e9;
}

/** Seconds from the start of all copies to the end of the last. */
async function timed(session, source, signal) {
  signal.throwIfAborted();
  const started = performance.now();
  const ends = await Promise.allSettled(source.paths.map((from) => session.copy(from, signal)));
  const took = (performance.now() - started) / 1000;
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return took;
}
