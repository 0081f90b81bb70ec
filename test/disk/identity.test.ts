/**
 * The key and the paired devices on a disk that fails, is full, or loses its
 * power (as far as a killed process can show) at each step of each write.
 */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, it } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { loadDeviceKey } from "../../src/identity/device-key.ts";
import type { Device } from "../../src/identity/trust-file.ts";
import { openTrustStore } from "../../src/identity/trust-store.ts";
import { suiteFor } from "../support/privilege.ts";
import { type Finished, run } from "../support/process.ts";

const BUILT = new URL("../../dist/", import.meta.url).href;

/** Starts as a daemon does, pairs, unpairs and renames, and says after each step what came of it. */
const WORK = `
  import { writeSync } from "node:fs";
  import { systemClock } from "${BUILT}core/clock.js";
  import { loadDeviceKey } from "${BUILT}identity/device-key.js";
  import { openTrustStore } from "${BUILT}identity/trust-store.js";
  const dir = process.argv[1];
  const say = (line) => writeSync(1, JSON.stringify(line) + "\\n");
  const id = (letter) => letter.repeat(51) + "a";
  let store;
  const steps = {
    key: async () => (await loadDeviceKey(dir, process.getuid())).id,
    open: async () => { store = await openTrustStore(dir, systemClock); },
    "pair alice": () => store.pair({ id: id("b"), name: "alice" }),
    "pair bob": () => store.pair({ id: id("c"), name: "bob" }),
    "unpair alice": () => store.unpair(id("b")),
    "rename bob": () => store.rename(id("c"), "robert"),
  };
  for (const [step, work] of Object.entries(steps)) {
    const result = await work().then((value) => ({ value }), (error) => ({ code: error.code, text: error.message }));
    say({ step, ...result, list: store?.list() });
    if (store === undefined && result.code !== undefined) break;
  }
`;

/** The list after each step that changes it. */
const STATES: Readonly<Record<string, readonly string[]>> = {
  open: [],
  "pair alice": ["alice"],
  "pair bob": ["alice", "bob"],
  "unpair alice": ["bob"],
  "rename bob": ["robert"],
};

interface Line {
  readonly step: string;
  readonly value?: unknown;
  readonly code?: string;
  readonly list?: readonly Device[];
}

const linesOf = ({ stdout }: Finished): Line[] =>
  stdout
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const names = (list: readonly Device[] = []) => list.map(({ name }) => name);
const uid = process.getuid?.() ?? 0;

const made: string[] = [];
afterEach(async () => {
  for (const dir of made.splice(0)) await rm(dir, { recursive: true, force: true });
});

async function directory(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), "lanxfer-disk-"));
  made.push(dir);
  return dir;
}

function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, "utf8").catch(() => undefined);
}

/** One run in a new directory, with `fault` at the n-th call of what `calls` (a pattern) names. */
async function faulty(calls: string, fault: string, n: number) {
  const [dir, aside] = [await directory(), await directory()];
  const trace = path.join(aside, "trace");
  const strace = [
    "strace",
    "-f",
    "-qq",
    "-o",
    trace,
    "-e",
    `trace=/^${calls}$`,
    "-e",
    `inject=/^${calls}$:${fault}:when=${n}`,
  ];
  // strace counts the calls of each thread: one thread does all of this program's work on files.
  const env = { ...process.env, UV_THREADPOOL_SIZE: "1" };
  const finished = await run([...strace, process.execPath, "--input-type=module", "-e", WORK, dir], { env });
  const hit = finished.signal !== null || (await readFile(trace, "utf8")).includes("INJECTED");
  return { dir, lines: linesOf(finished), finished, hit };
}

/** Repeats `check` for the first, second, … call until one run has no such call any more; how many had. */
async function atEachCall(
  calls: string,
  fault: string,
  check: (outcome: Awaited<ReturnType<typeof faulty>>) => Promise<void>,
) {
  for (let n = 1; ; n++) {
    const outcome = await faulty(calls, fault, n);
    if (!outcome.hit) {
      expect(outcome.lines.map(({ code }) => code).filter(Boolean)).toEqual([]);
      return n - 1;
    }
    await check(outcome);
  }
}

