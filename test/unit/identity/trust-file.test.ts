import { copyFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { openTrustStore } from "../../../src/identity/trust-store.ts";
import { differences, readTree, untouched } from "../../support/tree.ts";
import { movableClock } from "./support/clock.ts";
import { directories, failure } from "./support/directory.ts";
import { idOf } from "./support/ids.ts";

const directory = directories();
const clock = movableClock();
const device = { id: idOf("alice"), name: "alice", policy: "auto", since: 1_767_323_045_000 };

const fileIn = (dir: string) => path.join(dir, "devices.json");
const backupIn = (dir: string) => path.join(dir, "devices.json.bak");

/** A directory with a list of two devices and its copy. */
async function paired(): Promise<string> {
  const dir = await directory();
  const store = await openTrustStore(dir, clock);
  await store.pair({ id: idOf("alice"), name: "alice" });
  await store.pair({ id: idOf("bob"), name: "bob" });
  return dir;
}

/** That opening fails with a way out, and that nothing was touched. */
async function expectRefused(dir: string, text: RegExp): Promise<string> {
  const before = await readTree(dir);
  const error = await failure(openTrustStore(dir, clock));
  expect(error.code).toBe("E_STATE");
  expect(error.details["path"]).toBe(fileIn(dir));
  expect(error.details["text"]).toMatch(text);
  expect(differences(before, await readTree(dir), untouched)).toEqual([]);
  return String(error.details["hint"]);
}

const list = (...devices: readonly object[]) => JSON.stringify({ version: 1, devices });

describe("a list of paired devices that is not one", () => {
  it.each([
    ["empty", ""],
    ["garbage", "hello"],
    ["of zeros, as some file systems leave after a crash", "\0".repeat(500)],
    ["another JSON value", "[]"],
    ["null", "null"],
    ["without a version", JSON.stringify({ devices: [] })],
    ["of a version that never was", JSON.stringify({ version: 0, devices: [] })],
    ["of a version that is text", JSON.stringify({ version: "1", devices: [] })],
    ["without devices", JSON.stringify({ version: 1 })],
    ["with devices in an object", JSON.stringify({ version: 1, devices: {} })],
    ["with a device that is null", '{"version":1,"devices":[null]}'],
    ["with a device without an id", list({ ...device, id: undefined })],
    ["with a short id", list({ ...device, id: device.id.slice(0, 8) })],
    ["with an id in upper case", list({ ...device, id: device.id.toUpperCase() })],
    ["with a device without a name", list({ ...device, name: undefined })],
    ["with a name that acts on a terminal", list({ ...device, name: "\u001b[2J" })],
    ["with an unknown policy", list({ ...device, policy: "admin" })],
    ["with a policy from the prototype", list({ ...device, policy: "constructor" })],
    ["with a date that is text", list({ ...device, since: "2026" })],
    ["with the same device twice", list(device, { ...device, name: "b" })],
    ["with the same name twice", list(device, { ...device, id: idOf("b"), name: "ALICE" })],
    [
      "with too many devices",
      list(...Array.from({ length: 1_001 }, (_, n) => ({ ...device, id: idOf(n), name: `d${n}` }))),
    ],
  ])("is refused when it is %s, and the hint names the good copy", async (_, content) => {
    const dir = await paired();
    await writeFile(fileIn(dir), content);
    const hint = await expectRefused(dir, /not a list of paired devices/);
    expect(hint).toContain("copy back devices.json.bak");
  });

  it("is refused at any length that it was cut to", async () => {
    const dir = await paired();
    const whole = (await readFile(fileIn(dir), "utf8")).trimEnd();
    for (let length = 0; length < whole.length; length++) {
      await writeFile(fileIn(dir), whole.slice(0, length));
      expect((await failure(openTrustStore(dir, clock))).code).toBe("E_STATE");
    }
  });

  it("comes back whole when the hint is followed", async () => {
    const dir = await paired();
    await writeFile(fileIn(dir), "");
    await expectRefused(dir, /not a list/);
    await copyFile(backupIn(dir), fileIn(dir));
    expect((await openTrustStore(dir, clock)).list().map(({ name }) => name)).toEqual(["alice", "bob"]);
  });

  it("is not said to have a good copy when that is damaged, too", async () => {
    const dir = await paired();
    await writeFile(fileIn(dir), "x");
    await writeFile(backupIn(dir), "x");
    expect(await expectRefused(dir, /not a list/)).toMatch(/^restore it from a backup; or remove both/);
  });

  it("is refused when it is a symbolic link, a directory or far too large", async () => {
    const dir = await paired();
    await rm(fileIn(dir));
    await symlink(backupIn(dir), fileIn(dir));
    await expectRefused(dir, /symbolic link/);
    await rm(fileIn(dir));
    await mkdir(fileIn(dir));
    await expectRefused(dir, /not a regular file/);
    await rm(fileIn(dir), { recursive: true });
    await writeFile(fileIn(dir), " ".repeat(2_000_000));
    expect(await expectRefused(dir, /too large/)).toContain("copy back devices.json.bak");
  });
});

describe("a list of a newer lanxfer", () => {
  it("is refused with its version, and the hint names the copy that can be read", async () => {
    const dir = await paired();
    await writeFile(fileIn(dir), JSON.stringify({ version: 2, peers: [] }));
    const hint = await expectRefused(dir, /newer lanxfer \(format 2\)/);
    expect(hint).toMatch(/^update lanxfer/);
    expect(hint).toContain("devices.json.bak");
  });
});

describe("a list that is gone while its copy is there", () => {
  it("is not taken for an empty one", async () => {
    const dir = await paired();
    await rm(fileIn(dir));
    const hint = await expectRefused(dir, /gone/);
    expect(hint).toContain("copy back devices.json.bak");
    expect(hint).toContain("remove devices.json.bak");
  });

  it("is begun anew when the user removed the copy, too", async () => {
    const dir = await paired();
    await rm(fileIn(dir));
    await rm(backupIn(dir));
    expect((await openTrustStore(dir, clock)).list()).toEqual([]);
  });
});

describe("a list with more fields than this version knows", () => {
  it("is read for those it knows", async () => {
    const dir = await directory();
    await writeFile(
      fileIn(dir),
      JSON.stringify({ version: 1, comment: "mine", devices: [{ ...device, color: "red" }] }),
    );
    expect((await openTrustStore(dir, clock)).list()).toEqual([device]);
  });
});
