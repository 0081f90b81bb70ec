// Announces devices that there are not, as many as wanted, each once, mixed with packets that are none.

import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { createRequire } from "node:module";
import { pause } from "../crowd.mjs";

// The library's own codec, so that the packets are good ones.
const require = createRequire(createRequire(import.meta.url).resolve("multicast-dns"));
const codec = require("dns-packet");

const GROUP = "224.0.0.251";
const PORT = 5353;
const SERVICE = "_lanxfer._tcp.local";
/** As many as a reader takes from one packet. */
const PER_PACKET = 8;
/** Packets between two looks at the clock. */
const BURST = 25;

const base32 = (length) =>
  [...randomBytes(length)].map((byte) => "abcdefghijklmnopqrstuvwxyz234567"[byte & 31]).join("");

function instance(address) {
  const id = `${base32(51)}a`;
  const name = `fake (${id.slice(0, 4)}).${SERVICE}`;
  const host = `lanxfer-${id}.local`;
  const txt = ["txtvers=1", "v=1", `id=${id}`, `name=fake ${id.slice(0, 8)}`, `boot=${base32(8)}`];
  return {
    answers: [{ name: SERVICE, type: "PTR", ttl: 4500, data: name }],
    additionals: [
      { name, type: "SRV", ttl: 120, data: { port: 25726, target: host } },
      { name, type: "TXT", ttl: 4500, data: txt },
      { name: host, type: "A", ttl: 120, data: address },
    ],
  };
}

function announcement(address, count) {
  const all = Array.from({ length: count }, () => instance(address));
  return codec.encode({
    type: "response",
    flags: codec.AUTHORITATIVE_ANSWER,
    answers: all.flatMap(({ answers }) => answers),
    additionals: all.flatMap(({ additionals }) => additionals),
  });
}

/** Packets that no decoder should take long over: pointers in a loop, counts that lie, labels that end nowhere. */
const MALFORMED = [
  () => Buffer.from("000084000000000100000000c00c000c0001000011940002c00c", "hex"),
  () => Buffer.concat([Buffer.from("00008400ffffffffffffffff", "hex"), randomBytes(200)]),
  () => Buffer.concat([Buffer.from("000084000000000100000000", "hex"), Buffer.alloc(1400, 63)]),
  () => Buffer.concat([Buffer.from("000084000000000100000000", "hex"), Buffer.alloc(1400, 0xc0)]),
  () => randomBytes(600),
  () => Buffer.alloc(0),
  () => randomBytes(3),
];

/** @param {{ count: number, from: string[], perSecond: number }} parameters addresses of this host to send from */
export async function attack({ count, from, perSecond }) {
  const sockets = await Promise.all(
    from.map(async (address) => {
      const socket = createSocket({ type: "udp4", reuseAddr: true });
      await new Promise((resolve) => socket.bind(PORT, address, resolve));
      socket.setMulticastInterface(address);
      return { socket, address };
    }),
  );
  const sent = { instances: 0, packets: 0, malformed: 0 };
  const began = performance.now();
  while (sent.instances < count) {
    for (let n = 0; n < BURST && sent.instances < count; n++) {
      const { socket, address } = sockets[sent.packets % sockets.length];
      const some = Math.min(PER_PACKET, count - sent.instances);
      // Small enough for one frame each: the daemon does not look at others.
      for (let at = 0; at < some; at += 4) {
        const packet = announcement(address, Math.min(4, some - at));
        await new Promise((resolve) => socket.send(packet, PORT, GROUP, resolve));
        sent.packets++;
      }
      sent.instances += some;
      const bad = MALFORMED[sent.packets % MALFORMED.length]();
      await new Promise((resolve) => socket.send(bad, PORT, GROUP, resolve));
      sent.malformed++;
    }
    const due = ((sent.packets + sent.malformed) / perSecond) * 1_000;
    const early = due - (performance.now() - began);
    if (early > 0) await pause(early);
  }
  for (const { socket } of sockets) socket.close();
  return { attempts: sent.instances, counts: sent };
}
