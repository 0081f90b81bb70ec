// impostor.mjs ID NAME KEY CERTIFICATE: advertises the device ID under NAME, but
// holds another key (two PEM files). Greets whoever connects as the real one
// would, and prints one JSON line for each thing that it learns.

import { readFileSync } from "node:fs";
import { createServer } from "node:tls";
import { Bonjour } from "bonjour-service";

const [id, name, key, certificate] = process.argv.slice(2);
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function control(message) {
  const json = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(5, 1); // type 1: a message
  head.writeUInt32BE(1 + json.length);
  return Buffer.concat([head, json]);
}

const server = createServer({
  key: readFileSync(key),
  cert: readFileSync(certificate),
  minVersion: "TLSv1.3",
  requestCert: true,
  rejectUnauthorized: false,
  ALPNProtocols: ["lanxfer/1", "lanxfer-pair/1"],
});
server.on("connection", () => tell({ event: "connection" }));
server.on("secureConnection", (socket) => {
  tell({ event: "handshake", subject: socket.getPeerX509Certificate()?.subject ?? null });
  socket.on("data", (data) => tell({ event: "heard", text: data.toString("latin1") }));
  socket.on("error", (error) => tell({ event: "error", text: error.message }));
  socket.write(control({ t: "hello", v: 1, name, features: [], port: server.address().port }));
});
server.listen(0, "0.0.0.0", () => {
  new Bonjour().publish({
    name: `${name} (${id.slice(0, 4)})`,
    type: "lanxfer",
    port: server.address().port,
    host: `lanxfer-${id}.local`,
    txt: { txtvers: "1", v: "1", id, name, boot: "impostor" },
    probe: false,
  });
  tell({ event: "ready", port: server.address().port });
});
