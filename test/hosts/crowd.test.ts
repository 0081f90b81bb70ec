/** Many devices on one link: what one daemon among them costs, and what it sends, when nothing happens. */

import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { Device } from "../support/device.ts";
import { Lan } from "../support/hosts.ts";
import { measured } from "../support/measured.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually, type Running } from "../support/process.ts";

const CROWD = fileURLToPath(new URL("programs/crowd.mjs", import.meta.url));
const FIRST = 20;
const CALM = 20_000; // ms after the start, when all have announced themselves and V8 has tidied up, which it does once
const WATCHED = 60_000; // ms: less is too short for half a percent of a core
const ROUND = 5; // s
const PROBE = 15; // frames of one, at most
const REPEATS = 1; // announcement of the library's own, 40 s after the first
const KERNEL = 10; // frames that the system may send of its own, for groups and neighbours

interface Heard {
  readonly questions: number;
  readonly answers: number;
  readonly connections: number;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the crowd has heard of the daemon so far. */
function heardBy(crowd: Running): Heard {
  const last = crowd.stdout.split("\n").findLast((line) => line.includes('"heard"'));
  return JSON.parse(last ?? '{"questions":0,"answers":0,"connections":0}');
}

/** CPU time of all its threads so far (ms), and resident memory (MB). */
async function costOf(pid: number): Promise<{ readonly cpu: number; readonly memory: number }> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(threads.map((id) => readFile(`/proc/${pid}/task/${id}/schedstat`, "utf8")));
  const cpu = times.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1e6; // nanoseconds
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return { cpu, memory: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1000 };
}

suiteFor(["hosts"])("Among many devices, a daemon", () => {
  it.concurrent.each([50, 200])("sees %i others at once, and is quiet when nothing happens", async (count) => {
    await using lan = await Lan.open();
    const anna = new Device(await lan.host("anna"));
    const host = await lan.host("crowd");
    const numbers = Array.from({ length: count }, (_, n) => FIRST + n);
    await host.namespace.ip(...numbers.map((last) => `addr add 10.77.0.${last}/24 dev eth0`));
    const crowd = host.start([process.execPath, CROWD, String(count), String(FIRST), "10.77.0.1"]);
    await crowd.line((line) => line.includes("ready"), 20_000);
    await anna.start();
    const ready = performance.now();
    const seen = async () => (await anna.control.call("get", "/v1/status", {})).peers;
    await eventually("everybody", async () => ((await seen()) === count ? true : undefined), { everyMs: 20 });
    measured(`${count} others: ready → all seen`, performance.now() - ready, "0.5 s");

    const frames = async () => {
      const { stdout } = await anna.place.run(["ip", "-s", "-j", "link", "show", "eth0"]);
      return JSON.parse(stdout)[0].stats64.tx.packets as number; // what iproute2 says has this field
    };
    await pause(CALM);
    const [before, heardBefore, framesBefore] = [await costOf(anna.daemon.pid), heardBy(crowd), await frames()];
    await pause(WATCHED);
    const [after, heard] = [await costOf(anna.daemon.pid), heardBy(crowd)];
    const allFrames = (await frames()) - framesBefore;
    expect(await seen()).toBe(count);
    const packets = heard.questions + heard.answers - heardBefore.questions - heardBefore.answers;
    const rounds = WATCHED / 1000 / ROUND;
    const cpu = ((after.cpu - before.cpu) / WATCHED) * 100;
    const idle = `${count} others, idle for ${WATCHED / 1000} s`;
    measured(`${idle}: multicast sent`, packets, `${rounds}: one in 5 s`, "packets");
    measured(`${idle}: sent in all`, allFrames, "as many, and what the kernel has to say", "frames");
    measured(`${idle}: a core`, cpu, count === 50 ? "0.5 %" : "no promise", "%");
    measured(`${idle}: resident`, after.memory, count === 50 ? "90 MB" : "no promise", "MB");
    // One packet a round; a round more at the edge of what is watched.
    expect(packets).toBeGreaterThan(0);
    expect(packets).toBeLessThanOrEqual(rounds + 1 + REPEATS);
    // Nobody is asked who is heard. Where the machine is so busy that packets are lost, few are not.
    const connections = heard.connections - heardBefore.connections;
    expect(connections).toBeLessThanOrEqual(count / 25);
    expect(allFrames).toBeLessThanOrEqual(rounds + 1 + REPEATS + KERNEL + connections * PROBE);
    // Several times what is promised with 50 others: where it is busy, a machine makes everything costlier.
    expect(cpu).toBeLessThan(2.5);
    expect(after.memory).toBeLessThan(150);
  });
});
