// noise.mjs ADDRESS PORT SEED: sends nonsense until it is ended, then prints what
// it sent. To the multicast group and to port 5353 of ADDRESS: packets heard on
// the link with bytes changed, and random ones. To TCP port PORT: connections
// that speak something else, break off, or say nothing.

import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

const [address, port, seed] = process.argv.slice(2);
const GROUP = "224.0.0.251";
const MDNS = 5353;

// mulberry32: a run can be repeated by its seed.
let state = Number(seed);
function random(below) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
  return ((t ^ (t >>> 14)) >>> 0) % below;
}
const bytes = (length) => Buffer.from(Array.from({ length }, () => random(256)));

const heard = [];
const sent = { packets: 0, connections: 0 };

function nonsense() {
  const template = heard[random(heard.length || 1)];
  if (template === undefined || random(4) === 0) return bytes(random(600));
  const packet = Buffer.from(template).subarray(0, random(8) === 0 ? random(template.length) : template.length);
  for (let n = random(6); n > 0 && packet.length > 0; n--) packet[random(packet.length)] = random(256);
  return packet;
}

// From port 5353 it looks like a responder, from another port like a one-shot query.
const responder = createSocket({ type: "udp4", reuseAddr: true });
const stranger = createSocket("udp4");
responder.on("message", (packet, { address: from }) => {
  if (from !== address) return;
  heard.push(packet);
  if (heard.length > 32) heard.shift();
});
responder.bind(MDNS, () => {
  responder.addMembership(GROUP);
  setInterval(() => {
    for (const socket of [responder, stranger]) {
      for (const target of [GROUP, address]) {
        socket.send(nonsense(), MDNS, target, () => {});
        sent.packets++;
      }
    }
  }, 50);
  process.stdout.write("ready\n");
});

const open = new Set();
function keep(socket) {
  open.add(socket);
  socket.on("error", () => {}).on("close", () => open.delete(socket));
  sent.connections++;
}
const visits = [
  () =>
    keep(
      connect(port, address, function () {
        this.end(bytes(1 + random(2000)));
      }),
    ),
  () =>
    keep(
      connect(port, address, function () {
        this.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      }),
    ),
  () =>
    keep(
      connect(port, address, function () {
        this.resetAndDestroy();
      }),
    ),
  () => keep(connect(port, address)),
  () => keep(connectTls({ port, host: address, rejectUnauthorized: false })),
  () => keep(connectTls({ port, host: address, rejectUnauthorized: false, ALPNProtocols: ["lanxfer/1"] })),
];
setInterval(() => {
  if (open.size < 16) visits[random(visits.length)]();
}, 50);

process.on("SIGTERM", () => {
  process.stdout.write(`${JSON.stringify(sent)}\n`, () => process.exit());
});
