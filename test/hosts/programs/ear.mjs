// ear.mjs CARD: prints all that it hears of multicast DNS over CARD, IPv4 and
// IPv6, as JSON lines with "from" and "hex", after a line "listening".

import { createSocket } from "node:dgram";

const card = process.argv[2];
const listen = (type, any, group, at) =>
  new Promise((resolve) => {
    const socket = createSocket({ type, reuseAddr: true, ipv6Only: type === "udp6" });
    socket.on("message", (bytes, { address }) => {
      console.log(JSON.stringify({ from: address.split("%")[0], hex: bytes.toString("hex") }));
    });
    socket.bind(5353, any, () => {
      socket.addMembership(group, at);
      resolve();
    });
  });
await listen("udp4", "0.0.0.0", "224.0.0.251");
await listen("udp6", "::", "ff02::fb", `::%${card}`);
console.log("listening");
