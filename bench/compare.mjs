// Runs the contenders and times them. Everything that is made here is removed
// and everything that is started is ended, also after an error or a signal.

import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { contenders } from "./contenders.mjs";
import { summarise } from "./report.mjs";
import { assertCopied, describePlace, flushed, room } from "./scratch.mjs";
import { workloads } from "./workloads.mjs";

/**
 * @param {import("./options.mjs").Options} options
 * @param {(line: string) => void} progress
 * @param {AbortSignal} signal ends the current copy and the comparison
 */
export async function compare(options, progress, signal) {
  const scratch = await mkdtemp(path.join(options.dir, "lanxfer-bench-"));
  /** @type {{ contender: import("./contenders.mjs").Contender, session: import("./contenders.mjs").Session }[]} */
  const running = [];
  const left = [];
  try {
    const place = await describePlace(scratch); // before our own load
    const chosen = workloads.filter(({ name }) => options.workloads.includes(name));
    await room(scratch, Math.max(...chosen.map((workload) => workload.bytes(options))) * 2);
    for (const contender of contenders) {
      signal.throwIfAborted();
      const lack = await contender.lacks();
      if (lack !== undefined) {
        left.push({ name: contender.name, reason: lack });
        progress(`left out: ${contender.name}: ${lack}`);
        continue;
      }
      running.push({ contender, session: await contender.open(path.join(scratch, `${running.length}`)) });
    }
    const results = [];
    for (const workload of chosen) {
      const source = await workload.make(scratch, options);
      const taking = running.filter(({ contender }) => contender.takes.includes(workload.kind));
      for (const { session } of taking) await session.resetPeak?.();
      const seconds = await timed(source, taking, options.rounds, scratch, progress, signal);
      const peaks = (await Promise.all(taking.map(({ session }) => session.peaks?.() ?? []))).flat();
      await rm(source.path, { recursive: true });
      results.push(summarise(workload.title(options), source, seconds, peaks));
    }
    return { place, rounds: options.rounds, left, results };
  } finally {
    await Promise.allSettled(running.map(({ session }) => session.close()));
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Seconds of every copy, by contender. Each round begins with another contender. */
async function timed(source, taking, rounds, scratch, progress, signal) {
  /** @type {Map<string, number[]>} */
  const seconds = new Map(taking.map(({ contender }) => [contender.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < taking.length; turn++) {
      signal.throwIfAborted();
      const { contender, session } = taking[(round + turn) % taking.length];
      await flushed(scratch); // nobody pays for what another left in the write cache
      const started = performance.now();
      await session.copy(source.path, signal);
      const took = (performance.now() - started) / 1000;
      const copy = path.join(session.inbox, path.basename(source.path));
      await assertCopied(source, copy, contender.name);
      await rm(copy, { recursive: true });
      seconds.get(contender.name)?.push(took);
      progress(
        `${path.basename(source.path)}, round ${round + 1} of ${rounds}: ${contender.name} ${took.toFixed(2)} s`,
      );
    }
  }
  return seconds;
}
