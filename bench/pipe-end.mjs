// One end of the bare TLS pipe, as a process: `pipe-end.mjs ADDRESS DIR receive|send`.
// The peer is known by a fixed pre-shared key, which saves making certificates;
// the bytes are ciphered as lanxfer's are, with TLS_AES_128_GCM_SHA256.

import { createReadStream, createWriteStream } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { connect, createServer } from "node:tls";

const [address, inbox, role] = process.argv.slice(2);
const MiB = 1024 ** 2;
const psk = Buffer.alloc(32, 1);
const tls = { ciphers: "TLS_AES_128_GCM_SHA256", minVersion: /** @type {const} */ ("TLSv1.3") };

process.on("disconnect", () => process.exit());

if (role === "receive") {
  const server = createServer({ ...tls, pskCallback: () => psk, pauseOnConnect: true, allowHalfOpen: true });
  server.on("secureConnection", async (socket) => {
    // The first line is the name, what follows is the file.
    const name = await new Promise((resolve) => {
      socket.once("readable", () => {
        const head = socket.read();
        const at = head.indexOf(10);
        socket.unshift(head.subarray(at + 1));
        resolve(head.subarray(0, at).toString());
      });
    });
    await pipeline(socket, createWriteStream(path.join(inbox, name), { flags: "wx", highWaterMark: MiB }), {
      end: true,
    });
    socket.end("ok");
  });
  server.listen(0, address, () => process.send?.(server.address().port));
} else {
  process.on("message", async ({ source, port }) => {
    const socket = connect({
      ...tls,
      port,
      host: address,
      allowHalfOpen: true,
      pskCallback: () => ({ psk, identity: "bench" }),
      checkServerIdentity: () => undefined,
    });
    const saved = new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
    socket.write(`${path.basename(source)}\n`);
    await pipeline(createReadStream(source, { highWaterMark: MiB }), socket);
    await saved;
    process.send?.("saved");
  });
}
