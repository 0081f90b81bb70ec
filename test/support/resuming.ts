/**
 * A sender that obeys the rules and remembers nothing: it offers one transfer
 * over and over, takes up what it is told to, and can be cut off anywhere.
 */

import { expect } from "vitest";
import { blocksOf } from "../../src/transfer/blocks.ts";
import { BLOCK_SIZE } from "../../src/transfer/wire.ts";
import type { TestDaemon } from "./daemons.ts";
import { type Mallory, offerOf, type Sent } from "./mallory.ts";
import { eventually } from "./process.ts";
import type { RawPeer } from "./raw-peer.ts";
import { rootOf } from "./root.ts";

type Message = Readonly<Record<string, unknown>>;

/** An item of a `have` as it came. */
export interface HaveItem {
  readonly path: readonly string[];
  readonly type: string;
  readonly size: number;
  readonly mtime: number;
  readonly blocks: number;
  readonly root?: string;
  readonly as?: string;
}

export class Attempt {
  readonly peer: RawPeer;
  readonly have: readonly HaveItem[];
  #index = 0;

  private constructor(peer: RawPeer, have: readonly HaveItem[]) {
    this.peer = peer;
    this.have = have;
  }

  /** Offers, and has been accepted when it resolves. */
  static async begin(mallory: Mallory, to: TestDaemon, offer: Message, features = ["resume"]): Promise<Attempt> {
    const peer = await Attempt.offer(mallory, to, offer, features);
    const answer = await peer.next("accept", "decline", "abort");
    expect(answer["t"], JSON.stringify(answer)).toBe("accept");
    const told = peer.messages.filter(({ t }) => t === "have");
    return new Attempt(
      peer,
      told.flatMap(({ items }) => items as HaveItem[]),
    ); // as the receiver says them
  }

  /** One that has been accepted, with nothing here of it. */
  static of(peer: RawPeer): Attempt {
    return new Attempt(peer, []);
  }

  /** Offers, and leaves the answer to be read. */
  static async offer(mallory: Mallory, to: TestDaemon, offer: Message, features = ["resume"]): Promise<RawPeer> {
    const peer = await mallory.connect(to);
    peer.send({ ...mallory.hello, features }, offer);
    return peer;
  }

  item(...path: string[]): HaveItem | undefined {
    return this.have.find((item) => item.path.join("/") === path.join("/"));
  }

  /** Sends an entry up to but without block `until`, and its end when that is all of it. */
  send({ path, content, ...fields }: Sent, until = Number.POSITIVE_INFINITY): void {
    const index = this.#index++;
    const bytes = Buffer.from(content ?? "");
    const type = content === undefined ? "folder" : "file";
    const from = typeof fields["held"] === "number" ? fields["held"] : 0;
    this.peer.send({ t: "entry", index, path, type, size: bytes.length, mtime: 0, ...fields });
    if (type === "folder") return;
    const all = blocksOf(bytes.length);
    for (let block = from; block < Math.min(all, until); block++) {
      this.peer.sendBlock(index, bytes.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE));
    }
    if (until >= all) this.peer.send({ t: "end", index, root: rootOf(bytes) });
  }

  /** Sends all entries, taking up what there is of each. */
  sendAll(entries: readonly Sent[]): void {
    for (const entry of entries) {
      const held = this.item(...entry.path)?.blocks;
      this.send(held === undefined ? entry : { ...entry, held });
    }
    this.peer.send({ t: "done" });
  }

  /** Resolves when the receiver has written so many bytes. */
  async moved(bytes: number): Promise<void> {
    await eventually(
      `${bytes} bytes are written`,
      () =>
        this.peer.messages.some((message) => message["t"] === "progress" && Number(message["bytes"]) >= bytes) ||
        undefined,
    );
  }

  /** Resolves when the receiver has told of so many entries that they are saved. */
  async saved(count: number): Promise<void> {
    await eventually(`${count} entries are saved`, () => {
      const told = this.peer.messages.filter(({ t }) => t === "saved");
      return told.flatMap(({ items }) => items as unknown[]).length >= count || undefined;
    });
  }

  /** Resets the connection, and resolves when `daemon` has noticed. */
  async cut(daemon: TestDaemon, id: string): Promise<void> {
    this.peer.socket.destroy();
    await eventually("the transfer waits", async () => {
      const { transfers } = await daemon.client.call("get", "/v1/transfers", { query: { all: "true" } });
      const view = transfers.find((transfer) => transfer.id === id);
      return view?.state === "waiting" || view?.endedAt != null || undefined;
    });
  }

  /** Resolves to how the transfer was answered at last. */
  async outcome(): Promise<Message> {
    const message = await this.peer.next("complete", "abort");
    this.peer.end();
    await this.peer.closed();
    return message;
  }
}

/** Delivers all of it in one further attempt. */
export async function finish(mallory: Mallory, to: TestDaemon, entries: readonly Sent[], id: string): Promise<Attempt> {
  const attempt = await Attempt.begin(mallory, to, offerOf(entries, { id }));
  attempt.sendAll(entries);
  expect(await attempt.outcome()).toEqual({ t: "complete" });
  return attempt;
}
