/**
 * Where attacks are run: anna sends to bert, and mallory, a third host on the same
 * switch, attacks bert. What that costs bert is read from the kernel (descriptors,
 * resident memory, CPU time), and what it costs anna is how much of her files
 * arrives in the time. Each cable carries a gigabit a second: without that limit the
 * hosts would compete for the processors they share here, as no real ones do.
 */

import { randomBytes } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { Device, type Place } from "../../support/device.ts";
import { type Host, Lan } from "../../support/hosts.ts";
import { PeerLog } from "../../support/peer-log.ts";
import { eventually, type Running } from "../../support/process.ts";
import { MiB } from "../../support/sizes.ts";
import { differences, readTree, type Tree, untouched } from "../../support/tree.ts";
import { cpuOf, peakOf, type Usage, usageOf } from "./usage.ts";

const ATTACK = fileURLToPath(new URL("../programs/attack.mjs", import.meta.url));
const FILE = 128 * MiB;
/** What each host can send (Mbit/s). */
const CABLE = 1_000;
/** Of its speed alone that a transfer keeps under attack: half is the goal, less may be a busy machine. */
const LEAST_SPEED = 0.35;
/** Descriptors that come and go without any attack: discovery's, and those of who asks. */
const LOOSE_DESCRIPTORS = 4;
/** What the heap of a program that transfers all the time may keep or give back (bytes). */
const LOOSE_MEMORY = 64 * MiB;

/** What an attack says of itself. */
export interface Report {
  readonly attempts: number;
  /** How often each thing came of it. */
  readonly counts: Readonly<Record<string, number>>;
  readonly [more: string]: unknown;
}

export interface Siege {
  readonly attack: string;
  readonly report: Report;
  readonly before: Usage;
  readonly peak: Usage;
  readonly after: Usage;
  readonly seconds: number;
  /** Of one core, that bert spent on the attack. */
  readonly cpu: number;
  readonly delivered: number;
  /** Bytes a second from anna to bert meanwhile, as a share of what it was before. */
  readonly speed: number;
}

export interface ArenaOptions {
  /** How many descriptors bert's daemon may have. @default what the machine allows */
  readonly descriptors?: number;
  /** Environment of bert's daemon. */
  readonly env?: NodeJS.ProcessEnv;
  /** @default true */
  readonly paired?: boolean;
}

export class Arena implements AsyncDisposable {
  readonly lan: Lan;
  readonly hosts: { readonly anna: Host; readonly bert: Host; readonly mallory: Host };
  readonly anna: Device;
  readonly bert: Device;
  readonly sieges: Siege[] = [];
  /** What anna sends. */
  readonly #source: string;
  #port = 0;
  /** Of bert with nobody else about. */
  #alone = { speed: 0, cpuPerByte: 0 };

  private constructor(lan: Lan, hosts: Arena["hosts"], { descriptors, env }: ArenaOptions) {
    this.lan = lan;
    this.hosts = hosts;
    this.anna = new Device(hosts.anna);
    this.#source = path.join(hosts.anna.home, "steady.bin");
    this.bert = new Device(descriptors === undefined ? hosts.bert : limited(hosts.bert, descriptors), env);
  }

  static async open(options: ArenaOptions = {}): Promise<Arena> {
    const lan = await Lan.open();
    try {
      const hosts = { anna: await lan.host("anna"), bert: await lan.host("bert"), mallory: await lan.host("mallory") };
      const arena = new Arena(lan, hosts, options);
      await arena.#begin(options.paired ?? true);
      return arena;
    } catch (error) {
      await lan.close();
      throw error;
    }
  }

  /** Where bert listens. */
  get target(): { readonly host: string; readonly port: number } {
    return { host: this.hosts.bert.address, port: this.#port };
  }

  /** More addresses of mallory's, as any machine may take them. */
  async addresses(count: number): Promise<string[]> {
    const all = Array.from({ length: count }, (_, n) => this.hosts.mallory.address.replace(/\d+$/, String(100 + n)));
    const commands = all.map((address) => `address add ${address}/24 dev eth0\n`).join("");
    expect(await this.hosts.mallory.run(["ip", "-batch", "-"], { stdin: commands })).toMatchObject({ code: 0 });
    return all;
  }

  /** Starts an attack of test/hostile/programs/attacks/; resolves when it has begun. */
  async attack(name: string, parameters: object, from: Host = this.hosts.mallory): Promise<Running> {
    // On a machine of its own it would take no time from those that it attacks.
    const running = from.start(["nice", "-n", "5", process.execPath, ATTACK, name, JSON.stringify(parameters)]);
    await running.line((line) => line === "ready", 20_000);
    return running;
  }

  /** Measures how it is with nobody else about, once all has been warmed up. */
  async measureAlone(): Promise<void> {
    await this.deliverFor(1_500);
    const cpu = cpuOf(this.bert.daemon.pid);
    const { delivered, seconds } = await this.deliverFor(3_000);
    this.#alone = {
      speed: (delivered * FILE) / seconds,
      cpuPerByte: (cpuOf(this.bert.daemon.pid) - cpu) / (delivered * FILE),
    };
  }

