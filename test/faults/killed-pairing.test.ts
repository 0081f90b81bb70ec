/**
 * Either daemon is killed at each call by which it works on files while two users
 * pair by code, one call after another until a pairing goes through. Afterwards
 * each side trusts the other or does not, and pairing again makes it whole.
 */

import { expect, it } from "vitest";
import type { DeviceView, PairingView } from "../../src/control/schema.ts";
import { typeAcross, Window } from "../support/code-pairing.ts";
import type { Device } from "../support/device.ts";
import { LocalPair } from "../support/local.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { ONE_FILE_THREAD, onFileThread } from "../support/strace.ts";

/** More would mean that a pairing without a kill never comes. */
const MOST = 40;

const devices = async ({ control }: Device): Promise<DeviceView[]> =>
  (await control.call("get", "/v1/devices", {})).devices;

/** Two strangers who know where to find each other. */
async function strangers(): Promise<LocalPair> {
  const pair = await LocalPair.open({ env: ONE_FILE_THREAD });
  await forget(pair);
  for (const [device, other] of [
    [pair.anna, pair.bert],
    [pair.bert, pair.anna],
  ] as const) {
    const { port } = await other.control.call("get", "/v1/status", {});
    await device.control.call("post", "/v1/peers", { json: { name: other.name, host: "127.0.0.1", port } });
  }
  return pair;
}

/** Takes back all trust, and what failed is forgiven. */
async function forget({ anna, bert }: LocalPair): Promise<void> {
  for (const device of [anna, bert]) {
    for (const { id } of await devices(device)) {
      await device.control.call("delete", "/v1/devices/:device", { param: { device: id } });
    }
    await device.control.call("delete", "/v1/pairing-lock", {});
  }
}

/**
 * Both users pair. Resolves to what each saw at last: nothing for one whose daemon
 * died, and for neither when that was before they began.
 */
async function pairByCode(pair: LocalPair): Promise<(PairingView | undefined)[]> {
  const { anna, bert } = pair;
  try {
    await Promise.all([seesIn(anna, bert), seesIn(bert, anna)]);
    await using atBert = new Window({ name: bert.name, client: bert.control });
    await atBert.when("waiting");
    await using atAnna = new Window({ name: anna.name, client: anna.control }, bert.name);
    await typeAcross(atAnna, atBert).catch((error: unknown) => unlessKilled(pair, error));
    await Promise.allSettled([atAnna.over, atBert.over]);
    return [atAnna, atBert].map(({ seen }) => seen.at(-1));
  } catch (error) {
    await unlessKilled(pair, error);
    return [];
  }
}

/** Throws `error` again when both daemons live. A broken connection is seen a moment before the death that broke it. */
async function unlessKilled({ anna, bert }: LocalPair, error: unknown): Promise<void> {
  const dead = () => (anna.isRunning && bert.isRunning ? undefined : true);
  await eventually("one of the daemons is dead", async () => dead(), { timeoutMs: 2_000 }).catch(() => {
    throw error;
  });
}

async function seesIn(device: Device, other: Device): Promise<void> {
  await eventually(`${device.name} sees ${other.name}`, async () =>
    (await device.control.call("get", "/v1/peers", {})).peers.find(({ name }) => name === other.name),
  );
}

suiteFor(["faults"])("a daemon that is killed while its user pairs by code", () => {
  it.concurrent.each<["anna" | "bert", string, number]>([
    ["anna", "openat", 2],
    ["anna", "fsync", 2],
    ["anna", "rename", 1],
    ["bert", "openat", 2],
    ["bert", "fsync", 2],
    ["bert", "rename", 1],
  ])("is %s at any %s: trust is whole or not there, and pairing again heals it", async (name, call, atLeast) => {
    await using pair = await strangers();
    const victim = pair[name];
    const survivor = name === "anna" ? pair.bert : pair.anna;
    let kills = 0;
    for (; ; kills++) {
      expect(kills).toBeLessThan(MOST);
      const injection = await onFileThread(victim, `${call}:signal=KILL:when=${kills + 1}`);
      const seen = await pairByCode(pair).finally(() => injection[Symbol.asyncDispose]());
      if (victim.isRunning) {
        expect(seen).toMatchObject([{ state: "paired" }, { state: "paired" }]);
        break;
      }
      const [view] = name === "anna" ? seen.slice(1) : seen;
      const trusts = (await devices(survivor)).length === 1;
      // What its user was told is what is.
      expect(view?.state === "paired").toBe(trusts);
      await victim.start();
      expect((await devices(victim)).length).toBeLessThanOrEqual(1);
      expect(await pairByCode(pair)).toMatchObject([
        { state: "paired", mutual: true },
        { state: "paired", mutual: true },
      ]);
      expect([(await devices(pair.anna)).length, (await devices(pair.bert)).length]).toEqual([1, 1]);
      await forget(pair);
    }
    process.stderr.write(`  ${name} killed ${kills} times at ${call} while pairing\n`);
    expect(kills).toBeGreaterThanOrEqual(atLeast);
  });
});
