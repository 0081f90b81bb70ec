import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { openPairingLock } from "../../../src/identity/pairing-lock.ts";
import { movableClock } from "./support/clock.ts";
import { directories } from "./support/directory.ts";

const directory = directories();
const HOUR = 3_600_000;

async function setUp() {
  const dir = await directory();
  const clock = movableClock();
  return { dir, clock, lock: await openPairingLock(dir, clock) };
}

describe("pairing by code", () => {
  it("is locked by the third failure within an hour, and stays so", async () => {
    const { dir, clock, lock } = await setUp();
    await lock.failed();
    clock.pass(HOUR / 2);
    await lock.failed();
    expect(lock.locked).toBe(false);
    clock.pass(HOUR / 2 - 1);
    await lock.failed();
    expect(lock.locked).toBe(true);
    clock.pass(100 * HOUR);
    expect(lock.locked).toBe(true);
    expect((await openPairingLock(dir, clock)).locked).toBe(true);
    await lock.failed(); // of a window that was open before
    expect(lock.locked).toBe(true);
  });

  it("is not locked by failures that are further apart", async () => {
    const { clock, lock } = await setUp();
    for (let i = 0; i < 10; i++) {
      await lock.failed();
      clock.pass(HOUR / 2);
    }
    expect(lock.locked).toBe(false);
  });

  it("counts across restarts", async () => {
    const { dir, clock } = await setUp();
    for (let i = 0; i < 3; i++) await (await openPairingLock(dir, clock)).failed();
    expect((await openPairingLock(dir, clock)).locked).toBe(true);
  });

  it("counts what seems to come from the future, as a clock may have been set back", async () => {
    const { clock, lock } = await setUp();
    await lock.failed();
    clock.setWall(clock.now() - 10 * HOUR);
    await lock.failed();
    await lock.failed();
    expect(lock.locked).toBe(true);
  });

  it("begins anew when the user unlocks it, durably", async () => {
    const { dir, clock, lock } = await setUp();
    for (let i = 0; i < 3; i++) await lock.failed();
    await lock.unlock();
    await lock.failed();
    await lock.failed();
    expect([lock.locked, (await openPairingLock(dir, clock)).locked]).toEqual([false, false]);
  });

  it.each([
    ["nothing", ""],
    ["something else", "[]"],
    ["null", "null"],
    ["half of a record", '{"version":1,"failures":[1'],
    ["a newer record", '{"version":2,"locked":false,"failures":[]}'],
    ["failures that are none", '{"version":1,"locked":false,"failures":["x"]}'],
    ["no word on the lock", '{"version":1,"failures":[]}'],
    ["too much", "x".repeat(2_000_000)],
  ])("is locked when its record holds %s, until the user unlocks it", async (_, text) => {
    const { dir, clock } = await setUp();
    await writeFile(path.join(dir, "pairing.json"), text);
    const lock = await openPairingLock(dir, clock);
    expect(lock.locked).toBe(true);
    await lock.unlock();
    expect((await openPairingLock(dir, clock)).locked).toBe(false);
  });

  it("is locked when its record is a link to elsewhere, which stays untouched", async () => {
    const { dir, clock } = await setUp();
    await writeFile(path.join(dir, "elsewhere"), '{"version":1,"locked":false,"failures":[]}');
    await symlink("elsewhere", path.join(dir, "pairing.json"));
    const lock = await openPairingLock(dir, clock);
    expect(lock.locked).toBe(true);
    await lock.unlock();
    expect(await readFile(path.join(dir, "elsewhere"), "utf8")).toBe('{"version":1,"locked":false,"failures":[]}');
  });

  it("keeps its record private, and leaves nothing else", async () => {
    const { dir, lock } = await setUp();
    await Promise.all([lock.failed(), lock.failed(), lock.unlock(), lock.failed()]);
    expect(await readdir(dir)).toEqual(["pairing.json"]);
    expect((await stat(path.join(dir, "pairing.json"))).mode & 0o777).toBe(0o600);
  });

  it("counts also what it cannot write, and says so", async () => {
    const { dir, lock } = await setUp();
    await mkdir(path.join(dir, "pairing.json"));
    await chmod(dir, 0o700);
    for (let i = 0; i < 3; i++) await expect(lock.failed()).rejects.toMatchObject({ code: "E_STATE" });
    expect(lock.locked).toBe(true);
    await expect(lock.unlock()).rejects.toMatchObject({ code: "E_STATE" });
    expect(lock.locked).toBe(true);
  });
});
