/**
 * A device that was paired in good faith and obeys no rule since, or one that
 * nobody ever paired. Beside it two honest daemons: one that it attacks, and one
 * that must not notice.
 */

import { randomBytes } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { expect } from "vitest";
import { decodeInvite } from "../../src/identity/invite.ts";
import { redeemInvite } from "../../src/identity/invite-protocol.ts";
import type { Credentials } from "../../src/transfer/gate.ts";
import { ALPN_PAIR, ALPN_TRANSFER } from "../../src/transfer/wire.ts";
import { newCredentials } from "./credentials.ts";
import { Room, type RoomOptions, type TestDaemon } from "./daemons.ts";
import { newTransferId } from "./ends.ts";
import { eventually } from "./process.ts";
import { contentFrames, controlFrame, RawPeer, RawServer } from "./raw-peer.ts";
import { differences, type Entry, readTree, type Tree } from "./tree.ts";

type Message = Readonly<Record<string, unknown>>;

/** An entry of a transfer as mallory says it: a folder, or a file with its content. */
export type Sent = { readonly path: readonly string[]; readonly content?: string | Uint8Array } & Message;

export class Mallory implements AsyncDisposable {
  readonly credentials: Credentials;
  /** Where it listens, for daemons that send to it. */
  readonly server: RawServer;
  readonly #peers: RawPeer[] = [];

  private constructor(credentials: Credentials, server: RawServer) {
    this.credentials = credentials;
    this.server = server;
  }

  static async open(): Promise<Mallory> {
    const credentials = newCredentials();
    return new Mallory(credentials, await RawServer.listen(credentials));
  }

  get hello(): Message {
    return { t: "hello", v: 1, name: "mallory", features: [], port: this.server.port };
  }

  /** Pairs with a daemon, by the rules. */
  async pairWith(daemon: TestDaemon): Promise<void> {
    await this.redeem(daemon, await daemon.invite());
  }

  /** Redeems the text of an invite, by the rules. Rejects with E_INVITE when it is refused. */
  async redeem(daemon: TestDaemon, invite: string): Promise<void> {
    const peer = await this.connect(daemon, ALPN_PAIR);
    const channel = {
      self: this.credentials.id,
      peer: daemon.id,
      exportKey: (label: string, context: Uint8Array, length: number) =>
        peer.socket.exportKeyingMaterial(length, label, Buffer.from(context)),
      send: async (message: Message) => peer.send(message),
      receive: () => peer.next("invite-accept", "invite-refuse"),
    };
    const party = { name: "mallory", port: this.server.port, random: randomBytes, pin: async () => {} };
    try {
      await redeemInvite(channel, decodeInvite(invite), party);
    } finally {
      peer.end();
      await peer.closed();
    }
  }

  /** A connection to a daemon, on which nothing has been said. */
  async connect(daemon: TestDaemon, alpn: string = ALPN_TRANSFER): Promise<RawPeer> {
    const peer = await RawPeer.connect(daemon.port, { credentials: this.credentials, alpn: [alpn] });
    this.#peers.push(peer);
    return peer;
  }

  /** A connection on which both have said hello. */
  async greet(daemon: TestDaemon): Promise<RawPeer> {
    const peer = await this.connect(daemon);
    peer.send(this.hello);
    await peer.next("hello");
    return peer;
  }

  /** A connection on which an offer was accepted. */
  async accepted(
    daemon: TestDaemon,
    offer: Message = offerOf([{ path: ["a.txt"], content: "hello" }]),
  ): Promise<RawPeer> {
    const peer = await this.greet(daemon);
    peer.send(offer);
    await peer.next("accept");
    return peer;
  }

  /** Sends a whole transfer and resolves to how it was answered at last. */
  async deliver(daemon: TestDaemon, entries: readonly Sent[], offer: Message = offerOf(entries)): Promise<Message> {
    const peer = await this.greet(daemon);
    peer.send(offer);
    const answer = await peer.next("accept", "decline", "abort");
    if (answer["t"] === "accept") sendEntries(peer, entries);
    const outcome = answer["t"] === "accept" ? await peer.next("complete", "abort") : answer;
    peer.end();
    await peer.closed();
    return outcome;
  }

