/** Strangers in great numbers: they may be heard, but nobody who is paired has to wait for them. */

import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { ALPN_PAIR } from "../../src/transfer/wire.ts";
import { Window } from "../support/code-pairing.ts";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { Mallory } from "../support/mallory.ts";
import { Posing } from "../support/posing.ts";
import { eventually } from "../support/process.ts";

class Crowd implements AsyncDisposable {
  readonly sockets: Socket[] = [];

  /** Connects and says nothing. */
  async come(to: TestDaemon, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const socket = connect(to.port, "127.0.0.1");
      socket.on("error", () => {});
      this.sockets.push(socket);
      await new Promise<void>((resolve) => socket.once("connect", resolve).once("close", () => resolve()));
    }
  }

  get left(): number {
    return this.sockets.filter((socket) => !socket.destroyed).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
  }
}

describe("a crowd of silent connections", () => {
  it("loses its places to those who come later, and paired devices transfer all the while", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    const crowd = room.use(new Crowd());
    await crowd.come(bert, 400);
    await eventually("the oldest are gone", async () => crowd.left <= 128 || undefined);
    const file = await anna.write("a.txt", "hello");
    for (let i = 0; i < 3; i++) {
      const sent = anna.deliver(bert, [file]);
      await crowd.come(bert, 50);
      expect(await sent).toMatchObject({ state: "done" });
    }
    const { refused } = await bert.client.call("get", "/v1/status", {});
    expect(refused["crowded out"]).toBeGreaterThanOrEqual(400);
  });

  it("does not end a pairing that somebody takes part in, only those that nobody waits for", async () => {
    await using room = await Room.open();
    const bert = await room.daemon("bert");
    const mallory = room.use(await Mallory.open());
    const crowd = room.use(new Crowd());
    const open = room.use(new Window(bert));
    await open.when("waiting");
    const idle = await Promise.all(Array.from({ length: 20 }, () => mallory.connect(bert, ALPN_PAIR)));
    const self = { id: mallory.credentials.id, own: { name: "mallory", port: 1 } };
    const other = { id: bert.id, own: { name: "bert", port: bert.port } };
    const posing = new Posing("dialler", await mallory.connect(bert, ALPN_PAIR), self, other);
    await posing.until("comparing");
    await crowd.come(bert, 400);
    await Promise.all(idle.map((peer) => peer.closed()));
    const { code } = await open.when("comparing");
    expect(posing.machine.comparing.codes.wanted).toBe(code);
    await posing.end();
  });
});