suiteFor(["faults"])("when a call to the disk fails", () => {
  it.each([
    ["fsync", "error=EIO", 12],
    ["rename(at2?)?", "error=ENOSPC", 9],
    ["link(at)?", "error=EPERM", 1],
    ["unlink(at)?", "error=EROFS", 1],
  ])("at any %s (%s), it is told, memory and disk agree, and the next start goes on", async (calls, fault, atLeast) => {
    const hits = await atEachCall(calls, fault, async ({ dir, lines }) => {
      // E_NO_DEVICE: what could not be paired cannot be renamed.
      for (const { code } of lines) expect([undefined, "E_STATE", "E_NO_DEVICE"]).toContain(code);
      const last = lines.at(-1);
      expect(last?.step).toMatch(/key|rename bob/);
      const key = await loadDeviceKey(dir, uid);
      const [first] = lines;
      if (first?.code === undefined) expect(key.id).toBe(first?.value);
      const store = await openTrustStore(dir, systemClock);
      expect(store.list()).toEqual(last?.list ?? []);
      // A copy that is older than the list could bring back a device that was unpaired.
      const copy = await readIfThere(path.join(dir, "devices.json.bak"));
      if (copy !== undefined) expect(copy).toBe(await readIfThere(path.join(dir, "devices.json")));
      if (!calls.startsWith("unlink")) expect((await readdir(dir)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    });
    expect(hits).toBeGreaterThanOrEqual(atLeast);
  });

  it.each([
    ["fsync", 12],
    ["rename(at2?)?", 9],
    ["link(at)?", 1],
  ])(
    "and the process is killed at any %s, what was acknowledged is there and nothing is half done",
    async (calls, atLeast) => {
      const hits = await atEachCall(calls, "signal=KILL", async ({ dir, lines, finished }) => {
        expect(finished.signal).toBe("SIGKILL");
        const key = await loadDeviceKey(dir, uid);
        const [first] = lines;
        if (first !== undefined) expect(key.id).toBe(first.value);
        const steps = Object.keys(STATES);
        const told = steps.indexOf(lines.at(-1)?.step ?? "open");
        const allowed = steps.slice(Math.max(told, 0), Math.max(told, 0) + 2).map((step) => STATES[step]);
        expect(allowed).toContainEqual(names((await openTrustStore(dir, systemClock)).list()));
      });
      expect(hits).toBeGreaterThanOrEqual(atLeast);
    },
  );
});

/** Fills a small disk, pairs until nothing fits, makes room, and goes on. Prints what a test wants to know. */
const FILL = `
  import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
  import { systemClock } from "${BUILT}core/clock.js";
  import { loadDeviceKey } from "${BUILT}identity/device-key.js";
  import { openTrustStore } from "${BUILT}identity/trust-store.js";
  const disk = process.argv[1];
  const state = disk + "/state";
  const fill = () => { try { writeFileSync(disk + "/ballast", Buffer.alloc(1 << 20)); } catch {} };
  const code = (work) => work.then(() => "done", (error) => error.code + ": " + error.message);
  fill();
  const onFull = await code(loadDeviceKey(state, process.getuid()));
  const leftOnFull = readdirSync(disk);
  rmSync(disk + "/ballast");
  await loadDeviceKey(state, process.getuid());
  const store = await openTrustStore(state, systemClock);
  const id = (n) => n.toString().padStart(4, "0").replace(/\\d/g, (d) => "abcdefghij"[d]).padEnd(51, "b") + "a";
  await store.pair({ id: id(0), name: "first" });
  fill();
  let failed = "";
  for (let n = 1; n < 900 && failed === ""; n++) {
    const result = await code(store.pair({ id: id(n), name: "device " + n }));
    if (result !== "done") failed = result;
  }
  const reopened = await openTrustStore(state, systemClock);
  const same = JSON.stringify(reopened.list()) === JSON.stringify(store.list());
  const left = readdirSync(state);
  rmSync(disk + "/ballast");
  const after = await code(store.pair({ id: id(999), name: "last" }));
  const kept = (await openTrustStore(state, systemClock)).list().map(({ name }) => name);
  console.log(JSON.stringify({ onFull, leftOnFull, failed, same, left, after, kept }));
`;

suiteFor(["mounts"])("when the disk is full", () => {
  it("no key and no device is half written, the caller is told, and all goes on when there is room again", async () => {
    const disk = await directory();
    const script = 'mount -t tmpfs -o size=64k none "$1" && exec "$0" --input-type=module -e "$2" "$1"';
    const finished = await run(["unshare", "--mount", "sh", "-c", script, process.execPath, disk, FILL]);
    expect(finished.stderr).toBe("");
    const told = JSON.parse(finished.stdout);
    expect(told.onFull).toMatch(/^E_STATE: .*ENOSPC: no space left on device/);
    expect(told.leftOnFull.filter((name: string) => name.endsWith(".tmp"))).toEqual([]);
    expect(told.failed).toMatch(/^E_STATE: cannot use .*devices\.json: ENOSPC: no space left on device$/);
    expect(told.same).toBe(true);
    expect(told.left.filter((name: string) => !/^(key|cert)\.pem$|^devices\.json(\.bak)?$/.test(name))).toEqual([]);
    expect(told.after).toBe("done");
    expect([told.kept[0], told.kept.at(-1)]).toEqual(["first", "last"]);
  });
});
