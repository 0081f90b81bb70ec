/**
 * Two hosts on one link, anna and bert, paired; anna has a large file and a
 * folder for bert, which take some seconds on the slow link between them.
 */

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import { Device } from "./device.ts";
import { type Host, Lan } from "./hosts.ts";
import { Invariants } from "./invariants.ts";
import { PeerLog } from "./peer-log.ts";
import { eventually } from "./process.ts";
import { KiB, MiB } from "./sizes.ts";

export interface DuoOptions {
  /** Size of the file; the folder has a tenth of it. */
  readonly bytes: number;
  /** What anna's link carries. */
  readonly megabits: number;
}

export class Duo implements AsyncDisposable {
  readonly lan: Lan;
  readonly hosts: { readonly anna: Host; readonly bert: Host };
  readonly anna: Device;
  readonly bert: Device;
  readonly sources: readonly string[];
  readonly bytes: number;
  readonly invariants: Invariants;

  private constructor(
    lan: Lan,
    hosts: Duo["hosts"],
    devices: readonly [Device, Device],
    sources: readonly string[],
    bytes: number,
    invariants: Invariants,
  ) {
    this.lan = lan;
    this.hosts = hosts;
    [this.anna, this.bert] = devices;
    this.sources = sources;
    this.bytes = bytes;
    this.invariants = invariants;
  }

  static async open({ bytes, megabits }: DuoOptions): Promise<Duo> {
    const lan = await Lan.open();
    try {
      const hosts = { anna: await lan.host("anna"), bert: await lan.host("bert") };
      const [anna, bert] = [new Device(hosts.anna), new Device(hosts.bert)];
      await Promise.all([anna.start(), bert.start()]);
      const log = await PeerLog.open(anna);
      await log.first(({ peer }) => peer.name === "bert", 0, 10_000);
      await log.close();
      await anna.pairWith(bert);
      const sources = [path.join(anna.place.home, "large.bin"), path.join(anna.place.home, "folder")];
      await writeFile(sources[0] ?? "", randomBytes(bytes));
      await mkdir(path.join(sources[1] ?? "", "inner"), { recursive: true });
      const files = Math.ceil(bytes / 10 / (100 * KiB));
      for (let n = 0; n < files; n++) {
        await writeFile(path.join(sources[1] ?? "", n % 2 === 0 ? "inner" : ".", `${n}.bin`), randomBytes(100 * KiB));
      }
      await writeFile(path.join(bert.inbox, "large.bin"), "bert's own");
      const invariants = await Invariants.watch({ home: bert.place.home, inbox: bert.inbox }, ...sources);
      await hosts.anna.shape(megabits);
      return new Duo(lan, hosts, [anna, bert], sources, bytes + files * 100 * KiB, invariants);
    } catch (error) {
      await lan.close();
      throw error;
    }
  }

  /** Begins to send everything; resolves to the transfer's id when at least `bytes` have arrived. */
  async begin(bytes = MiB): Promise<string> {
    const { id } = await this.anna.send(this.bert, this.sources);
    await this.running(id, bytes);
    return id;
  }

  /** Resolves when the transfer runs, with at least `bytes` at the other end, or is over. */
  running(id: string, bytes = 0): Promise<TransferView> {
    const look = async () => {
      const transfer = await this.anna.transfer(id);
      if (transfer?.endedAt != null) return transfer;
      return transfer?.state === "running" && transfer.moved >= bytes ? transfer : undefined;
    };
    return eventually(`${id} is running`, look, { timeoutMs: 60_000, everyMs: 20 });
  }

  /** Bytes that have left anna's network card since it was put in. */
  async sent(): Promise<number> {
    const { stdout } = await this.hosts.anna.run(["ip", "-stats", "-json", "link", "show", "eth0"]);
    return Number(JSON.parse(stdout)[0].stats64.tx.bytes);
  }

  /** The transfer ends well by itself, everything is there once, and nothing is left over. */
  async arrives(id: string, timeoutMs = 100_000): Promise<TransferView> {
    const sent = await this.anna.ended(id, timeoutMs);
    expect([sent.state, sent.error]).toEqual(["done", null]);
    expect([...(await this.invariants.check([sent])).values()]).toEqual([["large (1).bin"], ["folder"]]);
    await this.invariants.nothingStaged();
    return sent;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.lan.close();
  }
}
