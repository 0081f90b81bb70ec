import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { type DeviceId, deviceIdFromHash, shortId, transferIdFrom } from "../../../../src/core/ids.ts";
import { Interrupted } from "../../../../src/daemon/incoming/interrupted.ts";
import type { TransferRecord } from "../../../../src/daemon/record/transfer-record.ts";
import { Transfers } from "../../../../src/daemon/record/transfers.ts";
import type { Kept } from "../../../../src/transfer/staging.ts";
import { LogLines } from "../../../support/log-lines.ts";
import { ManualClock } from "../../discovery/support/clock.ts";

export const self = deviceIdFromHash(Buffer.alloc(32));
export const device = (n: number): DeviceId => deviceIdFromHash(Buffer.alloc(32, n));
export const transfer = (n: number) => transferIdFrom(Buffer.alloc(10, n));
export const MB = 1_000_000;

/** Interrupted transfers in a real inbox: each a directory in staging. */
export class Waiting {
  readonly clock = new ManualClock();
  readonly inbox: string;
  readonly ended: TransferRecord[] = [];
  readonly interrupted: Interrupted;
  readonly #transfers = new Transfers(this.clock, () => {});

  private constructor(inbox: string) {
    this.inbox = inbox;
    this.interrupted = new Interrupted({
      self,
      clock: this.clock,
      log: new LogLines(),
      inbox: () => inbox,
      ended: async (record) => void this.ended.push(record),
    });
  }

  /** `inbox` is an empty directory. */
  static async open(inbox: string): Promise<Waiting> {
    await mkdir(path.join(inbox, ".lanxfer"));
    return new Waiting(inbox);
  }

  async add(peer: DeviceId, n: number, bytes = MB): Promise<Kept> {
    const id = transfer(n);
    const staged = path.join(this.inbox, ".lanxfer", `${shortId(self)}.${shortId(peer)}.${id}`);
    await mkdir(staged);
    await writeFile(path.join(staged, "journal"), "");
    const items = [{ name: "a", type: "file" as const }];
    const facts = { id, entries: 1, bytes: 2 * bytes, items };
    const record = this.#transfers.start(
      { ...facts, note: null, direction: "in", peer: { id: peer, name: "anna" }, state: "waiting" },
      () => {},
    );
    const kept = { peer, offer: { t: "offer", count: 1, ...facts }, bytes, since: this.clock.now() } as const;
    await this.interrupted.add(kept, record);
    return kept;
  }

  async staged(): Promise<string[]> {
    return (await readdir(path.join(this.inbox, ".lanxfer"))).map((name) => name.split(".").at(-1) ?? "").sort();
  }

  get reasons(): (string | undefined)[] {
    return this.ended.map(({ view }) => view.error?.code);
  }
}
