/** Ten thousand transfers that wait for a device that is away: what they cost at the start and while they wait. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { transferIdFrom } from "../../src/core/ids.ts";
import type { Device } from "../support/device.ts";
import { LocalPair } from "../support/local.ts";
import { measured } from "../support/measured.ts";
import { KiB } from "../support/sizes.ts";

const MANY = 10_000;
/** What the kernel counts in, on every machine that Node runs on. */
const TICK_MS = 10;

/** Starts it; what it took of the processor until it was ready (ms), as others run beside it here, and of memory (bytes). */
async function started(device: Device): Promise<{ readonly ms: number; readonly memory: number }> {
  await device.start();
  const stat = await readFile(`/proc/${device.daemon.pid}/stat`, "utf8");
  const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14).map(Number);
  return { ms: ((user ?? 0) + (system ?? 0)) * TICK_MS, memory: await memoryOf(device) };
}

async function memoryOf({ daemon }: Device): Promise<number> {
  const status = await readFile(`/proc/${daemon.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * KiB;
}

it("ten thousand that wait cost the start less than two seconds, and little memory", async () => {
  await using pair = await LocalPair.open();
  const { anna, bert } = pair;
  await bert.stop();
  const file = path.join(anna.place.home, "a.txt");
  await writeFile(file, "hello");
  const json = { peer: "bert", paths: [file], queue: {} };
  const { id } = await anna.control.call("post", "/v1/transfers", { json });
  const template = await readFile(path.join(anna.state, "outbox", id, "job.json"), "utf8");
  await anna.stop();
  const few = await started(anna);
  await anna.stop();
  const job = JSON.parse(template);
  for (let n = 0; n < MANY; n++) {
    const at = transferIdFrom(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, n >> 16, (n >> 8) & 0xff, n & 0xff));
    const directory = path.join(anna.state, "outbox", at);
    await mkdir(directory);
    const queue = { ...job.queue, order: n + 2 };
    await writeFile(path.join(directory, "job.json"), JSON.stringify({ ...job, id: at, queue }));
  }
  const many = await started(anna);
  const { queued } = await anna.control.call("get", "/v1/status", {});
  expect(queued).toBeGreaterThanOrEqual(MANY); // the first calls its device, perhaps
  const kilobytes = ((many.memory - few.memory) / MANY / KiB).toFixed(1);
  measured(`a start with ${MANY} queued, ${kilobytes} KiB each`, many.ms - few.ms, "less than 2 s more than with none");
  expect(many.ms - few.ms).toBeLessThan(2_000);
  expect(many.memory - few.memory).toBeLessThan(MANY * 12 * KiB);
  // Those that wait do nothing: neither do they grow, nor is another one held up by them.
  const before = performance.now();
  await anna.control.call("post", "/v1/transfers", { json });
  expect(performance.now() - before).toBeLessThan(2_000);
  expect((await memoryOf(anna)) - many.memory).toBeLessThan(MANY * KiB);
});
