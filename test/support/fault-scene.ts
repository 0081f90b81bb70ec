/**
 * What most tests of faults begin with: anna sends a file and a folder to bert,
 * who has a file of that name already. Both run as built, on this machine.
 */

import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { TransferView } from "../../src/control/schema.ts";
import type { Device } from "./device.ts";
import { atRest, Invariants } from "./invariants.ts";
import { LocalPair, type PairOptions } from "./local.ts";
import { KiB, MiB } from "./sizes.ts";

export class FaultScene implements AsyncDisposable {
  readonly pair: LocalPair;
  readonly anna: Device;
  readonly bert: Device;
  /** What anna sends: absolute paths. */
  readonly sources: readonly string[];
  readonly invariants: Invariants;
  /** Bert's inbox as it is to be opened from here. */
  readonly inbox: string;

  private constructor(pair: LocalPair, sources: readonly string[], invariants: Invariants) {
    this.pair = pair;
    this.anna = pair.anna;
    this.bert = pair.bert;
    this.sources = sources;
    this.invariants = invariants;
    this.inbox = pair.places.bert.view(pair.bert.inbox);
  }

  static async open(options: PairOptions = {}): Promise<FaultScene> {
    const pair = await LocalPair.open(options);
    try {
      const { anna, bert } = pair.places;
      const sources = [anna.path("a.bin"), anna.path("folder")];
      await mkdir(anna.path("folder/inner"), { recursive: true });
      await writeFile(anna.path("a.bin"), Buffer.alloc(70 * KiB, 1));
      await writeFile(anna.path("folder/inner/b.bin"), Buffer.alloc(MiB + 1, 2));
      await writeFile(anna.path("folder/run.sh"), "#!/bin/sh\n");
      await chmod(anna.path("folder/run.sh"), 0o755);
      const inbox = bert.view(pair.bert.inbox);
      await writeFile(path.join(inbox, "a.bin"), "bert's own\n");
      const invariants = await Invariants.watch({ home: bert.view(bert.home), inbox }, ...sources);
      return new FaultScene(pair, sources, invariants);
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Makes one more file for anna to send, of which copies may arrive; resolves to its path. */
  async add(name: string, content: Uint8Array): Promise<string> {
    const file = path.join(this.anna.place.home, name);
    await writeFile(file, content);
    await this.invariants.expect(file);
    return file;
  }

  /** Sends everything and resolves to how it ended for anna. */
  async deliver(): Promise<TransferView> {
    return this.anna.ended((await this.anna.send(this.bert, this.sources)).id);
  }

  /** Has anna try a failed transfer again, or send it anew where there is nothing to go on with. */
  async again(failed: TransferView): Promise<TransferView> {
    if (!failed.canRetry) return this.deliver();
    await this.anna.control.call("post", "/v1/transfers/:id/retry", { param: { id: failed.id } });
    return this.anna.ended(failed.id);
  }

  /** Resolves when neither end has a transfer under way. */
  async atRest(): Promise<void> {
    await atRest(this.anna.control, this.bert.control);
  }

  /** How often each source has arrived since the beginning. Rejects when an invariant does not hold. */
  async copies(sent: readonly TransferView[]): Promise<number[]> {
    return [...(await this.invariants.check(sent)).values()].map((names) => names.length);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.pair[Symbol.asyncDispose]();
  }
}
