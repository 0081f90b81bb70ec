/** Queued transfers between hosts whose daemons come and go, orderly and killed: each arrives, and arrives once. */

import { randomBytes, randomInt } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemCode } from "../../src/core/errors.ts";
import { Device } from "../support/device.ts";
import { Lan } from "../support/hosts.ts";
import { PeerLog } from "../support/peer-log.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { KiB } from "../support/sizes.ts";

/** More of them take longer: 500 were sent so by hand. */
const JOBS = Number(process.env["LANXFER_QUEUE_JOBS"] ?? 60);
/** Every tenth is as large as to be cut in the middle now and then. */
const SMALL = 4 * KiB;
const LARGE = 2_000 * KiB;
const PATIENCE = { timeoutMs: 60_000 + JOBS * 1_000, everyMs: 200 };

interface Sent {
  readonly name: string;
  readonly content: Buffer;
}

suiteFor(["hosts"])("Queued transfers between hosts", () => {
  let lan: Lan;
  let anna: Device;
  let receivers: readonly Device[];

  beforeAll(async () => {
    lan = await Lan.open();
    anna = new Device(await lan.host("anna"));
    receivers = [];
    for (const name of ["bert", "cora", "dora"]) receivers = [...receivers, new Device(await lan.host(name))];
    await Promise.all([anna, ...receivers].map((device) => device.start()));
    const log = await PeerLog.open(anna);
    for (const { name } of receivers) await log.first(({ peer }) => peer.name === name, 0, 20_000);
    await log.close();
    for (const receiver of receivers) await anna.pairWith(receiver);
  });
  afterAll(() => lan?.close());

  const unfinished = async () => {
    const { transfers } = await anna.control.call("get", "/v1/transfers", { query: {} });
    return transfers.length;
  };
  const visible = async ({ inbox }: Device) => (await readdir(inbox)).filter((name) => !name.startsWith(".")).sort();

  it("are safe when the command returns, and delivered once when both hosts are back", async () => {
    const [bert] = receivers as [Device];
    await bert.stop();
    const file = path.join(anna.place.home, "report.pdf");
    const content = randomBytes(300 * KiB);
    await writeFile(file, content);
    const queued = await anna.ctl(["send", "bert", file, "--queue"]);
    await anna.kill(); // at once: nothing is left to be written
    expect(queued).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^queued report\.pdf for bert \(307\.2 kB\) as /),
    });
    await Promise.all([anna.start(), bert.start()]);
    await eventually("it is delivered", async () => ((await unfinished()) === 0 ? true : undefined), PATIENCE);
    expect(await visible(bert)).toEqual(["report.pdf"]);
    expect((await readFile(path.join(bert.inbox, "report.pdf"))).equals(content)).toBe(true);
    const { history } = await anna.control.call("get", "/v1/history", { query: {} });
    expect(history).toMatchObject([{ result: "done", items: [{ name: "report.pdf", as: "report.pdf" }] }]);
    expect(await readdir(path.join(anna.state, "outbox"))).toEqual([]);
  });

  const title = `arrive once each, ${JOBS} for three hosts, whatever is killed and started again in between`;
  it(title, { timeout: 2 * PATIENCE.timeoutMs }, async () => {
    const seed = Number(process.env["LANXFER_SEED"] ?? randomInt(2 ** 31));
    process.stderr.write(`  ${JOBS} queued transfers, seed ${seed}\n`);
    const before = new Map(
      await Promise.all(receivers.map(async (device) => [device, await visible(device)] as const)),
    );
    const sent = new Map<Device, Sent[]>(receivers.map((device) => [device, []]));
    const unknown: string[] = [];
    const troubles = troublesOf(seed, [anna, ...receivers]);

    const queueing = (async () => {
      for (let n = 0; n < JOBS; n++) {
        const to = receivers[n % receivers.length] ?? anna;
        const name = `${to.name} ${n}.bin`;
        const content = randomBytes(n % 10 === 9 ? LARGE : SMALL);
        const file = path.join(anna.place.home, name);
        await writeFile(file, content);
        if (await queued(to, file)) sent.get(to)?.push({ name, content });
        else unknown.push(name);
      }
    })();
    let restarts = 0;
    for (let over = false; !over; restarts++) {
      await troubles.next().value;
      over = await Promise.race([queueing.then(() => true), sleep(0, false)]);
      over &&= restarts >= JOBS / 4;
    }
    for (const device of [anna, ...receivers]) if (!device.isRunning) await device.start();
    await eventually("all are delivered", async () => ((await unfinished()) === 0 ? true : undefined), PATIENCE);

    for (const [device, files] of sent) {
      const here = (await visible(device)).filter((name) => !before.get(device)?.includes(name));
      // What was asked for when anna died, and never answered, may be here as well, but not twice either.
      const expected = files.map(({ name }) => name);
      expect(
        here.filter((name) => !unknown.includes(name)),
        `seed ${seed}`,
      ).toEqual(expected.sort());
      for (const { name, content } of files) {
        const same = (await readFile(path.join(device.inbox, name))).equals(content);
        expect(same, `${name}, seed ${seed}`).toBe(true);
      }
    }
    expect(await readdir(path.join(anna.state, "outbox"))).toEqual([]);
    const counts = [...sent].map(([{ name }, files]) => `${files.length} at ${name}`).join(", ");
    process.stderr.write(
      `  ${counts}; ${unknown.length} unanswered; ${restarts} times a daemon was ended and started\n`,
    );
  });

  /** Whether it is known to be queued: anna may be down, or die over it. */
  async function queued(to: Device, file: string): Promise<boolean> {
    const json = { peer: to.name, paths: [file], queue: {} };
    const ask = async () => {
      try {
        await anna.control.call("post", "/v1/transfers", { json });
        return "queued";
      } catch (error) {
        const neverGotThere = ["ENOENT", "ECONNREFUSED"].includes(systemCode((error as Error).cause) ?? ""); // our client's
        return neverGotThere ? undefined : "unanswered";
      }
    };
    return (await eventually("anna answers", ask, { timeoutMs: 30_000, everyMs: 50 })) === "queued";
  }
});

/** Ends one daemon after the other, by chance kindly or not, and starts it again after a while. */
function* troublesOf(seed: number, devices: readonly Device[]): Generator<Promise<void>, never> {
  const trouble = fc.record({
    who: fc.nat(devices.length - 1),
    kill: fc.boolean(),
    before: fc.integer({ min: 20, max: 400 }),
    away: fc.integer({ min: 0, max: 400 }),
  });
  for (const { who, kill, before, away } of fc.sample(trouble, { seed, numRuns: 10_000 })) {
    const device = devices[who];
    if (device === undefined) continue;
    yield (async () => {
      await sleep(before);
      if (device.isRunning) await (kill ? device.kill() : device.stop());
      await sleep(away);
      await device.start();
    })();
  }
  throw new Error("out of troubles");
}
