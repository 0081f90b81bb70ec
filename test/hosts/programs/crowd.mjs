// crowd.mjs COUNT FIRST OTHER: many devices in one program, each with an address
// of its own (10.77.0.FIRST and following), that ask and answer as PROTOCOL 7
// says. Prints JSON lines: "ready", and once a second what was heard from the
// host OTHER, packets and connections, since the start.

import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { createRequire } from "node:module";
import { createServer } from "node:net";

const codec = createRequire(import.meta.url)("dns-packet");
const [count, first, other] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
const SERVICE = "_lanxfer._tcp.local";
const GROUP = "224.0.0.251";
const PORT = 5353;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** A device id: 52 characters of base32, of which the last has one bit. */
function newId() {
  const bits = [...createHash("sha256").update(randomBytes(8)).digest()].map((byte) =>
    byte.toString(2).padStart(8, "0"),
  );
  const groups = `${bits.join("")}0000`.match(/.{5}/g);
  return groups.map((group) => ALPHABET[Number.parseInt(group, 2)]).join("");
}

const heard = { questions: 0, answers: 0, connections: 0 };

function device(address) {
  const id = newId();
  const instance = `crowd ${address} (${id.slice(0, 4)}).${SERVICE}`;
  const host = `lanxfer-${id}.local`;
  const txt = ["txtvers=1", "v=1", `id=${id}`, `name=crowd ${address}`, "boot=1"];
  const pointer = { name: SERVICE, type: "PTR", ttl: 4500, data: instance };
  const records = [
    pointer,
    { name: instance, type: "SRV", ttl: 120, flush: true, data: { port: 25726, target: host } },
    { name: instance, type: "TXT", ttl: 4500, flush: true, data: txt },
    { name: host, type: "A", ttl: 120, flush: true, data: address },
  ];
  const answer = codec.encode({ type: "response", flags: 1024, answers: [pointer], additionals: records.slice(1) });
  const question = codec.encode({ type: "query", questions: [{ name: SERVICE, type: "PTR" }], answers: [pointer] });
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  const say = (packet) => socket.send(packet, PORT, GROUP, () => {});
  let round;
  let answeredAt = 0;
  let askedAt = 0;
  const restart = () => {
    if (Date.now() - askedAt < 1200) return; // who has answered does not answer again so soon
    askedAt = Date.now();
    clearTimeout(round);
    round = setTimeout(
      () => {
        say(question);
        restart();
      },
      5000 + Math.random() * 250,
    );
  };
  socket.bind(PORT, address, () => {
    socket.setMulticastInterface(address);
    say(answer);
    restart();
  });
  return (asker) => {
    restart();
    if (asker === instance || Date.now() - answeredAt < 1000) return;
    answeredAt = Date.now();
    setTimeout(() => say(answer), 20 + Math.random() * 100);
  };
}

const ear = createSocket({ type: "udp4", reuseAddr: true });
let devices = [];
ear.on("message", (bytes, from) => {
  const packet = codec.decode(bytes);
  if (from.address === other) heard[packet.type === "query" ? "questions" : "answers"]++;
  if (packet.type !== "query" || !packet.questions.some(({ name }) => name === SERVICE)) return;
  for (const asked of devices) asked(packet.answers[0]?.data);
});
ear.bind(PORT, "0.0.0.0", () => {
  ear.addMembership(GROUP, `10.77.0.${first}`);
  devices = Array.from({ length: count }, (_, n) => device(`10.77.0.${first + n}`));
  console.log(JSON.stringify({ event: "ready" }));
  setInterval(() => console.log(JSON.stringify({ event: "heard", ...heard })), 1000);
});
createServer((socket) => {
  heard.connections++;
  socket.on("error", () => {}).destroy();
}).listen(25726, "0.0.0.0");
