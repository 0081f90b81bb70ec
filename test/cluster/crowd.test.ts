/** Strangers in great numbers: they may be heard, but nobody who is paired has to wait for them. */

import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { Room, type TestDaemon } from "../support/daemons.ts";
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
});