  /** The next connection of a daemon that has something to say: not one that only looks who is there, or is over. */
  async called(): Promise<RawPeer> {
    for (;;) {
      const peer = await this.server.next();
      const talks = () => (peer.messages.length > 0 || peer.socket.destroyed ? true : undefined);
      await eventually("a word or the end", talks, { everyMs: 2 });
      if (peer.messages.length > 0 && !peer.socket.destroyed) return peer;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) await peer[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** An honest offer of these entries; `changes` make it a lie. */
export function offerOf(entries: readonly Sent[], changes: Message = {}): Message {
  const top = entries.filter(({ path }) => path.length === 1);
  return {
    t: "offer",
    id: newTransferId(),
    entries: entries.length,
    bytes: entries.reduce((sum, { content = "" }) => sum + Buffer.byteLength(content), 0),
    count: top.length,
    items: top.map(({ path, content }) => ({ name: path[0], type: content === undefined ? "folder" : "file" })),
    ...changes,
  };
}

/** All entries and `done`, by the rules as long as what is sent is. */
export function entryFrames(entries: readonly Sent[]): Buffer[] {
  const frames = entries.flatMap(({ path, content, ...fields }, index) => {
    const type = content === undefined ? "folder" : "file";
    const size = Buffer.byteLength(content ?? "");
    const entry = controlFrame({ t: "entry", index, path, type, size, mtime: 0, ...fields });
    return content === undefined ? [entry] : [entry, ...contentFrames(index, Buffer.from(content))];
  });
  return [...frames, controlFrame({ t: "done" })];
}

export function sendEntries(peer: RawPeer, entries: readonly Sent[]): void {
  for (const frame of entryFrames(entries)) peer.sendBytes(frame);
}

// What nobody may touch, time of files included; a folder's own time changes when staging is made in it.
const kept = ({ type, size, mode, inode, content, mtime }: Entry) => ({
  type,
  size,
  mode,
  inode,
  content,
  mtime: type === "file" ? mtime : 0n,
});

/** Mallory and two honest daemons, all paired: bert is attacked, anna sends to bert. */
export class Scene implements AsyncDisposable {
  readonly room: Room;
  readonly anna: TestDaemon;
  readonly bert: TestDaemon;
  readonly mallory: Mallory;
  #before: Tree = new Map();

  private constructor(room: Room, anna: TestDaemon, bert: TestDaemon, mallory: Mallory) {
    this.room = room;
    this.anna = anna;
    this.bert = bert;
    this.mallory = mallory;
  }

  static async open(options: RoomOptions = {}): Promise<Scene> {
    const room = await Room.open(options);
    const [anna, bert] = await room.pair();
    const mallory = room.use(await Mallory.open());
    await mallory.pairWith(bert);
    const scene = new Scene(room, anna, bert, mallory);
    await scene.remember();
    return scene;
  }

  /** What is there now is what nobody may touch from now on. */
  async remember(): Promise<void> {
    this.#before = await this.#tree();
  }

  /** Resolves when bert has nothing under way and holds nothing in staging. */
  async atRest(): Promise<void> {
    const { bert } = this;
    await eventually("bert at rest", async () => {
      const { running, offers, inbox } = await bert.client.call("get", "/v1/status", {});
      const staged = await readdir(path.join(bert.inbox, ".lanxfer")).catch(() => []);
      return running === 0 && offers === 0 && inbox.problem === null && staged.length === 0 ? true : undefined;
    });
  }

  /**
   * After an attack: the daemon answers, has nothing under way, holds nothing in
   * staging, and around its inbox all is as it was. In the inbox only `arrived`
   * is new: paths to contents, null for a folder. A transfer of anna's then works.
   */
  async unharmed(arrived: Readonly<Record<string, string | null>> = {}): Promise<void> {
    const { bert, anna } = this;
    await this.atRest();
    try {
      const isNew = Object.keys(arrived).map((name) => `${path.join("LanInbox", name)} is new`);
      expect(differences(this.#before, await this.#tree(), kept).toSorted()).toEqual(isNew.toSorted());
      for (const [name, content] of Object.entries(arrived)) {
        if (content !== null) expect(await readFile(path.join(bert.inbox, name), "utf8")).toBe(content);
      }
      const sent = await anna.deliver(bert, [await anna.write("proof.txt", "still works")]);
      expect(sent).toMatchObject({ state: "done", error: null });
    } finally {
      await this.#tidy();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.room[Symbol.asyncDispose]();
  }

  /** Takes out of the inbox what came since the beginning. */
  async #tidy(): Promise<void> {
    const { inbox } = this.bert;
    const names = (await readdir(inbox)).filter((name) => name !== ".lanxfer");
    for (const name of names.filter((each) => !this.#before.has(path.join("LanInbox", each)))) {
      await rm(path.join(inbox, name), { recursive: true });
    }
  }

  /** Everything in bert's home but what a daemon keeps of its own, and staging. */
  #tree(): Promise<Tree> {
    const own = new Set(["state", "run", "config", path.join("LanInbox", ".lanxfer")]);
    return readTree(this.bert.home, (relative) => own.has(relative));
  }
}