  /**
   * Runs an attack while anna delivers to bert, and sees to it that all is as before
   * when it is over: the daemon is the same, its descriptors and memory are free
   * again, nothing was written but what anna sent.
   */
  async withstand(attack: string, name: string, parameters: object = {}, from?: Host): Promise<Siege> {
    const { pid } = this.bert.daemon;
    const tree = await this.#tree();
    const before = usageOf(pid);
    const cpu = cpuOf(pid);
    const running = await this.attack(name, { ...this.target, ...parameters }, from);
    const [peak, { delivered, seconds }] = await Promise.all([
      peakOf(pid, running.finished),
      this.deliverUntil(running.finished),
    ]);
    const forAttack = cpuOf(pid) - cpu - delivered * FILE * this.#alone.cpuPerByte;
    const report = await reportOf(running);
    await eventually(
      "as few descriptors as before",
      () => usageOf(pid).descriptors <= before.descriptors + LOOSE_DESCRIPTORS || undefined,
      { timeoutMs: 15_000 },
    );
    const siege: Siege = {
      attack,
      report,
      before,
      peak,
      after: usageOf(pid),
      seconds,
      cpu: Math.max(0, forAttack / seconds),
      delivered,
      speed: (delivered * FILE) / seconds / this.#alone.speed,
    };
    this.sieges.push(siege);
    expect(this.bert.daemon.pid).toBe(pid);
    expect(siege.after.memory).toBeLessThan(before.memory + LOOSE_MEMORY);
    expect(siege.speed).toBeGreaterThan(LEAST_SPEED);
    expect(differences(tree, await this.#tree(), untouched)).toEqual([]);
    return siege;
  }

  async refusals(): Promise<Readonly<Record<string, number>>> {
    return (await this.bert.control.call("get", "/v1/status", {})).refused;
  }

  async deliverFor(ms: number) {
    return this.deliverUntil(new Promise((resolve) => setTimeout(resolve, ms)));
  }

  /** Sends a file from anna to bert again and again, at least once; each has to arrive, and nothing else. */
  async deliverUntil(over: Promise<unknown>): Promise<{ readonly delivered: number; readonly seconds: number }> {
    let isOver = false;
    void over.then(() => {
      isOver = true;
    });
    const began = performance.now();
    let delivered = 0;
    do {
      const { id } = await this.anna.send(this.bert, [this.#source]);
      expect(await this.anna.ended(id, 60_000)).toMatchObject({ state: "done", error: null });
      delivered++;
    } while (!isOver);
    const seconds = (performance.now() - began) / 1_000;
    await this.clear(delivered);
    return { delivered, seconds };
  }

  /** Takes out of bert's inbox what has come: so many files, and nothing else. */
  async clear(count: number): Promise<void> {
    const { inbox } = this.bert;
    const arrived = (await readdir(inbox)).filter((name) => name !== ".lanxfer");
    expect(arrived).toHaveLength(count);
    for (const name of arrived) await rm(path.join(inbox, name));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.lan.close();
  }

  async #begin(paired: boolean): Promise<void> {
    const { anna, bert } = this;
    await Promise.all(Object.values(this.hosts).map((host) => host.shape(CABLE)));
    await Promise.all([anna.start(), bert.start()]);
    this.#port = (await bert.control.call("get", "/v1/status", {})).port;
    await writeFile(this.#source, randomBytes(FILE));
    if (!paired) return;
    const log = await PeerLog.open(anna);
    await log.first(({ peer }) => peer.name === "bert", 0, 10_000);
    await log.close();
    await anna.pairWith(bert);
  }

  /** Bert's home without what comes and goes by right. */
  #tree(): Promise<Tree> {
    const own = new Set(["state", "run", "config", "LanInbox"]);
    return readTree(this.bert.place.home, (relative) => own.has(relative));
  }
}

/** What an attack has said in the end. Rejects when it did not come to its end. */
export async function reportOf(attack: Running): Promise<Report> {
  const { code, stdout, stderr } = await attack.finished;
  if (code !== 0) throw new Error(`the attack failed: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** The same host, in which programs may have only so many files and sockets. */
function limited(host: Host, descriptors: number): Place {
  const { name, home } = host;
  const limit = ["prlimit", `--nofile=${descriptors}:${descriptors}`];
  return {
    name,
    home,
    start: (command, options) => host.start([...limit, ...command], options),
    run: (command, options) => host.run(command, options),
  };
}
