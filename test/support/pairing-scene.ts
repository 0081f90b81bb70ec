/** A daemon, and somebody with a key of its own who calls it or is called by it in order to pair. */

import { ALPN_PAIR, ALPN_TRANSFER } from "../../src/transfer/wire.ts";
import { Window } from "./code-pairing.ts";
import { newCredentials } from "./credentials.ts";
import { Room, type TestDaemon } from "./daemons.ts";
import { Mallory } from "./mallory.ts";
import { Posing } from "./posing.ts";
import { eventually } from "./process.ts";
import { type RawPeer, RawServer } from "./raw-peer.ts";
import { SkippingClock } from "./skipping-clock.ts";

/** A daemon as the other end of a pairing knows it. */
export const who = (daemon: TestDaemon) => ({ id: daemon.id, own: { name: daemon.name, port: daemon.port } });

/** A listener for pairing with a key of its own, which `victim` knows as a device of that name. */
export async function falseListener(room: Room, victim: TestDaemon, name: string) {
  const server = room.use(await RawServer.listen(newCredentials(), { alpn: [ALPN_TRANSFER, ALPN_PAIR] }));
  await victim.client.call("post", "/v1/peers", { json: { name, host: "127.0.0.1", port: server.port } });
  await eventually(`${victim.name} sees it`, async () =>
    (await victim.client.call("get", "/v1/peers", {})).peers.find(({ id }) => id === server.id),
  );
  const self = { id: server.id, own: { name, port: server.port } };
  /** The next connection that is made for pairing. */
  const called = async (): Promise<RawPeer> => {
    for (;;) {
      const peer = await server.next();
      if (peer.socket.alpnProtocol === ALPN_PAIR) return peer;
    }
  };
  const calls = () => server.peers.filter(({ socket }) => socket.alpnProtocol === ALPN_PAIR).length;
  return { self, called, calls };
}

/** Bert, whom mallory calls under the name of anna. */
export async function pairingScene() {
  const clock = new SkippingClock();
  const room = await Room.open({ clock });
  const bert = await room.daemon("bert");
  const mallory = room.use(await Mallory.open());
  const self = { id: mallory.credentials.id, own: { name: "anna", port: 1 } };
  return {
    room,
    clock,
    bert,
    mallory,
    self,
    connect: () => mallory.connect(bert, ALPN_PAIR),
    /** A pairing with bert, on a new connection. */
    pose: async () => new Posing("dialler", await mallory.connect(bert, ALPN_PAIR), self, who(bert)),
    window: (daemon: TestDaemon = bert, peer?: string) => room.use(new Window(daemon, peer)),
    [Symbol.asyncDispose]: () => room[Symbol.asyncDispose](),
  };
}
