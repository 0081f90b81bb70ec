// say.mjs FILE: multicasts what the lines of FILE say, JSON with "hex" and, where
// they differ from 5353 and the address of the system's choice, "port" and "from";
// "pause" waits so many milliseconds after it. Prints "said" at the end.

import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";

const sockets = new Map();

function socketFor(port, from) {
  const key = `${from} ${port}`;
  if (!sockets.has(key)) {
    const socket = createSocket({ type: "udp4", reuseAddr: true });
    const open = new Promise((resolve) => socket.bind(port, from, () => resolve(socket)));
    sockets.set(
      key,
      open.then(() => {
        if (from !== "0.0.0.0") socket.setMulticastInterface(from);
        return socket;
      }),
    );
  }
  return sockets.get(key);
}

for (const line of readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean)) {
  const { hex, port = 5353, from = "0.0.0.0", pause = 0 } = JSON.parse(line);
  const socket = await socketFor(port, from);
  await new Promise((resolve) => socket.send(Buffer.from(hex, "hex"), 5353, "224.0.0.251", resolve));
  if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
}
for (const socket of sockets.values()) (await socket).close();
console.log("said");
