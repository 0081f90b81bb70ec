/** A folder that is sent again, of which the receiver has most, while the receiver's disk or the receiver fails. */

import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import type { TransferView } from "../../src/control/schema.ts";
import { LocalPair } from "../support/local.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";
import { KiB, MiB } from "../support/sizes.ts";
import { ONE_FILE_THREAD, onFileThread } from "../support/strace.ts";
import { copied, readTree, type Tree } from "../support/tree.ts";

/** More kills than a transfer has calls of one kind. */
const MOST = 60;

/** Anna's folder, which bert has, and what has become of it since. */
class Album implements AsyncDisposable {
  readonly pair: LocalPair;
  readonly folder: string;
  #version = 0;

  private constructor(pair: LocalPair) {
    this.pair = pair;
    this.folder = path.join(pair.anna.place.home, "album");
  }

  static async open(): Promise<Album> {
    const album = new Album(await LocalPair.open({ env: ONE_FILE_THREAD }));
    await mkdir(path.join(album.folder, "inner"), { recursive: true });
    await writeFile(path.join(album.folder, "a.bin"), Buffer.alloc(2 * MiB + 1, 1));
    await writeFile(path.join(album.folder, "inner", "b.bin"), Buffer.alloc(70 * KiB, 2));
    await album.change();
    expect(await album.end(await album.send())).toMatchObject({ state: "done" });
    return album;
  }

  /** The last of its files becomes another one. */
  async change(): Promise<void> {
    await writeFile(path.join(this.folder, "z.txt"), `version ${this.#version++}`);
  }

  send(): Promise<TransferView> {
    const { anna } = this.pair;
    return anna.control.call("post", "/v1/transfers", { json: { peer: "bert", paths: [this.folder] } });
  }

  async end({ id }: TransferView): Promise<TransferView> {
    return this.pair.anna.ended(id, 60_000);
  }

  /** What anna has now has arrived under the name that she was told, and nothing is left of the way there. */
  async hasArrived(sent: TransferView): Promise<void> {
    expect(sent).toMatchObject({ state: "done", error: null });
    const { inbox } = this.pair.bert;
    const shown = async (folder: string) => visible(await readTree(folder));
    expect(await shown(path.join(inbox, sent.items[0]?.as ?? ""))).toEqual(await shown(this.folder));
    // The receiver tidies up behind what it has told.
    const staged = () => readdir(path.join(inbox, ".lanxfer"));
    await eventually("nothing is left of the way there", async () => (await staged()).length === 0 || undefined);
  }

  /** How many of them bert has. */
  async count(): Promise<number> {
    return (await readdir(this.pair.bert.inbox)).filter((name) => name.startsWith("album")).length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.pair[Symbol.asyncDispose]();
  }
}

/** It was delivered, and the receiver has nothing more to do for it. */
async function isAtRest({ pair: { anna, bert } }: Album, { id }: TransferView): Promise<boolean> {
  const sent = await anna.transfer(id);
  if (sent?.state !== "done") return false;
  return (await readdir(path.join(bert.inbox, ".lanxfer"))).length === 0;
}

const visible = (tree: Tree) => [...tree].map(([name, entry]) => [name, copied(entry)]);

suiteFor(["faults"])("a folder of which most is there already", () => {
  it.concurrent("arrives whole on a disk that says it has shared content and has not", async () => {
    await using album = await Album.open();
    await album.change();
    await using lie = await onFileThread(album.pair.bert, "ioctl:retval=0");
    const sent = await album.end(await album.send());
    expect(await lie.end()).toBeGreaterThanOrEqual(1);
    await album.hasArrived(sent);
    expect(await album.count()).toBe(2);
  });

  it.concurrent.each<[string, number]>([
    ["pread64", 1],
    ["pwrite64", 3],
    ["rename", 1],
  ])("arrives once, at whatever %s the receiver is killed", async (call, atLeast) => {
    await using album = await Album.open();
    const { bert } = album.pair;
    let kills = 0;
    for (let before = await album.count(); kills < MOST; kills++) {
      await album.change();
      await using _ = await onFileThread(bert, `${call}:signal=KILL:when=${kills + 1}`);
      const { daemon } = bert;
      const begun = await album.send();
      const isOver = async () => daemon.ended || (await isAtRest(album, begun)) || undefined;
      await eventually("the death, or the end", isOver, { everyMs: 5, timeoutMs: 30_000 });
      const killed = daemon.ended;
      if (killed) await bert.start();
      let sent = await album.end(begun);
      // Killed before it had accepted, as far as anna knows: then nothing has come.
      if (sent.state === "failed") sent = await album.end(await album.send());
      await album.hasArrived(sent);
      expect(await album.count()).toBe(++before);
      if (!killed) break;
    }
    process.stderr.write(`  killed ${kills} times at ${call}\n`);
    expect(kills).toBeGreaterThanOrEqual(atLeast);
  });
});
